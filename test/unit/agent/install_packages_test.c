/*
 * What a new system lacks to start, by what lies in it. The installation of that:
 * test/boot/test_minimal.py.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/agent/install_packages.h"
#include "src/agent/install_path.h"
#include "src/base/file.h"

#define DEBIAN "ID=debian\n"
#define UBUNTU "ID=ubuntu\nVERSION_CODENAME=noble\n"

static struct arena *arena;
static char root[64];
static struct tool_log tools;
static struct storage_item items[2];
static struct storage_plan plan;
static struct storage_work storage;
static struct task task;
static struct installed installed;
static struct error err;

static void put(const char *path, const char *text)
{
    struct task_file file = {path, text, 0644};
    if (install_put_file(&installed, &file, &err))
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    tool_log_open(&tools, arena);
    strcpy(root, "/tmp/gantry-packages-XXXXXX");
    plan = (struct storage_plan){items, 1};
    items[0] = (struct storage_item){.type = STORAGE_DISK};
    items[1] = (struct storage_item){.type = STORAGE_VOLGROUP};
    storage = (struct storage_work){.plan = &plan};
    task = (struct task){.kernel_package = NULL};
    installed = (struct installed){.root = root, .task = &task, .storage = &storage, .log = &tools};
    return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    file_remove_tree(root, &err);
    tool_log_close(&tools);
    arena_free(arena);
    return 0;
}

/* The names with blanks between, or what is wrong. */
static const char *lacking(void)
{
    struct install_packages found;
    const char *list = "";
    if (install_packages_find(&installed, &found, &err))
        return err.text;
    for (int i = 0; i < found.count; i++)
        list = arena_printf(arena, "%s%s%s", list, i ? " " : "", found.names[i]);
    return found.fallback ? arena_printf(arena, "%s (%s)", list, found.fallback) : list;
}

static void put_system(const char *os_release)
{
    put("/etc/os-release", os_release);
    put("/usr/bin/apt-get", "");
    put("/usr/sbin/update-initramfs", "");
}

static void put_bios_loader(void)
{
    put("/usr/sbin/grub-install", "");
    put("/usr/lib/grub/i386-pc/moddep.lst", "");
}

static void test_kernel(void **state)
{
    (void)state;
    put_system(UBUNTU);
    put_bios_loader();
    assert_string_equal(lacking(), "linux-generic");
    task.kernel_package = "linux-generic-hwe-24.04";
    assert_string_equal(lacking(), "linux-generic-hwe-24.04 (linux-generic)");
    task.kernel_package = "linux-generic";
    assert_string_equal(lacking(), "linux-generic");
    put("/boot/vmlinuz-6.8.0-31-generic", "");
    assert_string_equal(lacking(), "");
}

static void test_what_makes_its_initrd(void **state)
{
    (void)state;
    put("/etc/os-release", DEBIAN);
    put("/usr/bin/apt-get", "");
    put_bios_loader();
    assert_string_equal(lacking(), "linux-image-amd64 initramfs-tools");
    put("/usr/bin/dracut", "");
    assert_string_equal(lacking(), "linux-image-amd64");
}

static void test_boot_loader_of_a_bios(void **state)
{
    (void)state;
    put_system(DEBIAN);
    put("/boot/vmlinuz-6.1", "");
    assert_string_equal(lacking(), "grub2-common grub-pc-bin");
    put("/usr/sbin/grub-install", "");
    assert_string_equal(lacking(), "grub-pc-bin");
}

static void test_boot_loader_of_uefi(void **state)
{
    (void)state;
    installed.uefi = true;
    put_system(UBUNTU);
    put("/boot/vmlinuz-6.8", "");
    assert_string_equal(lacking(), "grub2-common grub-efi-amd64-signed shim-signed");
    put_bios_loader();
    assert_string_equal(lacking(), "grub-efi-amd64-signed shim-signed");
    put("/usr/lib/grub/x86_64-efi/moddep.lst", "");
    assert_string_equal(lacking(), "");
    installed.secure_boot = true;
    assert_string_equal(lacking(), "grub-efi-amd64-signed shim-signed");
    put(INSTALL_GRUB, "");
    put(INSTALL_SHIM, "");
    assert_string_equal(lacking(), "");
}

/* As Ubuntu has it: by its alternatives, with absolute links. */
static void test_a_link_leads_where_the_system_would_follow_it(void **state)
{
    (void)state;
    installed.uefi = installed.secure_boot = true;
    put_system(UBUNTU);
    put("/boot/vmlinuz-6.8", "");
    put(INSTALL_GRUB, "");
    put("/etc/alternatives/x", "");
    put("/usr/lib/shim/shimx64.efi.signed.latest", "");
    assert_int_equal(symlink("/usr/lib/shim/shimx64.efi.signed.latest",
                             arena_printf(arena, "%s/etc/alternatives/shim", root)),
                     0);
    assert_int_equal(
        symlink("/etc/alternatives/shim", arena_printf(arena, "%s" INSTALL_SHIM, root)), 0);
    assert_string_equal(lacking(), "");
    assert_int_equal(install_path_remove(root, "/etc/alternatives/shim", arena, &err), ERR_OK);
    assert_string_equal(lacking(), "grub2-common grub-efi-amd64-signed shim-signed");
    assert_int_equal(install_path_remove(root, "/no/such/file", arena, &err), ERR_OK);
}

static void test_volume_groups(void **state)
{
    (void)state;
    put_system(DEBIAN);
    put_bios_loader();
    put("/boot/vmlinuz-6.1", "");
    plan.count = 2;
    assert_string_equal(lacking(), "lvm2");
    put("/sbin/lvm", "");
    assert_string_equal(lacking(), "");
}

static void test_other_systems(void **state)
{
    (void)state;
    put("/etc/os-release", DEBIAN);
    assert_non_null(strstr(lacking(), "no kernel (/boot/vmlinuz-*), and no apt-get"));
    put("/etc/os-release", "ID=\"centos\"\n");
    put("/usr/bin/apt-get", "");
    assert_non_null(strstr(lacking(), "it is neither Debian nor Ubuntu"));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    put("/boot/vmlinuz-5", "");
    assert_non_null(strstr(lacking(), "no boot loader (GRUB)"));
    put_bios_loader();
    plan.count = 2; /* its volume groups may be its own affair */
    assert_string_equal(lacking(), "");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(test_kernel),
        TEST(test_what_makes_its_initrd),
        TEST(test_boot_loader_of_a_bios),
        TEST(test_boot_loader_of_uefi),
        TEST(test_a_link_leads_where_the_system_would_follow_it),
        TEST(test_volume_groups),
        TEST(test_other_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

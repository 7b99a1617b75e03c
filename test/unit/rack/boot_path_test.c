/* src/rack/boot_path.c: names are made safe and sorted. */
// rooms: rack
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/rack/boot_path.h"

#define SHA "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static struct boot_path path;
static struct error err;

static enum error_code read_name(const char *name)
{
    return boot_path_read(name, strlen(name), &path, &err);
}

static void test_kinds(void **unused)
{
    (void)unused;
    const struct {
        const char *name;
        enum boot_path_kind kind;
        const char *path;
    } rows[] = {
        {"bootx64.efi", BOOT_PATH_FILE, "bootx64.efi"},
        {"//grubx64.efi", BOOT_PATH_FILE, "grubx64.efi"},
        {"/grub/x86_64-efi//command.lst", BOOT_PATH_FILE, "grub/x86_64-efi/command.lst"},
        {"images/vmlinuz", BOOT_PATH_IMAGE, "vmlinuz"},
        {"/images//a/b", BOOT_PATH_IMAGE, "a/b"},
        {"/blobs/" SHA, BOOT_PATH_BLOB, "blobs/" SHA},
        {"blobs/" SHA "0", BOOT_PATH_FILE, NULL},
        {"blobs/A" SHA, BOOT_PATH_FILE, NULL},
        {"images", BOOT_PATH_FILE, "images"},
        {"ipxe.cfg", BOOT_PATH_IPXE, "ipxe.cfg"},
        {"ipxe.cfg-52-54-00-00-00-01", BOOT_PATH_IPXE_MAC, NULL},
        {"pxelinux.cfg/01-52-54-00-00-00-01", BOOT_PATH_PXELINUX_MAC, NULL},
        {"pxelinux.cfg/default", BOOT_PATH_PXELINUX_DEFAULT, NULL},
        {"pxelinux.cfg/0A4D0064", BOOT_PATH_FILE, NULL},
        {"/grub/grub.cfg", BOOT_PATH_GRUB, NULL},
        {"/grub/grub.cfg-52:54:00:00:00:01", BOOT_PATH_GRUB_MAC, NULL},
        {"/grub/grub.cfg-", BOOT_PATH_FILE, NULL},
        {"ipxe.cfg-52-54-00-00-00", BOOT_PATH_FILE, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(read_name(rows[i].name), ERR_OK);
        assert_int_equal(path.kind, rows[i].kind);
        if (rows[i].path)
            assert_string_equal(path.path, rows[i].path);
        if (strstr(rows[i].name, "01") && path.kind != BOOT_PATH_FILE)
            assert_memory_equal(path.mac.bytes, "\x52\x54\0\0\0\1", 6);
    }
}

static void test_refused(void **unused)
{
    (void)unused;
    const char *const bad[] = {"../etc/passwd", "/..",   "a/../b",   "a/..",     "./a",
                               "a/.hidden",     ".git",  "a\\b",     "\\a",      "a b",
                               "a\nb",          "a\x7f", "\xc3\xa4", "a;b",      "a?b",
                               "%2e%2e/x",      "a..b",  "a:..:",    "..\\..\\x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(read_name(bad[i]), ERR_BAD_INPUT);
    assert_int_equal(boot_path_read("a\0b", 3, &path, &err), ERR_BAD_INPUT);
    char name[BOOT_PATH_BYTES + 1];
    memset(name, 'a', sizeof(name));
    assert_int_equal(boot_path_read(name, BOOT_PATH_BYTES, &path, &err), ERR_BAD_INPUT);
    assert_int_equal(boot_path_read(name, BOOT_PATH_BYTES - 1, &path, &err), ERR_OK);
    assert_int_equal(read_name(""), ERR_NOT_FOUND);
    assert_int_equal(read_name("///"), ERR_NOT_FOUND);
    assert_int_equal(read_name("images/"), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The installed system's boot loader: see install_system.h. Source: GNU GRUB manual 4, 6, 16; UEFI
 * 3.5.1.1 (removable media); the paths that Debian's signed GRUB and shim are built with. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "src/agent/install_chroot.h"
#include "src/agent/install_path.h"
#include "src/agent/os_release.h"

enum { GRUB_S = 600, COPY_S = 60, ID_BYTES = 32 };

#define KERNEL "vmlinuz-"

static bool has(const struct installed *system, const char *path)
{
    return install_path_has(system->root, path);
}

/* What the kernel calls its root: LVM is set up by name before file systems can be looked for. */
static const char *root_option(const struct installed *system)
{
    struct arena *arena = system->log->arena;
    const struct storage_item *format = storage_plan_mount(system->storage->plan, "/")->on;
    const struct storage_item *volume = format->on;
    if (volume->type != STORAGE_LOGICAL)
        return arena_printf(arena, "UUID=%s", format->uuid);
    char *name = arena_alloc(arena, 4 + 2 * (strlen(volume->on->name) + strlen(volume->name)));
    char *out = name;
    const char *const parts[] = {volume->on->name, volume->name};
    for (int i = 0; i < 2; i++) {
        for (const char *p = parts[i]; *p; p++) {
            *out++ = *p;
            if (*p == '-') /* device-mapper's own dash stands alone */
                *out++ = '-';
        }
        if (!i)
            *out++ = '-';
    }
    return arena_printf(arena, "/dev/mapper/%s", name);
}

const char *install_kernel_file(const struct installed *system)
{
    const char *file = NULL;
    int fd = install_path_open(system->root, "/boot", O_RDONLY | O_DIRECTORY, 0);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (!strncmp(entry->d_name, KERNEL, strlen(KERNEL)) &&
            (!file || strverscmp(entry->d_name, file) > 0))
            file = arena_strdup(system->log->arena, entry->d_name);
    if (folder)
        closedir(folder);
    return file;
}

enum error_code install_kernel(const struct installed *system, struct installed_kernel *kernel,
                               struct error *err)
{
    struct arena *arena = system->log->arena;
    *kernel = (struct installed_kernel){.file = install_kernel_file(system)};
    if (!kernel->file)
        return error_set(err, ERR_NOT_FOUND,
                         "the system has no kernel: there is no /boot/" KERNEL "*");
    const char *release = kernel->file + strlen(KERNEL);
    const char *const names[] = {arena_printf(arena, "initrd.img-%s", release),
                                 arena_printf(arena, "initramfs-%s.img", release)};
    for (size_t i = 0; i < 2 && !kernel->initrd; i++)
        if (has(system, arena_printf(arena, "/boot/%s", names[i])))
            kernel->initrd = names[i];
    kernel->root = root_option(system);
    return ERR_OK;
}

/* GRUB's shell: what could mean something to it is escaped. */
static const char *grub_words(struct arena *arena, const char *line)
{
    char *words = arena_alloc(arena, 2 * strlen(line) + 1), *out = words;
    for (; *line; line++) {
        if (!isalnum((unsigned char)*line) && !strchr(" ._:/=,@%+-", *line))
            *out++ = '\\';
        *out++ = *line;
    }
    return words;
}

/* The file system that holds /boot, and where in it that is. */
static const struct storage_item *boot_place(const struct installed *system, const char **prefix)
{
    const struct storage_item *mount = storage_plan_mount_of(system->storage->plan, "/boot");
    *prefix = mount->path[1] ? "" : "/boot";
    return mount->on;
}

static enum error_code put_text(const struct installed *system, const char *path,
                                const char *content, struct error *err)
{
    struct task_file file = {path, content, 0644};
    return install_put_file(system, &file, err);
}

/* For the next update-grub, single quotes of its shell. */
static const char *grub_default(const struct installed *system)
{
    struct arena *arena = system->log->arena;
    const char *options = system->task->kernel_options;
    char *quoted = arena_alloc(arena, 4 * strlen(options) + 1), *out = quoted;
    for (; *options; options++) {
        for (const char *p = *options == '\'' ? "'\\'" : ""; *p; p++)
            *out++ = *p;
        *out++ = *options;
    }
    return arena_printf(arena,
                        "# Made at installation.\nGRUB_CMDLINE_LINUX_DEFAULT=''\n"
                        "GRUB_CMDLINE_LINUX='%s'\nGRUB_TIMEOUT=0\n",
                        quoted);
}

static enum error_code write_config(const struct installed *system, struct error *err)
{
    struct arena *arena = system->log->arena;
    struct installed_kernel kernel;
    const char *prefix;
    const struct storage_item *boot = boot_place(system, &prefix);
    enum error_code code = install_kernel(system, &kernel, err);
    if (code)
        return code;
    const char *initrd =
        kernel.initrd ? arena_printf(arena, "    initrd %s/%s\n", prefix, kernel.initrd) : "";
    code = put_text(system, "/boot/grub/grub.cfg",
                    arena_printf(arena,
                                 "# Made at installation; update-grub makes it anew.\n"
                                 "set default=0\nset timeout_style=hidden\nset timeout=0\n"
                                 "search --no-floppy --fs-uuid --set=root %s\n"
                                 "menuentry 'Installed system' {\n"
                                 "    linux %s/%s root=%s ro %s\n%s}\n",
                                 boot->uuid, prefix, kernel.file, kernel.root,
                                 grub_words(arena, system->task->kernel_options), initrd),
                    err);
    return code ? code
                : put_text(system, "/etc/default/grub.d/50-gantry.cfg", grub_default(system), err);
}

/* ID of os-release: the folder that the distribution's signed GRUB looks for its configuration. */
static const char *distribution(const struct installed *system)
{
    struct arena *arena = system->log->arena;
    const char *text = install_path_text(system->root, "/etc/os-release", OS_RELEASE_BYTES, arena);
    if (!text)
        return "debian";
    const char *id = os_release_value(text, "ID", arena);
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789");
    return length && length < ID_BYTES ? arena_strndup(arena, id, length) : "debian";
}

/* By its own program: a link of Debian's alternatives leads where the system would follow it. */
static enum error_code copy(const struct installed *system, const char *from, const char *to,
                            struct error *err)
{
    return install_chroot_run(system, TOOL_ARGV("/usr/bin/install", "-D", "-m", "0644", from, to),
                              COPY_S, err);
}

/* Signed copies, by the distribution's name and as what firmware starts without being told. */
static enum error_code install_signed(const struct installed *system, struct error *err)
{
    struct arena *arena = system->log->arena;
    const char *prefix, *id = distribution(system);
    const struct storage_item *boot = boot_place(system, &prefix);
    const char *own = arena_printf(arena, "/boot/efi/EFI/%s", id);
    enum error_code code =
        copy(system, INSTALL_SHIM, arena_printf(arena, "%s/shimx64.efi", own), err);
    if (!code)
        code = copy(system, INSTALL_GRUB, arena_printf(arena, "%s/grubx64.efi", own), err);
    if (!code)
        code = copy(system, INSTALL_SHIM, "/boot/efi/EFI/BOOT/BOOTX64.EFI", err);
    if (!code)
        code = copy(system, INSTALL_GRUB, "/boot/efi/EFI/BOOT/grubx64.efi", err);
    if (code)
        return code;
    return put_text(system, arena_printf(arena, "%s/grub.cfg", own),
                    arena_printf(arena,
                                 "search.fs_uuid %s root\nset prefix=($root)'%s/grub'\n"
                                 "configfile $prefix/grub.cfg\n",
                                 boot->uuid, prefix),
                    err);
}

static enum error_code install_uefi(const struct installed *system, struct error *err)
{
    if (!storage_plan_mount(system->storage->plan, "/boot/efi"))
        return error_set(err, ERR_BAD_INPUT,
                         "this machine boots by UEFI, and nothing is mounted at /boot/efi");
    if (has(system, INSTALL_SHIM) && has(system, INSTALL_GRUB))
        return install_signed(system, err);
    return install_chroot_run(system,
                              TOOL_ARGV("/usr/sbin/grub-install", "--target=x86_64-efi",
                                        "--efi-directory=/boot/efi", "--no-nvram", "--removable"),
                              GRUB_S, err);
}

static enum error_code install_bios(const struct installed *system, struct error *err)
{
    const struct storage_plan *plan = system->storage->plan;
    int disks = 0;
    for (int i = 0; i < plan->count; i++) {
        const struct storage_item *item = &plan->items[i];
        bool boots = item->type == STORAGE_DISK && item->grub_device;
        if (!boots)
            continue;
        enum error_code code = install_chroot_run(
            system, TOOL_ARGV("/usr/sbin/grub-install", "--target=i386-pc", item->device), GRUB_S,
            err);
        if (code)
            return code;
        disks++;
    }
    return disks ? ERR_OK
                 : error_set(err, ERR_BAD_INPUT,
                             "this machine boots by BIOS, and no disk of the plan is grub_device");
}

enum error_code install_boot(const struct installed *system, struct error *err)
{
    enum error_code code = install_chroot_begin(system, err);
    if (code)
        return code;
    code = system->uefi ? install_uefi(system, err) : install_bios(system, err);
    install_chroot_end(system);
    return code ? code : write_config(system, err);
}

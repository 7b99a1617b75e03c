/* Programs of the new system: see install_chroot.h. Source: Debian Policy 9.3.3.2 (policy-rc.d). */
#include "src/agent/install_chroot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/agent/install_path.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"

enum { WORDS = 96, RESOLV_BYTES = 64 << 10, LAST = 4 };

#define RESOLV "/etc/resolv.conf"
#define POLICY "/usr/sbin/policy-rc.d"
#define KEPT   ".gantry-kept"

/* from NULL: memory of its own. */
static const struct {
    const char *place, *from;
} places[LAST] = {{"/dev", "/dev"}, {"/proc", "/proc"}, {"/sys", "/sys"}, {"/run", NULL}};

static const char *inside(const struct installed *system, const char *path)
{
    return arena_printf(system->log->arena, "%s%s", system->root, path);
}

static void unmount(const struct installed *system, int count)
{
    while (count-- > 0)
        if (umount2(inside(system, places[count].place), MNT_DETACH))
            log_warning("cannot unmount %s: %m", places[count].place);
}

static enum error_code mount_place(const struct installed *system, int i, struct error *err)
{
    const char *place = inside(system, places[i].place), *from = places[i].from;
    if (mkdir(place, 0755) && errno != EEXIST)
        return error_errno(err, "%s", place);
    int failed = from ? mount(from, place, NULL, MS_BIND | MS_REC, NULL)
                      : mount("run", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
    return failed ? error_errno(err, "mount %s", place) : ERR_OK;
}

enum error_code install_chroot_begin(const struct installed *system, struct error *err)
{
    for (int i = 0; i < LAST; i++) {
        enum error_code code = mount_place(system, i, err);
        if (!code)
            continue;
        unmount(system, i);
        return code;
    }
    return ERR_OK;
}

void install_chroot_end(const struct installed *system)
{
    unmount(system, LAST);
}

static const char *const replaced[] = {RESOLV, POLICY};

/* What stands there, a link for instance, waits under another name. */
static enum error_code set_aside(const struct installed *system, const char *path,
                                 struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int folder =
        install_path_folder(system->root, path, system->log->arena);
    const char *name = strrchr(path, '/') + 1;
    const char *kept = arena_printf(system->log->arena, "%s" KEPT, name);
    if (folder < 0 || (renameat(folder, name, folder, kept) && errno != ENOENT))
        return error_errno(err, "set %s aside", path);
    return ERR_OK;
}

static enum error_code put_back(const struct installed *system, const char *path, struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int folder =
        install_path_folder(system->root, path, system->log->arena);
    const char *name = strrchr(path, '/') + 1;
    const char *kept = arena_printf(system->log->arena, "%s" KEPT, name);
    if (folder < 0 || (unlinkat(folder, name, 0) && errno != ENOENT) ||
        (renameat(folder, kept, folder, name) && errno != ENOENT))
        return error_errno(err, "put %s back", path);
    return ERR_OK;
}

enum error_code install_chroot_prepare(const struct installed *system, struct error *err)
{
    const char *resolv = install_path_text("/", RESOLV, RESOLV_BYTES, system->log->arena);
    const struct task_file ours[] = {{RESOLV, resolv ? resolv : "", 0644},
                                     {POLICY, "#!/bin/sh\nexit 101\n", 0755}};
    enum error_code code = ERR_OK;
    for (size_t i = 0; !code && i < COUNT_OF(ours); i++) {
        code = set_aside(system, ours[i].path, err);
        if (!code)
            code = install_put_file(system, &ours[i], err);
    }
    return code;
}

enum error_code install_chroot_undo(const struct installed *system, struct error *err)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; !code && i < COUNT_OF(replaced); i++)
        code = put_back(system, replaced[i], err);
    return code;
}

enum error_code install_chroot_run(const struct installed *system, const char *const *argv,
                                   int timeout_s, struct error *err)
{
    const char *all[WORDS + 8] = {"/usr/sbin/chroot", system->root,
                                  "/usr/bin/env",     "DEBIAN_FRONTEND=noninteractive",
                                  "HOME=/root",       NULL};
    int count = 5;
    for (; *argv; argv++) {
        ASSERT(count < WORDS);
        all[count++] = *argv;
    }
    return tool_run(system->log, all, timeout_s, err);
}

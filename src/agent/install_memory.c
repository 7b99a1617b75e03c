/* Systems in memory: see install_memory.h. Source: tmpfs(5), loop(4). */
#include "src/agent/install_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "src/base/file.h"

enum { TOOL_S = 120, MEMORY_PERCENT = 80, FILE_PERCENT = 90 };

#define MEMORY "/memory"

static enum error_code mount_memory(const char *place, struct tool_log *log, struct error *err)
{
    enum error_code code = file_make_folders(place, 0755, err);
    if (code)
        return code;
    return mount("memory", place, "tmpfs", MS_NOATIME,
                 arena_printf(log->arena, "mode=755,size=%d%%", MEMORY_PERCENT))
               ? error_errno(err, "mount %s", place)
               : ERR_OK;
}

enum error_code install_memory_make(const struct task_image *image, const char *root,
                                    struct tool_log *log, const char **device, struct error *err)
{
    bool is_file_system = image->form->kind == IMAGE_EXT4;
    *device = NULL;
    enum error_code code = mount_memory(is_file_system ? MEMORY : root, log, err);
    if (code || !is_file_system)
        return code;
    *device = MEMORY "/root.img";
    int fd = open(*device, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, "%s", *device);
    close(fd);
    return ERR_OK;
}

/* As large as the memory that it may take: what is not written takes none. */
static enum error_code grow(const char *device, struct tool_log *log, struct error *err)
{
    struct statvfs memory;
    if (statvfs(MEMORY, &memory))
        return error_errno(err, MEMORY);
    off_t size = (off_t)(memory.f_blocks * memory.f_frsize / 100 * FILE_PERCENT);
    if (truncate(device, size))
        return error_errno(err, "%s", device);
    return tool_run(log, TOOL_ARGV("/usr/sbin/resize2fs", device), TOOL_S, err);
}

static enum error_code bring_modules(const char *root, struct tool_log *log, struct error *err)
{
    struct utsname names;
    if (uname(&names))
        return error_errno(err, "uname");
    const char *own = arena_printf(log->arena, "/usr/lib/modules/%s", names.release);
    const char *folder = arena_printf(log->arena, "%s/usr/lib/modules", root);
    if (!access(arena_printf(log->arena, "%s/%s", folder, names.release), F_OK))
        return ERR_OK;
    enum error_code code = file_make_folders(folder, 0755, err);
    return code ? code : tool_run(log, TOOL_ARGV("/usr/bin/cp", "-a", own, folder), TOOL_S, err);
}

enum error_code install_memory_mount(const char *device, const char *root, struct tool_log *log,
                                     struct error *err)
{
    enum error_code code = device ? grow(device, log, err) : ERR_OK;
    if (!code && device)
        code = file_make_folders(root, 0755, err);
    if (!code && device)
        code = tool_run(log, TOOL_ARGV("/usr/bin/mount", "-o", "loop,noatime", device, root),
                        TOOL_S, err);
    return code ? code : bring_modules(root, log, err);
}

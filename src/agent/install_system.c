/* Settings of the installed system: see install_system.h. Source: hosts(5). */
#include "src/agent/install_system.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/agent/install_path.h"
#include "src/agent/storage_mount.h"
#include "src/base/file.h"

enum { GROW_S = 1800, TOOL_S = 60 };

#define HOSTS "/etc/hosts"

enum error_code install_put_file(const struct installed *system, const struct task_file *file,
                                 struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int fd = -1;
    enum error_code code =
        install_path_make_parents(system->root, file->path, system->log->arena, err);
    if (code)
        return code;
    fd = install_path_open(system->root, file->path, O_WRONLY | O_CREAT | O_TRUNC, file->mode);
    size_t size = strlen(file->content);
    if (fd < 0 || fchmod(fd, file->mode) || write(fd, file->content, size) != (ssize_t)size)
        return error_errno(err, "write %s", file->path);
    return ERR_OK;
}

/* The line of an address, and where the name on it begins; NULL = there is none. */
static const char *line_of(const char *text, const char *address, const char **name)
{
    size_t length = strlen(address);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, address, length) != 0 || line[length] != '\t')
            continue;
        *name = line + length;
        return line;
    }
    return NULL;
}

const char *install_hosts(const char *text, const char *rack, struct arena *arena)
{
    const char *name, *line = rack ? line_of(text, rack, &name) : NULL;
    if (!line)
        return text;
    const char *end = name + strcspn(name, "\n");
    const char *before = text;
    size_t size = (size_t)(end - name);
    for (; before < line; before += strcspn(before, "\n") + 1) {
        const char *other = before + strcspn(before, "\t\n");
        if (strcspn(other, "\n") == size && !strncmp(other, name, size))
            break;
    }
    return arena_printf(arena, "%.*s%.*s\n%.*s%s", (int)(before - text), text, (int)(end - line),
                        line, (int)(line - before), before, end + (*end == '\n'));
}

enum error_code install_settings(const struct installed *system, struct error *err)
{
    const struct task *task = system->task;
    struct arena *arena = system->log->arena;
    const struct task_file own[] = {
        {"/etc/hostname", arena_printf(arena, "%s\n", task->hostname), 0644},
        {HOSTS,
         arena_printf(arena,
                      "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n"
                      "::1\tlocalhost ip6-localhost ip6-loopback\n",
                      task->hostname),
         0644},
    };
    enum error_code code = ERR_OK;
    for (size_t i = 0; !code && i < sizeof(own) / sizeof(own[0]); i++)
        code = install_put_file(system, &own[i], err);
    if (!code && system->storage)
        code = install_put_file(
            system, &(struct task_file){"/etc/fstab", storage_mount_fstab(system->storage), 0644},
            err);
    for (int i = 0; !code && i < task->files_count; i++) {
        struct task_file file = task->files[i];
        if (!strcmp(file.path, HOSTS))
            file.content = install_hosts(file.content, talk_rack(system->talk), arena);
        code = install_put_file(system, &file, err);
    }
    return code;
}

/* Our image has no journal: it would have the size that fits the image. */
enum error_code install_grow(const struct storage_item *format, struct tool_log *log,
                             struct error *err)
{
    struct error ignored;
    /* resize2fs leaves inode tables to the kernel only when it sees a kernel that can */
    tool_run(log, TOOL_ARGV("/usr/sbin/modprobe", "ext4"), TOOL_S, &ignored);
    enum error_code code =
        tool_run(log, TOOL_ARGV("/usr/sbin/resize2fs", format->device), GROW_S, err);
    if (code == ERR_INTERNAL) { /* an image that was in use wants to be checked; status 1: mended */
        tool_run(log, TOOL_ARGV("/usr/sbin/e2fsck", "-fp", format->device), GROW_S, &ignored);
        code = tool_run(log, TOOL_ARGV("/usr/sbin/resize2fs", format->device), GROW_S, err);
    }
    if (code)
        return code;
    return tool_run(log,
                    TOOL_ARGV("/usr/sbin/tune2fs", "-O", "has_journal", "-U", format->uuid, "-L",
                              format->label ? format->label : "root", format->device),
                    GROW_S, err);
}

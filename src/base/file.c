/* Small files, whole: see file.h. */
#include "src/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/limits.h"

void file_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static ssize_t read_some(int fd, char *bytes, size_t size)
{
    ssize_t n;
    do
        n = read(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n;
}

enum error_code file_read(struct arena *arena, const char *path, size_t limit, char **bytes,
                          size_t *size, struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot read %s", path);
    struct stat st;
    if (fstat(fd, &st))
        return error_errno(err, "cannot read %s", path);
    if (S_ISDIR(st.st_mode))
        return error_set(err, ERR_IO, "cannot read %s: is a directory", path);
    if (st.st_size > 0 && (size_t)st.st_size > limit)
        return error_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, limit);
    size_t room = st.st_size > 0 ? (size_t)st.st_size : 4096, used = 0;
    char *text = arena_alloc(arena, room + 1);
    for (;;) {
        if (used == room) { /* /proc, or it grew */
            room *= 2;
            char *larger = arena_alloc(arena, room + 1);
            memcpy(larger, text, used);
            text = larger;
        }
        ssize_t n = read_some(fd, text + used, room - used);
        if (n < 0)
            return error_errno(err, "cannot read %s", path);
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > limit)
            return error_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, limit);
    }
    text[used] = '\0';
    *bytes = text;
    if (size)
        *size = used;
    return ERR_OK;
}

enum error_code file_sync_name(const char *path, struct error *err)
{
    char folder[LIMIT_PATH];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    __attribute__((cleanup(file_close_fd))) int fd =
        open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return error_errno(err, "cannot sync folder %s", folder);
    return ERR_OK;
}

static enum error_code write_and_sync(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        bytes += n;
        size -= (size_t)n;
    }
    return fsync(fd) ? ERR_IO : ERR_OK;
}

enum error_code file_write(const char *path, const void *bytes, size_t size, mode_t mode,
                           struct error *err)
{
    char temporary[LIMIT_PATH];
    int n = snprintf(temporary, sizeof(temporary), "%s.tmp-%d", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return error_set(err, ERR_BAD_INPUT, "path too long: %.100s...", path);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return error_errno(err, "cannot write %s", path);
    enum error_code code = fchmod(fd, mode) ? ERR_IO : write_and_sync(fd, bytes, size);
    int saved = errno;
    if (close(fd) && code == ERR_OK) {
        saved = errno;
        code = ERR_IO;
    }
    if (code == ERR_OK && rename(temporary, path)) {
        saved = errno;
        code = ERR_IO;
    }
    if (code) {
        unlink(temporary);
        errno = saved;
        return error_errno(err, "cannot write %s", path);
    }
    return file_sync_name(path, err);
}

enum error_code file_make_folders(const char *path, mode_t mode, struct error *err)
{
    char part[LIMIT_PATH];
    int n = snprintf(part, sizeof(part), "%s", path);
    if (n <= 0 || (size_t)n >= sizeof(part))
        return error_set(err, ERR_BAD_INPUT, "bad path: %.100s", path);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(part, mode) && errno != EEXIST)
            return error_errno(err, "cannot make folder %s", part);
        if (!end)
            return ERR_OK;
        *p = end;
    }
}

enum error_code file_remove_tree(const char *path, struct error *err)
{
    char *paths[] = {(char *)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (!tree)
        return error_errno(err, "cannot remove %s", path);
    enum error_code code = ERR_OK;
    for (FTSENT *entry; !code && (entry = fts_read(tree));) {
        if (entry->fts_info == FTS_D || entry->fts_info == FTS_NS)
            continue;
        if (remove(entry->fts_accpath) && errno != ENOENT)
            code = error_errno(err, "cannot remove %s", entry->fts_path);
    }
    fts_close(tree);
    return code;
}

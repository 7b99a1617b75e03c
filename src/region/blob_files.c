/* Bytes by their SHA-256 in a folder: see blob_files.h. */
#include "src/region/blob_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/limits.h"

enum { FILES_MAX = 1 << 16 };

bool blob_files_name(const char *text)
{
    return strspn(text, "0123456789abcdef") == DIGEST_TEXT - 1 && !text[DIGEST_TEXT - 1];
}

bool blob_files_has(const char *folder, const char *sha256, int64_t size, int64_t *found)
{
    char path[LIMIT_PATH];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", folder, sha256);
    if (lstat(path, &status) || !S_ISREG(status.st_mode) || (size >= 0 && status.st_size != size))
        return false;
    if (found)
        *found = status.st_size;
    return true;
}

enum error_code blob_files_open(const char *folder, const char *sha256, int *fd, int64_t *size,
                                struct error *err)
{
    char path[LIMIT_PATH];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", folder, sha256);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0 || fstat(*fd, &status)) {
        enum error_code code = error_errno(err, "%s", sha256);
        file_close_fd(fd);
        return code;
    }
    *size = status.st_size;
    return ERR_OK;
}

enum error_code blob_files_check(const char *folder, const char *sha256, struct error *err)
{
    char path[LIMIT_PATH], found[DIGEST_TEXT];
    snprintf(path, sizeof(path), "%s/%s", folder, sha256);
    enum error_code code = digest_sha256_file(path, found, err);
    if (code || !strcmp(found, sha256))
        return code;
    unlink(path);
    return error_set(err, ERR_CORRUPT, "%s: its SHA-256 is %s: removed", path, found);
}

enum error_code blob_writer_open(struct blob_writer *writer, const char *folder, struct error *err)
{
    *writer = (struct blob_writer){.folder = folder, .fd = -1};
    snprintf(writer->path, sizeof(writer->path), "%s/new.XXXXXX", folder);
    writer->fd = mkostemp(writer->path, O_CLOEXEC);
    if (writer->fd < 0)
        return error_errno(err, "%s", writer->path);
    writer->digest = digest_stream_new();
    return ERR_OK;
}

enum error_code blob_writer_put(struct blob_writer *writer, const void *bytes, size_t size,
                                struct error *err)
{
    digest_stream_put(writer->digest, bytes, size);
    for (const char *at = bytes; size;) {
        ssize_t n = write(writer->fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_errno(err, "%s", writer->path);
        at += n;
        size -= (size_t)n;
        writer->size += n;
    }
    return ERR_OK;
}

enum error_code blob_writer_keep(struct blob_writer *writer, const char *sha256, struct error *err)
{
    char found[DIGEST_TEXT], path[LIMIT_PATH];
    digest_stream_finish(writer->digest, found);
    writer->digest = NULL;
    enum error_code code = ERR_OK;
    snprintf(path, sizeof(path), "%s/%s", writer->folder, sha256);
    if (strcmp(found, sha256) != 0)
        code = error_set(err, ERR_CORRUPT, "its SHA-256 is %s, expected was %s", found, sha256);
    else if (fchmod(writer->fd, 0640) || fsync(writer->fd) || rename(writer->path, path))
        code = error_errno(err, "%s", path);
    else
        writer->path[0] = '\0';
    blob_writer_drop(writer);
    return code ? code : file_sync_name(path, err);
}

void blob_writer_drop(struct blob_writer *writer)
{
    if (writer->fd >= 0 && writer->path[0])
        unlink(writer->path);
    file_close_fd(&writer->fd);
    digest_stream_free(writer->digest);
    writer->digest = NULL;
}

/* Calls see(subject, name) for each file. */
static enum error_code walk(const char *folder, void (*see)(void *subject, const char *name),
                            void *subject, struct error *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return error_errno(err, "%s", folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            see(subject, entry->d_name);
    closedir(dir);
    return ERR_OK;
}

struct sweep {
    const char *folder;
    int age_s;
    bool (*wanted)(void *subject, const char *sha256);
    void *subject;
};

static void sweep_one(void *subject, const char *name)
{
    const struct sweep *sweep = subject;
    char path[LIMIT_PATH];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", sweep->folder, name);
    if (lstat(path, &status) || !S_ISREG(status.st_mode))
        return;
    bool old = (uint64_t)status.st_mtime + (uint64_t)sweep->age_s < clock_real_ms() / 1000;
    if (old && !(blob_files_name(name) && sweep->wanted(sweep->subject, name)))
        unlink(path);
}

enum error_code blob_files_sweep(const char *folder, int age_s,
                                 bool (*wanted)(void *subject, const char *sha256), void *subject,
                                 struct error *err)
{
    struct sweep sweep = {folder, age_s, wanted, subject};
    return walk(folder, sweep_one, &sweep, err);
}

struct listing {
    struct arena *arena;
    const char **names;
    int count;
};

static void list_one(void *subject, const char *name)
{
    struct listing *listing = subject;
    if (blob_files_name(name) && listing->count < FILES_MAX)
        listing->names[listing->count++] = arena_strdup(listing->arena, name);
}

enum error_code blob_files_list(const char *folder, struct arena *arena, const char *const **names,
                                int *count, struct error *err)
{
    struct listing listing = {arena, ARENA_ARRAY(arena, const char *, FILES_MAX), 0};
    enum error_code code = walk(folder, list_one, &listing, err);
    *names = listing.names;
    *count = listing.count;
    return code;
}

/* The log's files: see pg_wal_files.h. Source: PostgreSQL's xlog_internal.h (file names). */
#include "ha/pg_wal_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/limits.h"

enum { NAME_CHARS = 24, TIMELINE_CHARS = 8 };

struct files {
    const char *data_dir;
    uint64_t segment_bytes;
    uint32_t *timelines; /* that have a segment here */
    int timelines_count, timelines_room;
    int fd; /* the segment read last */
    uint64_t fd_segment;
};

static bool is_hex(const char *text, size_t count)
{
    return strspn(text, "0123456789ABCDEF") >= count;
}

static void note_timeline(struct files *files, uint32_t timeline)
{
    for (int i = 0; i < files->timelines_count; i++)
        if (files->timelines[i] == timeline)
            return;
    if (files->timelines_count == files->timelines_room) {
        files->timelines_room = files->timelines_room ? 2 * files->timelines_room : 64;
        files->timelines =
            realloc(files->timelines, sizeof(files->timelines[0]) * (size_t)files->timelines_room);
        ASSERT(files->timelines);
    }
    files->timelines[files->timelines_count++] = timeline;
}

static int newest_first(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Which timelines have segments, and how long a segment is. */
static enum error_code list(struct files *files, struct error *err)
{
    char path[LIMIT_PATH + 64];
    snprintf(path, sizeof(path), "%s/pg_wal", files->data_dir);
    DIR *folder = opendir(path);
    if (!folder)
        return error_errno(err, "%s", path);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char timeline[TIMELINE_CHARS + 1];
        struct stat st;
        if (strlen(entry->d_name) != NAME_CHARS || !is_hex(entry->d_name, NAME_CHARS) ||
            fstatat(dirfd(folder), entry->d_name, &st, 0) || st.st_size < 1 << 20)
            continue;
        snprintf(timeline, sizeof(timeline), "%.8s", entry->d_name);
        note_timeline(files, (uint32_t)strtoul(timeline, NULL, 16));
        files->segment_bytes = (uint64_t)st.st_size;
    }
    closedir(folder);
    if (!files->segment_bytes || files->segment_bytes & (files->segment_bytes - 1))
        return error_set(err, ERR_NOT_FOUND, "%s holds no log", path);
    return ERR_OK;
}

enum error_code pg_wal_files_history(const char *data_dir, uint32_t timeline,
                                     struct pg_wal_history *history, struct error *err)
{
    char path[LIMIT_PATH + 64], *text = "";
    struct arena *arena = arena_new();
    snprintf(path, sizeof(path), "%s/pg_wal/%08X.history", data_dir, timeline);
    enum error_code code =
        timeline == 1 ? ERR_OK : file_read(arena, path, PG_WAL_HISTORY_BYTES, &text, NULL, err);
    if (!code)
        code = pg_wal_history_parse(text, timeline, history, err);
    if (!code && timeline > 1 && history->count == 1) /* a number that was skipped */
        code = error_set(err, ERR_NOT_FOUND, "%s is empty", path);
    arena_free(arena);
    return code;
}

/* The segment that holds lsn, of the newest timeline of the history that has one. */
static bool open_segment(struct files *files, const struct pg_wal_history *history,
                         uint64_t segment)
{
    uint64_t per_log = ((uint64_t)1 << 32) / files->segment_bytes;
    if (files->fd >= 0 && files->fd_segment == segment)
        return true;
    if (files->fd >= 0)
        close(files->fd);
    files->fd = -1;
    for (int i = history->count; i-- > 0 && files->fd < 0;) {
        char path[LIMIT_PATH + 64];
        if (i && history->entries[i - 1].end / files->segment_bytes > segment)
            continue; /* this timeline had not begun */
        snprintf(path, sizeof(path), "%s/pg_wal/%08X%08X%08X", files->data_dir,
                 history->entries[i].timeline, (unsigned)(segment / per_log),
                 (unsigned)(segment % per_log));
        files->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    files->fd_segment = segment;
    return files->fd >= 0;
}

static bool read_page(void *subject, const struct pg_wal_history *history, uint64_t lsn,
                      uint8_t page[PG_WAL_PAGE_BYTES])
{
    struct files *files = subject;
    return open_segment(files, history, lsn / files->segment_bytes) &&
           pread(files->fd, page, PG_WAL_PAGE_BYTES, (off_t)(lsn % files->segment_bytes)) ==
               PG_WAL_PAGE_BYTES;
}

/* The ancestry goes through this place. */
static bool goes_through(const struct pg_wal_history *history, struct pg_wal_place place)
{
    for (int i = 0; i < history->count; i++)
        if (history->entries[i].timeline == place.timeline)
            return place.lsn <= history->entries[i].end;
    return false;
}

static enum error_code look_along(struct files *files, uint32_t timeline, struct pg_wal_place from,
                                  uint64_t system_id, struct pg_wal_place *end, struct error *err)
{
    struct pg_wal_history *history = calloc(1, sizeof(*history));
    ASSERT(history);
    enum error_code code = pg_wal_files_history(files->data_dir, timeline, history, err);
    if (!code && goes_through(history, from)) {
        struct pg_wal_scan scan = {from.lsn, system_id, files->segment_bytes, read_page, files};
        struct pg_wal_place found = {.lsn = pg_wal_follow(&scan, history)};
        found.timeline = pg_wal_owner(history, found.lsn);
        if (pg_wal_compare(found, *end) > 0)
            *end = found;
    }
    if (files->fd >= 0)
        close(files->fd);
    files->fd = -1;
    free(history);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

enum error_code pg_wal_files_end(const char *data_dir, struct pg_wal_place from, uint64_t system_id,
                                 struct pg_wal_place *end, struct error *err)
{
    struct files files = {.data_dir = data_dir, .fd = -1};
    enum error_code code = list(&files, err);
    *end = from;
    if (!code) {
        ASSERT(files.timelines);
        qsort(files.timelines, (size_t)files.timelines_count, sizeof(files.timelines[0]),
              newest_first);
    }
    for (int i = 0; i < files.timelines_count && !code; i++) {
        if (files.timelines[i] < end->timeline)
            break; /* what ends on an older one is no more */
        code = look_along(&files, files.timelines[i], from, system_id, end, err);
    }
    free(files.timelines);
    return code;
}

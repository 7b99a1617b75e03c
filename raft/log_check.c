/* Open segments of the log and snapshots, checked: see log_check.h. */
#include "raft/log_check.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "raft/frame_check.h"
#include "src/base/arena.h"
#include "src/base/file.h"
#include "src/base/limits.h"

enum {
    FORMAT = 1,
    FORMAT_BYTES = 8,
    SUMS_BYTES = 8,   /* of the header, of the entries */
    COUNT_BYTES = 8,  /* how many entries */
    ENTRY_BYTES = 16, /* what the header says of each; its size in the last 4 */
    BATCH_BYTES = SUMS_BYTES + COUNT_BYTES + ENTRY_BYTES + 8, /* the shortest there is */
    ENTRIES_MAX = 1 << 18,
    ZEROS_MAX = 64, /* that an entry may have in a row where a sector ends */
    POLYNOMIAL = 0x04c11db7,
    META_BYTES = 32, /* of a snapshot: format, checksum, index and size of the configuration */
    META_SUMMED = 16,
    META_FILE_BYTES = 64 << 10,
};

#define META_END ".meta"

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

/* CRC-32, most significant bit first, begun with 0. */
static uint32_t sum_of(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum ^= (uint32_t)bytes[i] << 24;
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 0x80000000 ? sum << 1 ^ POLYNOMIAL : sum << 1;
    }
    return sum;
}

/* The batch at offset at: *end = where it ends, or as far as is known when it is not sound. */
static bool take_batch(const uint8_t *bytes, size_t size, size_t at, size_t *end)
{
    *end = at + BATCH_BYTES;
    if (size - at < SUMS_BYTES + COUNT_BYTES)
        return false;
    uint64_t count = get64(bytes + at + SUMS_BYTES);
    size_t header = COUNT_BYTES + ENTRY_BYTES * (size_t)count;
    if (!count || count > ENTRIES_MAX || header > size - at - SUMS_BYTES)
        return false;
    *end = at + SUMS_BYTES + header;
    const uint8_t *head = bytes + at + SUMS_BYTES;
    if (sum_of(head, header) != get32(bytes + at))
        return false;
    uint64_t entries = 0;
    for (uint64_t i = 0; i < count; i++)
        entries += get32(head + COUNT_BYTES + ENTRY_BYTES * i + 12);
    if (entries > size - *end)
        return false;
    *end += (size_t)entries;
    return sum_of(head + header, (size_t)entries) == get32(bytes + at + 4);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/*
 * A disk writes sectors, and a segment is made of zeros: a write that was cut off left one out. The
 * batch begins at from, the last byte that is none stands before last; what it should have had
 * behind last, up to end, was left out only if last is where a sector ends, but for a few zeros.
 */
static bool is_torn(const uint8_t *bytes, size_t from, size_t last, size_t end)
{
    size_t edge = (last + LOG_CHECK_SECTOR - 1) / LOG_CHECK_SECTOR * LOG_CHECK_SECTOR;
    if (edge < end && edge - last <= ZEROS_MAX)
        return true;
    for (size_t at = from, next; at < last; at = next) {
        next = (at / LOG_CHECK_SECTOR + 1) * LOG_CHECK_SECTOR;
        next = next < last ? next : last;
        if (is_zero(bytes + at, next - at))
            return true;
    }
    return false;
}

bool log_check_segment(const uint8_t *bytes, size_t size, size_t *at)
{
    size_t end = FORMAT_BYTES, last = size;
    *at = FORMAT_BYTES;
    if (size < FORMAT_BYTES || get64(bytes) != FORMAT)
        return true; /* libraft sees that */
    while (*at < size && take_batch(bytes, size, *at, &end))
        *at = end;
    if (*at < size && size - *at < SUMS_BYTES + COUNT_BYTES)
        return false; /* libraft takes no short read, and frees twice on it */
    while (last > *at && !bytes[last - 1])
        last--;
    if (last == *at) /* nothing follows */
        return true;
    return is_torn(bytes, *at, last, end);
}

bool log_check_snapshot(const uint8_t *bytes, size_t size)
{
    if (size < META_BYTES || get64(bytes) != FORMAT)
        return true; /* libraft sees that */
    uint64_t length = get64(bytes + META_BYTES - 8);
    if (length > size - META_BYTES ||
        sum_of(bytes + META_SUMMED, META_BYTES - META_SUMMED + (size_t)length) !=
            get64(bytes + META_SUMMED - 8))
        return true; /* this too */
    return frame_check_configuration(bytes + META_BYTES, (size_t)length, NULL) == ERR_OK;
}

/* One file of the folder, if it is of those that are checked. */
static enum error_code check_file(const char *dir, const char *name, struct arena *arena,
                                  struct error *err)
{
    char path[LIMIT_PATH + 256], *bytes;
    size_t size, at, length = strlen(name), end = strlen(META_END);
    bool open = !strncmp(name, "open-", 5);
    if (!open && (length < end || strcmp(name + length - end, META_END) != 0))
        return ERR_OK;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    enum error_code code = file_read(arena, path, open ? LOG_CHECK_SEGMENT_BYTES : META_FILE_BYTES,
                                     &bytes, &size, err);
    if (code)
        return code;
    if (open && !log_check_segment((const uint8_t *)bytes, size, &at))
        return error_set(err, ERR_CORRUPT, "%s at byte %zu", name, at);
    if (!open && !log_check_snapshot((const uint8_t *)bytes, size))
        return error_set(err, ERR_CORRUPT, "%s: its configuration", name);
    return ERR_OK;
}

enum error_code log_check(const char *dir, struct error *err)
{
    enum error_code code = ERR_OK;
    DIR *folder = opendir(dir);
    if (!folder)
        return errno == ENOENT ? ERR_OK : error_errno(err, "%s", dir);
    for (struct dirent *entry; !code && (entry = readdir(folder));) {
        struct arena *arena = arena_new();
        code = check_file(dir, entry->d_name, arena, err);
        arena_free(arena);
    }
    closedir(folder);
    return code;
}

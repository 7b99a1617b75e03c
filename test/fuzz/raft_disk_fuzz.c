/*
 * A member's folder of the log as a damaged disk gives it back: what libraft reads of it once
 * log_check lets it through. The input is a run of files: a kind, a size of two bytes, the bytes;
 * with the kind's high bit the checksums in it are made right before. libraft says that it cannot
 * read them, or gives the entries, as many as a reading of ours finds in an open segment.
 */
// rooms: raft
#include <dirent.h>
#include <raft.h>
#include <raft/uv.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "raft/log_check.h"
#include "test/fuzz/stored_file.h"

enum { MOST = 64 << 10, FILES_MOST = 8, RIGHT = 0x80 };

/* libraft leaves some memory behind when it gives up on a file. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const names[] = {"metadata1",
                                    "metadata2",
                                    "open-1",
                                    "open-2",
                                    "0000000000000001-0000000000000002",
                                    "0000000000000003-0000000000000004",
                                    "snapshot-1-2-9",
                                    "snapshot-1-2-9.meta"};

static uv_loop_t loop;
static char folder[STORED_PATH];

static uint32_t sum_of(const uint8_t *bytes, size_t size, uint32_t sum)
{
    for (size_t i = 0; i < size; i++) {
        sum ^= (uint32_t)bytes[i] << 24;
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 0x80000000 ? sum << 1 ^ 0x04c11db7 : sum << 1;
    }
    return sum;
}

static uint64_t number_at(const uint8_t *at, int size)
{
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static void put(uint8_t *at, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* The sound batches of a segment, checksums made right or not: how many entries they have. */
static int walk(uint8_t *bytes, size_t size, bool make_right)
{
    size_t at = 8;
    int entries = 0;
    while (at + 16 <= size) {
        uint64_t count = number_at(bytes + at + 8, 8), length = 0;
        if (!count || count > 1024 || 8 + 16 * count > size - at - 8)
            break;
        for (uint64_t i = 0; i < count; i++)
            length += number_at(bytes + at + 16 + 16 * i + 12, 4);
        size_t head = 8 + 16 * (size_t)count;
        if (length > size - at - 8 - head)
            break;
        uint32_t sums[2] = {sum_of(bytes + at + 8, head, 0),
                            sum_of(bytes + at + 8 + head, (size_t)length, 0)};
        if (make_right) {
            put(bytes + at, sums[0], 4);
            put(bytes + at + 4, sums[1], 4);
        } else if (number_at(bytes + at, 4) != sums[0] || number_at(bytes + at + 4, 4) != sums[1]) {
            break;
        }
        at += 8 + head + (size_t)length;
        entries += (int)count;
    }
    return entries;
}

/* Format, checksum, index and size of the configuration, the configuration. */
static void make_meta_right(uint8_t *bytes, size_t size)
{
    if (size < 32)
        return;
    put(bytes, 1, 8);
    put(bytes + 24, size - 32, 8);
    put(bytes + 8, sum_of(bytes + 16, size - 16, 0), 8);
}

static void empty_folder(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[STORED_PATH + 256];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (dir)
        closedir(dir);
}

static void clean(void)
{
    empty_folder();
    rmdir(folder);
}

static void begin(void)
{
    stored_file("", 0);
    snprintf(folder, sizeof(folder), "%s/raft", stored_folder);
    ASSERT(!mkdir(folder, 0700) && !uv_loop_init(&loop));
    atexit(clean);
}

/* Entries of open-1 when that is the only file with entries, else -1. */
static int write_files(const uint8_t *bytes, size_t size)
{
    static uint8_t copy[MOST];
    int entries = -1, segments = 0;
    for (int count = 0; count < FILES_MOST && size >= 3; count++) {
        int kind = bytes[0] & 7;
        size_t length = (size_t)(bytes[1] | bytes[2] << 8);
        bool right = bytes[0] & RIGHT;
        char path[STORED_PATH + 64];
        bytes += 3;
        size -= 3;
        length = length < size ? length : size;
        memcpy(copy, bytes, length);
        if (kind >= 2 && kind <= 5) {
            int found = walk(copy, length, right);
            segments++;
            entries = kind == 2 ? found : -1;
        } else if (kind >= 6) {
            segments += 2;
            if (kind == 7 && right)
                make_meta_right(copy, length);
        }
        snprintf(path, sizeof(path), "%s/%s", folder, names[kind]);
        FILE *file = fopen(path, "w");
        ASSERT(file && fwrite(copy, 1, length, file) == length);
        fclose(file);
        bytes += length;
        size -= length;
    }
    return segments == 1 ? entries : -1;
}

static void forget_snapshot(struct raft_snapshot *snapshot)
{
    if (!snapshot)
        return;
    raft_configuration_close(&snapshot->configuration);
    raft_free(snapshot->bufs[0].base);
    raft_free(snapshot->bufs);
    raft_free(snapshot);
}

static void forget_entries(struct raft_entry *entries, size_t count)
{
    void *batch = NULL;
    for (size_t i = 0; i < count; i++) {
        ASSERT(entries[i].batch);
        if (entries[i].batch != batch)
            raft_free(entries[i].batch);
        batch = entries[i].batch;
    }
    raft_free(entries);
}

static int no_call(struct raft_uv_transport *transport, raft_id id, const char *address)
{
    (void)transport, (void)id, (void)address;
    return 0;
}

static void close_transport(struct raft_uv_transport *transport, raft_uv_transport_close_cb closed)
{
    closed(transport);
}

static void on_closed(struct raft_io *io)
{
    raft_uv_close(io);
}

static void load(int expected)
{
    struct raft_uv_transport transport = {.version = 1, .init = no_call, .close = close_transport};
    struct raft_io io = {.version = 2};
    struct raft_snapshot *snapshot = NULL;
    struct raft_entry *entries = NULL;
    raft_term term;
    raft_id voted_for;
    raft_index first;
    size_t count = 0;
    ASSERT(!raft_uv_init(&io, &loop, folder, &transport));
    raft_uv_set_auto_recovery(&io, false);
    if (!io.init(&io, 1, "1") &&
        !io.load(&io, &term, &voted_for, &snapshot, &first, &entries, &count)) {
        ASSERT(expected < 0 || (size_t)expected == count);
        forget_entries(entries, count);
        forget_snapshot(snapshot);
    }
    io.close(&io, on_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error err = {0};
    if (!*folder)
        begin();
    empty_folder();
    int expected = write_files(bytes, size);
    enum error_code code = log_check(folder, &err);
    ASSERT(code == ERR_OK || (code == ERR_CORRUPT && err.text[0]));
    if (code)
        return 0;
    if (__lsan_disable)
        __lsan_disable();
    load(expected);
    if (__lsan_enable)
        __lsan_enable();
    return 0;
}

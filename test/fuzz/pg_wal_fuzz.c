/* Pages of a write-ahead log and history files, as a damaged disk gives them back. */
// rooms: ha
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ha/pg_wal.h"

enum { BASE = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct input {
    const uint8_t *bytes;
    size_t size;
};

static bool read_page(void *subject, const struct pg_wal_history *history, uint64_t lsn,
                      uint8_t page[PG_WAL_PAGE_BYTES])
{
    const struct input *input = subject;
    (void)history;
    if (lsn < BASE || lsn - BASE >= input->size)
        return false;
    size_t left = input->size - (size_t)(lsn - BASE);
    memset(page, 0, PG_WAL_PAGE_BYTES);
    memcpy(page, input->bytes + (lsn - BASE), left < PG_WAL_PAGE_BYTES ? left : PG_WAL_PAGE_BYTES);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct pg_wal_history history;
    struct error err;
    struct input input = {bytes, size};
    struct pg_wal_scan scan = {BASE, 0, 1 << 24, read_page, &input};
    enum error_code code = pg_wal_history_parse("", 1, &history, &err);
    ASSERT(code == ERR_OK);
    uint64_t end = pg_wal_follow(&scan, &history);
    ASSERT(end >= BASE && end <= BASE + (1 << 24) + size);
    char *text = calloc(1, size + 1);
    ASSERT(text);
    if (size)
        memcpy(text, bytes, size);
    if (pg_wal_history_parse(text, 9, &history, &err) == ERR_OK)
        ASSERT(pg_wal_owner(&history, UINT64_MAX) == 9);
    free(text);
    return 0;
}

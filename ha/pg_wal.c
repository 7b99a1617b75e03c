/* The records of a write-ahead log: see pg_wal.h. Source: PostgreSQL's xlogreader.c. */
#include "ha/pg_wal.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ha/pg_bytes.h"

enum {
    PAGE_SHORT = 24,
    PAGE_LONG = 40,
    PAGE_IS_CONTINUED = 1, /* xlp_info: XLP_FIRST_IS_CONTRECORD */
    PAGE_IS_LONG = 2,
    PAGE_FLAGS = 15,
    PAGE_OVERWRITES = 8, /* XLP_FIRST_IS_OVERWRITE_CONTRECORD: the record before was given up */
    RECORD_HEADER = 24,
    RECORD_CRC_AT = 20,
    RECORD_BYTES_MAX = 1020 << 20, /* XLogRecordMaxSize */
    RMGR_XLOG = 0,
    XLOG_SWITCH = 0x40,
    ALIGN = 8,
};

/* A record that is being put together, without keeping its bytes: only its checksum is needed. */
struct record {
    uint8_t header[RECORD_HEADER];
    uint32_t got, total; /* bytes so far, of how many */
    uint32_t crc;
    uint64_t begin;
};

struct reader {
    const struct pg_wal_scan *scan;
    const struct pg_wal_history *history;
    uint8_t page[PG_WAL_PAGE_BYTES];
    uint64_t page_lsn;
    uint32_t page_header; /* bytes of its header */
    uint16_t flags;
    uint32_t remaining; /* xlp_rem_len */
};

/* CRC-32C (Castagnoli), reflected: by a table, or by the processor where it can. */
static uint32_t crc_table[256];
static bool crc_in_hardware;
static pthread_once_t crc_prepared = PTHREAD_ONCE_INIT;

static void prepare_crc(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t word = i;
        for (int bit = 0; bit < 8; bit++)
            word = word & 1 ? 0x82f63b78 ^ word >> 1 : word >> 1;
        crc_table[i] = word;
    }
#ifdef __x86_64__
    crc_in_hardware = __builtin_cpu_supports("sse4.2");
#endif
}

#ifdef __x86_64__
static uint32_t __attribute__((target("sse4.2")))
crc_words(uint32_t crc, const uint8_t *bytes, size_t count)
{
    uint64_t sum = crc;
    for (size_t i = 0; i < count; i++)
        sum = __builtin_ia32_crc32di(sum, pg_bytes_64(bytes + 8 * i));
    return (uint32_t)sum;
}
#else
static uint32_t crc_words(uint32_t crc, const uint8_t *bytes, size_t count)
{
    (void)bytes, (void)count;
    return crc;
}
#endif

static uint32_t crc_put(uint32_t crc, const uint8_t *bytes, size_t size)
{
    size_t words = crc_in_hardware ? size / 8 : 0;
    crc = crc_words(crc, bytes, words);
    for (size_t i = 8 * words; i < size; i++)
        crc = crc_table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
    return crc;
}

uint32_t pg_wal_sum(const uint8_t *bytes, size_t size)
{
    pthread_once(&crc_prepared, prepare_crc);
    return crc_put(0xffffffff, bytes, size) ^ 0xffffffff;
}

static bool is_magic(uint16_t magic)
{
    return magic == 0xD110 || magic == 0xD113 || magic == 0xD116; /* 15, 16, 17 */
}

static bool is_on_history(const struct pg_wal_history *history, uint32_t timeline)
{
    for (int i = 0; i < history->count; i++)
        if (history->entries[i].timeline == timeline)
            return true;
    return false;
}

/* Read and check the page that begins at lsn. */
static bool open_page(struct reader *reader, uint64_t lsn)
{
    const uint8_t *page = reader->page;
    if (!reader->scan->read_page(reader->scan->subject, reader->history, lsn, reader->page))
        return false;
    reader->flags = pg_bytes_16(page + 2);
    if (!is_magic(pg_bytes_16(page)) || (reader->flags & ~PAGE_FLAGS) ||
        pg_bytes_64(page + 8) != lsn || !is_on_history(reader->history, pg_bytes_32(page + 4)))
        return false;
    reader->page_header = reader->flags & PAGE_IS_LONG ? PAGE_LONG : PAGE_SHORT;
    if ((reader->flags & PAGE_IS_LONG) &&
        ((reader->scan->system_id && pg_bytes_64(page + 24) != reader->scan->system_id) ||
         pg_bytes_32(page + 32) != reader->scan->segment_bytes ||
         pg_bytes_32(page + 36) != PG_WAL_PAGE_BYTES))
        return false;
    reader->remaining = pg_bytes_32(page + 16);
    reader->page_lsn = lsn;
    return true;
}

/* Take what this page has of the record, from offset on. False: its header is not sound. */
static bool take(struct record *record, const struct reader *reader, uint32_t offset)
{
    const uint8_t *at = reader->page + offset;
    uint32_t room = PG_WAL_PAGE_BYTES - offset;
    if (record->got < RECORD_HEADER) {
        uint32_t size = RECORD_HEADER - record->got < room ? RECORD_HEADER - record->got : room;
        memcpy(record->header + record->got, at, size);
        if (!record->got) /* the length is never split: records are aligned */
            record->total = pg_bytes_32(record->header);
        if (record->total < RECORD_HEADER || record->total > RECORD_BYTES_MAX)
            return false;
        record->got += size;
        at += size;
        room -= size;
    }
    uint32_t rest = record->total - record->got;
    uint32_t size = rest < room ? rest : room;
    record->crc = crc_put(record->crc, at, size);
    record->got += size;
    return true;
}

static bool is_sound(const struct record *record, uint64_t previous)
{
    uint32_t crc = crc_put(record->crc, record->header, RECORD_CRC_AT) ^ 0xffffffff;
    uint64_t link = pg_bytes_64(record->header + 8);
    return crc == pg_bytes_32(record->header + RECORD_CRC_AT) &&
           (previous ? link == previous : link < record->begin);
}

/* Where the next record may begin: a switch record fills its segment. */
static uint64_t end_of(const struct record *record, uint64_t segment_bytes, uint64_t end)
{
    bool is_switch = record->header[17] == RMGR_XLOG && (record->header[16] & 0xf0) == XLOG_SWITCH;
    end = (end + ALIGN - 1) / ALIGN * ALIGN;
    return is_switch ? (end + segment_bytes - 1) / segment_bytes * segment_bytes : end;
}

/*
 * One record that begins at *at. True: *at is where it ends. A page that says the record was given
 * up makes the next one begin there.
 */
static bool follow_one(struct reader *reader, uint64_t *at, uint64_t *previous)
{
    struct record record = {.crc = 0xffffffff, .begin = *at};
    uint64_t page = *at / PG_WAL_PAGE_BYTES * PG_WAL_PAGE_BYTES;
    uint32_t offset = (uint32_t)(*at - page);
    if (page != reader->page_lsn && !open_page(reader, page))
        return false;
    if (offset < reader->page_header) { /* begins behind the header of this page */
        if (offset || (reader->flags & PAGE_IS_CONTINUED))
            return false;
        offset = reader->page_header;
        record.begin = page + offset;
    }
    while (take(&record, reader, offset)) {
        if (record.got == record.total) {
            uint32_t used = PG_WAL_PAGE_BYTES;
            uint64_t begin_page = record.begin / PG_WAL_PAGE_BYTES * PG_WAL_PAGE_BYTES;
            used = begin_page == page ? offset + record.total : offset + reader->remaining;
            if (!is_sound(&record, *previous))
                return false;
            *previous = record.begin;
            *at = end_of(&record, reader->scan->segment_bytes, page + used);
            return true;
        }
        page += PG_WAL_PAGE_BYTES;
        if (!open_page(reader, page))
            return false;
        offset = reader->page_header;
        if (reader->flags & PAGE_OVERWRITES) {
            record = (struct record){.crc = 0xffffffff, .begin = page + offset};
            *previous = 0; /* it names the record that was given up */
            continue;
        }
        if (!(reader->flags & PAGE_IS_CONTINUED) || reader->remaining != record.total - record.got)
            return false;
    }
    return false;
}

uint64_t pg_wal_follow(const struct pg_wal_scan *scan, const struct pg_wal_history *history)
{
    struct reader reader = {.scan = scan, .history = history, .page_lsn = UINT64_MAX};
    uint64_t at = scan->from, previous = 0;
    pthread_once(&crc_prepared, prepare_crc);
    while (follow_one(&reader, &at, &previous))
        continue;
    return at;
}

int pg_wal_compare(struct pg_wal_place a, struct pg_wal_place b)
{
    if (a.timeline != b.timeline)
        return a.timeline < b.timeline ? -1 : 1;
    return a.lsn < b.lsn ? -1 : a.lsn > b.lsn;
}

/* A number of 32 bits that one of the characters of stops follows; NULL = it is none. */
static const char *take_number(const char *text, int base, const char *stops, uint64_t *number)
{
    char *end;
    if (!isxdigit((unsigned char)*text))
        return NULL;
    *number = strtoull(text, &end, base);
    return *number <= UINT32_MAX && *end && strchr(stops, *end) ? end : NULL;
}

/* Each promote adds one, for as long as the cluster lives: the oldest are not needed for ever. */
static void put_entry(struct pg_wal_history *history, uint32_t timeline, uint64_t end)
{
    if (history->count == PG_WAL_TIMELINES) {
        history->count--;
        memmove(&history->entries[0], &history->entries[1],
                sizeof(history->entries[0]) * (size_t)history->count);
    }
    history->entries[history->count].timeline = timeline;
    history->entries[history->count++].end = end;
}

enum error_code pg_wal_history_parse(const char *text, uint32_t timeline,
                                     struct pg_wal_history *history, struct error *err)
{
    history->count = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        uint64_t parent, high, low;
        line += strspn(line, " \t\r");
        if (*line == '\n' || *line == '#' || !*line)
            continue;
        const char *at_end = take_number(line, 10, " \t", &parent);
        at_end = at_end ? take_number(at_end + strspn(at_end, " \t"), 16, "/", &high) : NULL;
        at_end = at_end ? take_number(at_end + 1, 16, " \t\r\n", &low) : NULL;
        if (!at_end)
            return error_set(err, ERR_CORRUPT, "history of timeline %u: %.60s", timeline, line);
        uint64_t end = high << 32 | low;
        int at = history->count;
        if (parent >= timeline || (at && (parent <= history->entries[at - 1].timeline ||
                                          end < history->entries[at - 1].end)))
            return error_set(err, ERR_CORRUPT, "history of timeline %u is out of order", timeline);
        put_entry(history, (uint32_t)parent, end);
    }
    put_entry(history, timeline, UINT64_MAX);
    return ERR_OK;
}

uint32_t pg_wal_owner(const struct pg_wal_history *history, uint64_t lsn)
{
    int at = 0;
    while (lsn > history->entries[at].end)
        at++;
    return history->entries[at].timeline;
}

/* The floor file: see floor.h. Lines of numbers and, last, their SHA-256. */
#include "ha/floor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/wire/digest.h"

enum { FLOOR_VERSION = 2, FLOOR_TEXT = 8192, FLOOR_NUMBERS = 11, ROW_NUMBERS = 4, RETRY_MS = 500 };

static const char word[] = "gantry-floor";

static int print(char *text, size_t size, const struct floor_values *values)
{
    int used =
        snprintf(text, size,
                 "%s %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %" PRIu64 " %u %" PRIu64
                 " %u %d\n",
                 word, FLOOR_VERSION, values->pg_epoch, values->named, values->tried,
                 values->reported, values->place.timeline, values->place.lsn, values->had_data,
                 values->lease.version, values->lease.lease_ms_max, values->lease.count);
    for (int i = 0; i < values->lease.count; i++) {
        const struct lease_floor_row *row = &values->lease.rows[i];
        used += snprintf(text + used, size - (size_t)used, "%d %u %" PRIu64 " %" PRIu64 "\n",
                         row->resource.kind, row->resource.key, row->seen, row->released);
    }
    ASSERT(used > 0 && (size_t)used < size);
    return used;
}

/* Numbers of one line; where the next one begins, NULL = they are not there. */
static char *scan_line(char *at, uint64_t *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        if (i && *at++ != ' ')
            return NULL;
        char *end;
        numbers[i] = strtoull(at, &end, 10);
        if (end == at)
            return NULL;
        at = end;
    }
    return *at == '\n' ? at + 1 : NULL;
}

/* The numbers, which the digest has vouched for. */
static bool scan(char *text, struct floor_values *values)
{
    uint64_t n[FLOOR_NUMBERS];
    if (strncmp(text, word, sizeof(word) - 1) != 0 || text[sizeof(word) - 1] != ' ')
        return false;
    char *at = scan_line(text + sizeof(word), n, FLOOR_NUMBERS);
    if (!at || n[0] != FLOOR_VERSION || n[10] > LEASE_ROWS)
        return false;
    *values = (struct floor_values){
        .pg_epoch = n[1],
        .named = n[2],
        .tried = n[3],
        .reported = n[4],
        .place = {(uint32_t)n[5], n[6]},
        .had_data = (uint32_t)n[7],
        .lease = {.version = n[8], .lease_ms_max = (uint32_t)n[9], .count = (int)n[10]}};
    for (int i = 0; i < values->lease.count && at; i++) {
        uint64_t row[ROW_NUMBERS];
        at = scan_line(at, row, ROW_NUMBERS);
        if (at)
            values->lease.rows[i] =
                (struct lease_floor_row){{(int)row[0], (uint32_t)row[1]}, row[2], row[3]};
    }
    return at && !*at;
}

enum error_code floor_read(const char *path, struct floor_values *values, struct error *err)
{
    struct arena *arena = arena_new();
    char *text, expected[DIGEST_TEXT];
    size_t size;
    enum error_code code = file_read(arena, path, FLOOR_TEXT + DIGEST_TEXT + 1, &text, &size, err);
    if (!code) {
        /* The digest is the last line: its text and a newline. */
        bool whole = size > DIGEST_TEXT && text[size - DIGEST_TEXT - 1] == '\n';
        if (whole) {
            digest_sha256_text(text, size - DIGEST_TEXT, expected);
            whole = !strncmp(text + size - DIGEST_TEXT, expected, DIGEST_TEXT - 1);
            text[size - DIGEST_TEXT] = '\0';
        }
        if (!whole || !scan(text, values))
            code = error_set(err, ERR_CORRUPT,
                             "%s is damaged: this member counts as wiped; remove it from the "
                             "cluster, empty its data directory and join again",
                             path);
    }
    arena_free(arena);
    return code;
}

static bool is_same(const struct floor_values *a, const struct floor_values *b)
{
    bool same = a->pg_epoch == b->pg_epoch && a->named == b->named && a->tried == b->tried &&
                a->reported == b->reported && a->place.timeline == b->place.timeline &&
                a->place.lsn == b->place.lsn && a->had_data == b->had_data &&
                a->lease.version == b->lease.version &&
                a->lease.lease_ms_max == b->lease.lease_ms_max && a->lease.count == b->lease.count;
    for (int i = 0; same && i < a->lease.count; i++) {
        const struct lease_floor_row *x = &a->lease.rows[i], *y = &b->lease.rows[i];
        same = lease_resource_equal(x->resource, y->resource) && x->seen == y->seen &&
               x->released == y->released;
    }
    return same;
}

enum error_code floor_raise(const char *path, struct floor_values *stored,
                            const struct floor_values *wanted, struct error *err)
{
    char text[FLOOR_TEXT + DIGEST_TEXT + 2], digest[DIGEST_TEXT];
    ASSERT(wanted->pg_epoch >= stored->pg_epoch && wanted->named >= stored->named);
    ASSERT(wanted->tried >= stored->tried && wanted->reported >= stored->reported);
    ASSERT(wanted->had_data >= stored->had_data);
    ASSERT(wanted->lease.version >= stored->lease.version);
    ASSERT(wanted->lease.lease_ms_max >= stored->lease.lease_ms_max);
    if (is_same(stored, wanted))
        return ERR_OK;
    int length = print(text, FLOOR_TEXT, wanted);
    digest_sha256_text(text, (size_t)length, digest);
    int total = length + snprintf(text + length, sizeof(text) - (size_t)length, "%s\n", digest);
    enum error_code code = file_write(path, text, (size_t)total, 0600, err);
    if (!code)
        *stored = *wanted;
    return code;
}

/* ---- as the loop keeps it ---- */

struct waiter {
    struct waiter *next;
    uint64_t serial; /* of the write that has what it waits for */
    void (*stored)(void *subject);
    void *subject;
};

struct floor {
    struct loop *loop;
    char path[LIMIT_PATH];
    struct floor_values stored, wanted;
    bool busy, closing, timer_gone;
    uint64_t serial; /* of the write under way or to come */
    struct waiter *waiters;
    struct loop_timer retry;
    char problem[256];
};

struct write {
    struct floor *floor;
    struct floor_values stored, wanted;
    enum error_code code;
    struct error err;
};

static void begin_write(struct floor *floor);

static void free_if_unused(struct floor *floor)
{
    if (!floor->closing || floor->busy || !floor->timer_gone)
        return;
    while (floor->waiters) {
        struct waiter *waiter = floor->waiters;
        floor->waiters = waiter->next;
        free(waiter);
    }
    free(floor);
}

static void run_write(void *subject)
{
    struct write *write = subject;
    write->code = floor_raise(write->floor->path, &write->stored, &write->wanted, &write->err);
}

/* Those whose write is done, in the order they came. */
static void tell(struct floor *floor, uint64_t serial)
{
    struct waiter **at = &floor->waiters;
    while (*at) {
        struct waiter *waiter = *at;
        if (waiter->serial > serial) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        void (*stored)(void *) = waiter->stored;
        void *subject_of = waiter->subject;
        free(waiter);
        stored(subject_of);
        at = &floor->waiters; /* the call may have added one */
    }
}

static void end_write(void *subject)
{
    struct write *write = subject;
    struct floor *floor = write->floor;
    uint64_t done = floor->serial++;
    floor->busy = false;
    if (write->code) {
        if (strcmp(floor->problem, write->err.text))
            log_error("%s", write->err.text);
        snprintf(floor->problem, sizeof(floor->problem), "%.255s", write->err.text);
        for (struct waiter *waiter = floor->waiters; waiter; waiter = waiter->next)
            waiter->serial = floor->serial;
        if (!floor->closing)
            loop_timer_start(&floor->retry, RETRY_MS, 0);
    } else {
        floor->problem[0] = '\0';
        floor->stored = write->stored;
        tell(floor, done);
        if (!floor->closing && !floor->busy && floor->waiters)
            begin_write(floor);
    }
    free(write);
    free_if_unused(floor);
}

static void begin_write(struct floor *floor)
{
    struct write *write = calloc(1, sizeof(*write));
    ASSERT(write);
    *write = (struct write){floor, floor->stored, floor->wanted, ERR_OK, {0}};
    floor->busy = true;
    loop_run_blocking(floor->loop, run_write, end_write, write);
}

static void on_retry(struct loop_timer *timer)
{
    struct floor *floor = container_of(timer, struct floor, retry);
    if (!floor->busy)
        begin_write(floor);
}

enum error_code floor_open(struct loop *loop, const char *path, struct floor **out,
                           struct error *err)
{
    struct floor *floor = calloc(1, sizeof(*floor));
    ASSERT(floor);
    floor->loop = loop;
    floor->serial = 1;
    snprintf(floor->path, sizeof(floor->path), "%s", path);
    enum error_code code = floor_read(path, &floor->stored, err);
    if (code && code != ERR_NOT_FOUND) {
        free(floor);
        return code;
    }
    floor->wanted = floor->stored;
    loop_timer_init(loop, &floor->retry, on_retry);
    *out = floor;
    return ERR_OK;
}

static void on_retry_closed(struct loop_timer *timer)
{
    struct floor *floor = container_of(timer, struct floor, retry);
    floor->timer_gone = true;
    free_if_unused(floor);
}

void floor_close(struct floor *floor)
{
    floor->closing = true;
    loop_timer_close(&floor->retry, on_retry_closed);
}

struct floor_values *floor_wanted(struct floor *floor)
{
    return &floor->wanted;
}

const struct floor_values *floor_stored(const struct floor *floor)
{
    return &floor->stored;
}

bool floor_sync(struct floor *floor, void (*stored)(void *subject), void *subject)
{
    if (!floor->busy && is_same(&floor->stored, &floor->wanted))
        return true;
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    struct waiter **end = &floor->waiters;
    ASSERT(waiter);
    /* What is being written now has not what was raised meanwhile: the next write has. */
    *waiter = (struct waiter){NULL, floor->serial + (floor->busy ? 1 : 0), stored, subject};
    while (*end)
        end = &(*end)->next;
    *end = waiter;
    if (!floor->busy)
        begin_write(floor);
    return false;
}

const char *floor_problem(const struct floor *floor)
{
    return floor->problem;
}

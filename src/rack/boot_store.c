/*
 * Kept boot answers: see boot_store.h. One file, replaced as a whole: a line with the SHA-256 of
 * the rest, then a line for each machine, "MAC ANSWER" or "MAC -", the one seen last at the end.
 */
#include "src/rack/boot_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/op.h"
#include "src/wire/digest.h"

enum {
    SAVE_EVERY_MS = 1000, /* changes of so long go to disk together */
    LINE_BYTES = MAC_TEXT + BOOT_STORE_ANSWER_BYTES + 1,
    FILE_BYTES = BOOT_STORE_MACHINES * LINE_BYTES + 256,
};
static const char head[] = "gantry boot answers 1 ";

struct machine {
    struct mac mac;
    char *answer; /* NULL = none is kept */
};

struct boot_store {
    struct loop *loop;
    char path[LIMIT_PATH];
    struct machine machines[BOOT_STORE_MACHINES]; /* seen last at the end */
    int count;
    struct op op;
    uint64_t serial;
    struct loop_timer timer; /* runs: a save is due */
    bool dirty, due, closing;
    char *text; /* being written */
    size_t text_size;
    struct error err;
    char problem[256];
};

/* Files */

static bool read_line(struct boot_store *store, char *line)
{
    struct machine *machine = &store->machines[store->count];
    char *answer = strchr(line, ' ');
    if (!answer || store->count == BOOT_STORE_MACHINES)
        return false;
    *answer++ = '\0';
    if (!mac_parse(line, &machine->mac) || strlen(answer) >= BOOT_STORE_ANSWER_BYTES)
        return false;
    machine->answer = strcmp(answer, "-") != 0 ? strdup(answer) : NULL;
    store->count++;
    return true;
}

static bool read_all(struct boot_store *store, char *text, size_t size)
{
    char sha256[DIGEST_TEXT];
    size_t head_size = sizeof(head) - 1 + DIGEST_TEXT; /* the line's end is where the NUL was */
    if (size < head_size || strlen(text) != size || memcmp(text, head, sizeof(head) - 1) != 0 ||
        text[head_size - 1] != '\n')
        return false;
    text[head_size - 1] = '\0';
    digest_sha256_text(text + head_size, size - head_size, sha256);
    if (strcmp(sha256, text + sizeof(head) - 1) != 0)
        return false;
    for (char *line = text + head_size, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (!end)
            return false;
        *end = '\0';
        if (!read_line(store, line))
            return false;
    }
    return true;
}

static void forget_all(struct boot_store *store)
{
    for (int i = 0; i < store->count; i++)
        free(store->machines[i].answer);
    store->count = 0;
}

static enum error_code load(struct boot_store *store, struct error *err)
{
    struct arena *arena = arena_new();
    char *text = NULL;
    size_t size = 0;
    enum error_code code = file_read(arena, store->path, FILE_BYTES, &text, &size, err);
    if (code == ERR_NOT_FOUND) {
        code = ERR_OK;
    } else if (code == ERR_TOO_LARGE || (!code && !read_all(store, text, size))) {
        const char *aside = arena_printf(arena, "%s.damaged", store->path);
        forget_all(store);
        code = rename(store->path, aside)
                   ? error_errno(err, "set %s aside", store->path)
                   : error_set(err, ERR_CORRUPT, "%s is damaged; it is now %s", store->path, aside);
    }
    arena_free(arena);
    return code;
}

static char *write_text(const struct boot_store *store, size_t *size)
{
    size_t room = sizeof(head) + DIGEST_TEXT;
    for (int i = 0; i < store->count; i++)
        room += MAC_TEXT + 2 + (store->machines[i].answer ? strlen(store->machines[i].answer) : 0);
    char *text = malloc(room + 1), *at = text + sizeof(head) - 1 + DIGEST_TEXT;
    ASSERT(text);
    for (int i = 0; i < store->count; i++) {
        const struct machine *machine = &store->machines[i];
        char mac[MAC_TEXT];
        mac_format(machine->mac, mac);
        at = stpcpy(stpcpy(stpcpy(at, mac), " "), machine->answer ? machine->answer : "-");
        at = stpcpy(at, "\n");
    }
    *size = (size_t)(at - text);
    return text;
}

static void write_file(void *subject)
{
    struct boot_store *store = subject;
    size_t head_size = sizeof(head) - 1 + DIGEST_TEXT;
    memcpy(store->text, head, sizeof(head) - 1);
    digest_sha256_text(store->text + head_size, store->text_size - head_size,
                       store->text + sizeof(head) - 1);
    store->text[head_size - 1] = '\n';
    store->err.code = file_write(store->path, store->text, store->text_size, 0600, &store->err);
}

/* Saving: at most one write at a time, and none sooner than SAVE_EVERY_MS after the last. */

static void reconcile(struct boot_store *store);

static void on_timer_closed(struct loop_timer *timer)
{
    struct boot_store *store = container_of(timer, struct boot_store, timer);
    forget_all(store);
    free(store);
}

static void on_timer(struct loop_timer *timer)
{
    struct boot_store *store = container_of(timer, struct boot_store, timer);
    store->due = false;
    reconcile(store);
}

static void on_written(void *subject)
{
    struct boot_store *store = subject;
    op_end(&store->op, store->serial);
    free(store->text);
    store->text = NULL;
    if (!store->err.code) {
        store->problem[0] = '\0';
    } else {
        if (!store->problem[0])
            log_error("boot answers are not kept: %s", store->err.text);
        snprintf(store->problem, sizeof(store->problem), "%.255s", store->err.text);
        store->dirty = !store->closing;
    }
    store->due = true;
    loop_timer_start(&store->timer, SAVE_EVERY_MS, 0);
    reconcile(store);
}

static void reconcile(struct boot_store *store)
{
    if (op_busy(&store->op))
        return;
    if (store->dirty && (!store->due || store->closing)) {
        store->dirty = false;
        store->text = write_text(store, &store->text_size);
        store->serial = op_begin(&store->op, "save", 0);
        loop_run_blocking(store->loop, write_file, on_written, store);
    } else if (store->closing) {
        loop_timer_close(&store->timer, on_timer_closed);
    }
}

enum error_code boot_store_open(struct loop *loop, const char *path, struct boot_store **out,
                                struct error *err)
{
    struct boot_store *store = calloc(1, sizeof(*store));
    ASSERT(store);
    store->loop = loop;
    snprintf(store->path, sizeof(store->path), "%s", path);
    loop_timer_init(loop, &store->timer, on_timer);
    *out = store;
    return load(store, err);
}

void boot_store_close(struct boot_store *store)
{
    if (!store)
        return;
    store->closing = true;
    reconcile(store);
}

static int find(const struct boot_store *store, struct mac mac)
{
    for (int i = store->count - 1; i >= 0; i--)
        if (mac_equal(store->machines[i].mac, mac))
            return i;
    return -1;
}

bool boot_store_find(const struct boot_store *store, struct mac mac, const char **answer)
{
    int i = find(store, mac);
    *answer = i >= 0 ? store->machines[i].answer : NULL;
    return i >= 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

void boot_store_note(struct boot_store *store, struct mac mac, const char *answer)
{
    if (answer && (strlen(answer) >= BOOT_STORE_ANSWER_BYTES || strpbrk(answer, "\r\n")))
        answer = NULL;
    int i = find(store, mac);
    if (i >= 0 && i == store->count - 1 && same_text(store->machines[i].answer, answer))
        return;
    char *copy = answer ? strdup(answer) : NULL; /* before the old one goes: it may be the same */
    if (i < 0 && store->count == BOOT_STORE_MACHINES)
        i = 0;
    if (i >= 0) {
        free(store->machines[i].answer);
        memmove(&store->machines[i], &store->machines[i + 1],
                sizeof(store->machines[0]) * (size_t)(store->count - i - 1));
        store->count--;
    }
    store->machines[store->count++] = (struct machine){mac, copy};
    store->dirty = true;
    reconcile(store);
}

void boot_store_forget(struct boot_store *store, const struct mac *mac)
{
    for (int i = 0; i < store->count; i++) {
        struct machine *machine = &store->machines[i];
        if (!machine->answer || (mac && !mac_equal(machine->mac, *mac)))
            continue;
        free(machine->answer);
        machine->answer = NULL;
        store->dirty = true;
    }
    reconcile(store);
}

int boot_store_count(const struct boot_store *store)
{
    return store->count;
}

const char *boot_store_problem(const struct boot_store *store)
{
    return store->problem;
}

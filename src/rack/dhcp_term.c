/* What this rack may give and until when: see dhcp_term.h. */
#include "src/rack/dhcp_term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/wire/digest.h"

enum { TERM_S = 24 * 3600, TERM_LEAST_S = 10, KEEP_EVERY_S = 60, FILE_BYTES = 1 << 20 };

static void read_boot(char boot[40])
{
    struct arena *arena = arena_new();
    char *text;
    size_t size;
    struct error err;
    boot[0] = '\0';
    if (!file_read(arena, "/proc/sys/kernel/random/boot_id", 64, &text, &size, &err))
        snprintf(boot, 40, "%.36s", text);
    arena_free(arena);
}

uint64_t dhcp_term_at_s(const struct dhcp_term *term, uint64_t boot_ns)
{
    int64_t ms = (int64_t)(boot_ns / CLOCK_MS) + term->offset_ms;
    return ms > 0 ? (uint64_t)ms / 1000 : 0;
}

uint64_t dhcp_term_now_s(const struct dhcp_term *term)
{
    return dhcp_term_at_s(term, clock_boot_ns());
}

static void name_store(struct dhcp_term *term, const char *store_id)
{
    char text[2 * DHCP_TERM_STORE], digest[DIGEST_TEXT];
    snprintf(term->store, sizeof(term->store), "%s", store_id);
    if (!term->salt[0])
        return;
    snprintf(text, sizeof(text), "%s%s", store_id, term->salt);
    digest_sha256_text(text, strlen(text), digest);
    snprintf(term->store, sizeof(term->store), "%.32s", digest);
}

/* ---- the file ---- */

/* [[number, count], ...] */
static json_t *runs_of(const struct dhcp_blocks *blocks)
{
    json_t *runs = json_array();
    for (int i = 0, next; i < blocks->count; i = next) {
        for (next = i + 1; next < blocks->count; next++)
            if (blocks->number[next] != blocks->number[i] + (uint32_t)(next - i))
                break;
        json_array_append_new(runs, json_pack("[I,i]", (json_int_t)blocks->number[i], next - i));
    }
    return runs;
}

static bool take_runs(const json_t *runs, struct dhcp_blocks *blocks)
{
    const json_t *run;
    size_t i;
    blocks->count = 0;
    json_array_foreach (runs, i, run) {
        const json_t *number = json_array_get(run, 0), *count = json_array_get(run, 1);
        json_int_t from = json_integer_value(number), many = json_integer_value(count);
        if (!json_is_integer(number) || !json_is_integer(count) || from < 0 || many < 1 ||
            from > UINT32_MAX / DHCP_BLOCK_SIZE || many > DHCP_BLOCKS_MOST ||
            !dhcp_blocks_add(blocks, (uint32_t)from, (uint32_t)many))
            return false;
    }
    return json_is_array(runs);
}

static void keep(struct dhcp_term *term)
{
    const struct dhcp_service *service = term->service;
    uint64_t until_s = service->blocks.until_s ? service->blocks.until_s : term->saved_until_s;
    json_t *json = json_pack(
        "{s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "boot", term->boot, "offset_ms",
        (json_int_t)term->offset_ms, "salt", term->salt, "store", term->store, "sequence",
        (json_int_t)term->confirmed, "config_until_s", (json_int_t)service->config_until_s,
        "blocks_until_s", (json_int_t)until_s, "written_s", (json_int_t)dhcp_term_now_s(term),
        "term_s", (json_int_t)term->term_s, "owner", (json_int_t)term->config_owner, "blocks",
        runs_of(&service->blocks));
    ASSERT(json);
    term->written_s = dhcp_term_now_s(term);
    dhcp_save_put(&term->save, json_dumps(json, JSON_COMPACT));
    json_decref(json);
}

/* An id; what is none, or too long for one, is as if nothing stood there. */
static void take_id(const json_t *json, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(json, key));
    bool sound =
        value && strlen(value) < size && strspn(value, "0123456789abcdef-") == strlen(value);
    snprintf(text, size, "%s", sound ? value : "");
}

/* The clock of before, if it is one: between 1970 and the year 9999. */
static bool take_clock(const json_t *json, int64_t *offset_ms)
{
    const int64_t end_ms = 253402300800000;
    const json_t *offset = json_object_get(json, "offset_ms");
    json_int_t value = json_integer_value(offset);
    if (!json_is_integer(offset) || value < -end_ms || value > end_ms)
        return false;
    *offset_ms = value;
    return true;
}

static uint64_t take_number(const json_t *json, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(json, key));
    return value > 0 ? (uint64_t)value : 0;
}

/* A file that cannot be read is as none: what it allowed is asked for again. */
static json_t *read_json(const char *path)
{
    struct arena *arena = arena_new();
    struct error err;
    char *bytes;
    size_t size;
    json_t *json = NULL;
    enum error_code code = file_read(arena, path, FILE_BYTES, &bytes, &size, &err);
    if (!code && !(json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL)))
        code = error_set(&err, ERR_CORRUPT, "%s is not JSON", path);
    if (code && code != ERR_NOT_FOUND)
        log_error("dhcp: terms and blocks are to be told anew by a region: %s", err.text);
    arena_free(arena);
    return json;
}

enum error_code dhcp_term_open(struct dhcp_term *term, struct loop *loop, const char *path,
                               const struct dhcp_lease_file *file, struct dhcp_service *service,
                               struct error *err)
{
    char boot[40], store[DHCP_TERM_STORE];
    *term = (struct dhcp_term){.service = service, .term_s = TERM_S};
    term->save = (struct dhcp_save){.loop = loop, .what = "the term of addresses"};
    if ((size_t)snprintf(term->save.path, LIMIT_PATH, "%s", path) >= LIMIT_PATH)
        return error_set(err, ERR_BAD_INPUT, "%s: too long a path", path);
    read_boot(term->boot);
    json_t *json = read_json(path);
    take_id(json, "boot", boot, sizeof(boot));
    take_id(json, "salt", term->salt, sizeof(term->salt));
    take_id(json, "store", store, sizeof(store));
    if (!boot[0] || strcmp(boot, term->boot) != 0 || !take_clock(json, &term->offset_ms))
        term->offset_ms = (int64_t)clock_real_ms() - (int64_t)(clock_boot_ns() / CLOCK_MS);
    name_store(term, file->store_id);
    uint64_t written_s = take_number(json, "written_s"), term_s = take_number(json, "term_s");
    if (term_s >= TERM_LEAST_S && term_s <= UINT32_MAX)
        term->term_s = (uint32_t)term_s;
    service->config_until_s = take_number(json, "config_until_s");
    service->last_time_s = file->last_time_s > written_s ? file->last_time_s : written_s;
    term->config_owner = (int64_t)take_number(json, "owner");
    term->confirmed = take_number(json, "sequence");
    term->saved_until_s = take_number(json, "blocks_until_s");
    if (strcmp(store, term->store) != 0 || file->sequence < term->confirmed ||
        !take_runs(json_object_get(json, "blocks"), &service->blocks)) {
        service->blocks.count = 0; /* leases may be missing */
        term->saved_until_s = 0;
        term->confirmed = 0;
    }
    json_decref(json);
    keep(term);
    return ERR_OK;
}

void dhcp_term_close(struct dhcp_term *term)
{
    dhcp_save_close(&term->save);
}

/* ---- terms ---- */

/* What was full may have room now. */
static void look_again(struct dhcp_service *service)
{
    for (int i = 0; service->config && i < service->config->count; i++)
        service->pool[i].full_until_s = 0;
}

void dhcp_term_resume(struct dhcp_term *term)
{
    struct dhcp_service *service = term->service;
    if (!term->saved_until_s)
        return;
    service->blocks.until_s = term->saved_until_s;
    term->saved_until_s = 0;
    look_again(service);
    log_info("dhcp: no region yet: going on with %d blocks of addresses", service->blocks.count);
}

bool dhcp_term_is_bound(const struct dhcp_term *term)
{
    return term->config_owner == term->owner;
}

void dhcp_term_bind(struct dhcp_term *term, int64_t owner)
{
    bool same = term->config_owner == owner;
    term->config_owner = owner;
    if (dhcp_term_is_bound(term) && term->until_s)
        term->service->config_until_s = term->until_s;
    if (!same)
        keep(term);
}

enum error_code dhcp_term_take(struct dhcp_term *term, const json_t *answer, uint64_t asked_ns,
                               uint64_t sequence, struct error *err)
{
    static struct dhcp_blocks blocks; /* the loop's */
    struct dhcp_service *service = term->service;
    uint64_t term_s = take_number(answer, "term_s");
    if (term_s < TERM_LEAST_S || term_s > UINT32_MAX ||
        !take_runs(json_object_get(answer, "blocks"), &blocks))
        return error_set(err, ERR_BAD_INPUT, "dhcp_blocks: expected term_s and blocks");
    bool same = blocks.count == service->blocks.count && term->term_s == term_s &&
                !memcmp(blocks.number, service->blocks.number,
                        sizeof(blocks.number[0]) * (size_t)blocks.count);
    uint64_t until_s = dhcp_term_at_s(term, asked_ns) + term_s;
    term->owner = (int64_t)take_number(answer, "owner");
    term->renewals = take_number(answer, "renewals");
    term->until_s = until_s;
    if (dhcp_term_is_bound(term))
        service->config_until_s = until_s;
    term->back.count = 0;
    term->term_s = (uint32_t)term_s;
    term->saved_until_s = 0;
    term->confirmed = sequence;
    service->blocks = blocks;
    service->blocks.until_s = until_s;
    look_again(service);
    if (!same || dhcp_term_now_s(term) >= term->written_s + KEEP_EVERY_S)
        keep(term);
    return ERR_OK;
}

void dhcp_term_take_new_store(struct dhcp_term *term, const struct dhcp_lease_file *file)
{
    uint8_t random[16];
    struct dhcp_blocks *blocks = &term->service->blocks;
    digest_random(random, sizeof(random));
    digest_hex(random, sizeof(random), term->salt);
    name_store(term, file->store_id);
    blocks->count = term->back.count = 0;
    blocks->until_s = term->saved_until_s = 0;
    term->confirmed = 0;
    keep(term);
}

void dhcp_term_give_back(struct dhcp_term *term)
{
    struct dhcp_service *service = term->service;
    if (!service->blocks.until_s)
        return;
    dhcp_service_give_back(service, dhcp_term_now_s(term), &term->back);
    if (term->back.count)
        keep(term); /* before anybody else may have them: a restart must not use them */
}

/* ---- the question ---- */

json_t *dhcp_term_question(const struct dhcp_term *term, uint64_t sequence)
{
    struct dhcp_service *service = term->service;
    json_t *networks = json_array();
    for (int i = 0; service->config && i < service->config->count; i++) {
        const struct dhcp_network *network = &service->config->network[i];
        int lacks = dhcp_service_lacks(service, i, dhcp_term_now_s(term));
        if (lacks)
            json_array_append_new(networks,
                                  json_pack("{s:I, s:i}", "subnet_id",
                                            (json_int_t)network->subnet_id, "blocks", lacks));
    }
    json_t *params = json_pack("{s:s, s:I, s:o}", "store", term->store, "sequence",
                               (json_int_t)sequence, "networks", networks);
    ASSERT(params);
    if (term->back.count && term->save.kept) {
        json_object_set_new(params, "renewals", json_integer((json_int_t)term->renewals));
        json_object_set_new(params, "back", runs_of(&term->back));
    }
    return params;
}

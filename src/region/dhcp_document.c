/* What a rack may give addresses by: see dhcp_document.h. */
#include "src/region/dhcp_document.h"

#include <string.h>

#include "src/base/json_out.h"
#include "src/base/limits.h"
#include "src/region/dhcp_hold.h"
#include "src/region/dhcp_store.h"
#include "src/wire/digest.h"

enum { FRAME_SPARE = 4096 };

/* $2: ids of owners whose term runs, $3: the next id. One that is not known here yet may run. */
#define ALIVE_SQL "(owner >= $3::bigint OR owner = ANY ($2::bigint[]))"

/* An answer that is being made. */
struct making {
    struct db *db;
    const struct dhcp_document_ask *ask;
    struct arena *arena;
    const char *owners, *next; /* $2 and $3 */
    int64_t owner;             /* the rack's, 0 = its term is over */
    struct db_rows own; /* its documents, ascending: number, version, owner, networks, held */
    int confirmed;      /* row of the one it confirms, -1 = none */
    json_t *networks;
    const char *meaning; /* of them, before anything is held */
    json_t *held;
    const char *version;
};

enum error_code dhcp_document_lock(struct db *db, struct error *err)
{
    DB_STATEMENT(dhcp_document_lock_all, "LOCK TABLE dhcp_document IN SHARE ROW EXCLUSIVE MODE");
    return db_query(db, &dhcp_document_lock_all, DB_NO_PARAMS, NULL, err);
}

static void take_owners(struct making *making)
{
    const struct cluster_state *facts = making->ask->facts;
    const char *ids[CLUSTER_BLOCK_OWNERS];
    int64_t asked = making->ask->owner, next = facts->block_owner_next;
    next = next ? next : 1;
    for (int i = 0; i < facts->block_owners_count; i++) {
        const struct cluster_block_owner *owner = &facts->block_owners[i];
        ids[i] = db_number(making->arena, owner->id);
        if (owner->id == asked && !strcmp(owner->rack, making->ask->rack))
            making->owner = asked;
    }
    if (asked >= next)
        making->owner = asked;
    making->owners = db_array(making->arena, ids, facts->block_owners_count);
    making->next = db_number(making->arena, next);
}

/* ---- what the rack confirms ---- */

/* Leases that it gave by what it has replaced, where that is not what it says now. */
static enum error_code note_draining(struct making *making, const char *before, const char *after,
                                     struct error *err)
{
    DB_STATEMENT(dhcp_standing,
                 "SELECT host(ip), mac_address FROM dhcp_lease WHERE rack = $1 AND expires + "
                 "duration_s * interval '0.27 second' + interval '2 seconds' > now()");
    DB_STATEMENT(
        dhcp_drain,
        "INSERT INTO dhcp_draining (rack, ip, mac_address, until) SELECT rack, ip, mac_address, "
        "expires + duration_s * interval '0.27 second' + interval '2 seconds' FROM dhcp_lease "
        "WHERE rack = $1 AND ip = ANY ($2::inet[]) ON CONFLICT (rack, ip) DO UPDATE SET "
        "mac_address = EXCLUDED.mac_address, until = greatest(dhcp_draining.until, "
        "EXCLUDED.until)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    json_t *old = json_loads(before, 0, NULL), *now = json_loads(after, 0, NULL);
    ASSERT(old && now);
    struct dhcp_hold_change *change = dhcp_hold_change(old, now, making->arena);
    enum error_code code =
        db_query(making->db, &dhcp_standing, DB_PARAMS(making->ask->rack), &rows, err);
    const char **draining = ARENA_ARRAY(making->arena, const char *, (size_t)rows.count + 1);
    int count = 0;
    for (int i = 0; i < rows.count; i++) {
        ip4 address;
        struct mac mac;
        if (ip4_parse(db_text(&rows, i, 0), &address) && mac_parse(db_text(&rows, i, 1), &mac) &&
            dhcp_hold_drains(change, address, mac))
            draining[count++] = db_text(&rows, i, 0);
    }
    if (!code && count)
        code = db_query(making->db, &dhcp_drain,
                        DB_PARAMS(making->ask->rack, db_array(making->arena, draining, count)),
                        NULL, err);
    json_decref(old);
    json_decref(now);
    return code;
}

static enum error_code forget_replaced(struct making *making, struct error *err)
{
    DB_STATEMENT(dhcp_replaced, "DELETE FROM dhcp_document WHERE rack = $1 AND number < $2");
    /* What waited for this rack may go on. */
    DB_STATEMENT(dhcp_waiters, "SELECT pg_notify('dhcp_config', '') FROM (SELECT FROM "
                               "dhcp_document WHERE held <> '[]' LIMIT 1) d");
    const char *now = db_text(&making->own, making->confirmed, 3);
    enum error_code code = ERR_OK;
    for (int i = 0; !code && i < making->confirmed; i++)
        if (strcmp(db_text(&making->own, i, 3), now) != 0)
            code = note_draining(making, db_text(&making->own, i, 3), now, err);
    if (!code)
        code = db_query(making->db, &dhcp_replaced,
                        DB_PARAMS(making->ask->rack, db_number(making->arena, making->ask->number)),
                        NULL, err);
    return code ? code : db_query(making->db, &dhcp_waiters, DB_NO_PARAMS, NULL, err);
}

static enum error_code take_confirmation(struct making *making, struct error *err)
{
    DB_STATEMENT(dhcp_own, "SELECT number, version, owner, networks::text, held::text FROM "
                           "dhcp_document WHERE rack = $1 AND number <> $2 ORDER BY number");
    DB_STATEMENT(dhcp_bind, "UPDATE dhcp_document SET owner = $3 WHERE rack = $1 AND number = $2");
    DB_STATEMENT(dhcp_refused, "DELETE FROM dhcp_document WHERE rack = $1 AND number = $2");
    const struct dhcp_document_ask *ask = making->ask;
    const char *refused = db_number(making->arena, ask->refused);
    const char *number = db_number(making->arena, ask->number);
    making->confirmed = -1;
    enum error_code code =
        db_query(making->db, &dhcp_own, DB_PARAMS(ask->rack, refused), &making->own, err);
    if (!code && ask->refused)
        code = db_query(making->db, &dhcp_refused, DB_PARAMS(ask->rack, refused), NULL, err);
    for (int i = 0; i < making->own.count; i++)
        if (db_int(&making->own, i, 0) == ask->number)
            making->confirmed = i;
    if (!code && making->confirmed > 0)
        code = forget_replaced(making, err);
    if (!code && making->confirmed >= 0 && making->owner &&
        db_int(&making->own, making->confirmed, 2) != making->owner)
        code = db_query(making->db, &dhcp_bind,
                        DB_PARAMS(ask->rack, number, db_number(making->arena, making->owner)), NULL,
                        err);
    return code;
}

/* ---- what has to wait ---- */

static enum error_code ask_others(struct making *making, struct db_rows rows[2], struct error *err)
{
    DB_STATEMENT(dhcp_others,
                 "SELECT coalesce(json_agg(json_build_object('rack', d.rack, 'network', n) ORDER "
                 "BY d.number), '[]')::text FROM dhcp_document d CROSS JOIN "
                 "jsonb_array_elements(d.networks) n WHERE d.rack <> $1 AND " ALIVE_SQL
                 " AND n NOT IN (SELECT jsonb_array_elements($4::jsonb))");
    DB_STATEMENT(dhcp_drained,
                 "SELECT coalesce(json_agg(json_build_object('rack', rack, 'address', host(ip), "
                 "'mac', mac_address) ORDER BY ip), '[]')::text FROM dhcp_draining WHERE rack <> "
                 "$1 AND until > now()");
    const struct db_ask asks[2] = {
        {&dhcp_others, DB_PARAMS(making->ask->rack, making->owners, making->next, making->meaning)},
        {&dhcp_drained, DB_PARAMS(making->ask->rack)},
    };
    return db_query_all(making->db, asks, 2, rows, err);
}

static enum error_code hold_back(struct making *making, struct error *err)
{
    struct db_rows rows[2] = {{0}};
    int count = 0;
    char text[IP4_TEXT];
    making->held = json_array();
    enum error_code code = ask_others(making, rows, err);
    if (!code) {
        json_t *networks = json_loads(db_text(&rows[0], 0, 0), 0, NULL);
        json_t *draining = json_loads(db_text(&rows[1], 0, 0), 0, NULL);
        struct dhcp_others others = {networks, draining};
        struct dhcp_held *held = dhcp_hold_find(making->networks, &others, making->arena, &count);
        dhcp_hold_apply(making->networks, held, count);
        for (int i = 0; i < count; i++)
            json_array_append_new(making->held, json_pack("{s:s, s:s}", "address",
                                                          ip4_format(held[i].address, text), "rack",
                                                          held[i].rack));
        json_decref(networks);
        json_decref(draining);
    }
    db_rows_close(&rows[0]);
    db_rows_close(&rows[1]);
    return code;
}

/* ---- the answer ---- */

static enum error_code make_networks(struct making *making, struct error *err)
{
    const char *text;
    enum error_code code =
        dhcp_store_networks(making->db, making->ask->rack, making->arena, &text, err);
    if (code)
        return code;
    making->networks = json_loads(text, 0, NULL);
    ASSERT(making->networks); /* PostgreSQL wrote it */
    dhcp_hold_apply(making->networks, NULL, 0);
    json_t *meaning = dhcp_hold_meaning(making->networks);
    making->meaning = json_out_dump(making->arena, meaning);
    json_decref(meaning);
    return hold_back(making, err);
}

static enum error_code take_version(struct making *making, struct error *err)
{
    char digest[DIGEST_TEXT];
    const char *text = json_out_dump(making->arena, making->networks);
    if (strlen(text) > LIMIT_FRAME_BYTES - FRAME_SPARE)
        return error_set(err, ERR_TOO_LARGE, "the DHCP of rack %s is larger than %d bytes",
                         making->ask->rack, LIMIT_FRAME_BYTES - FRAME_SPARE);
    digest_sha256_text(text, strlen(text), digest);
    making->version = arena_strdup(making->arena, digest);
    return ERR_OK;
}

/* Documents of racks that may not give by them any more. */
static enum error_code forget_dead(struct making *making, struct error *err)
{
    DB_STATEMENT(dhcp_dead,
                 "DELETE FROM dhcp_document d WHERE rack <> $1 AND NOT " ALIVE_SQL
                 " AND (owner > 0 OR NOT EXISTS (SELECT FROM node n WHERE n.system_id = d.rack))");
    return db_query(making->db, &dhcp_dead,
                    DB_PARAMS(making->ask->rack, making->owners, making->next), NULL, err);
}

/* The number it is noted under: that of the newest one when that says the same. */
static enum error_code note(struct making *making, int64_t *number, struct error *err)
{
    DB_STATEMENT(dhcp_note, "INSERT INTO dhcp_document (rack, owner, version, networks, held) "
                            "VALUES ($1, $2, $3, $4, $5) RETURNING number");
    DB_STATEMENT(dhcp_note_again, "UPDATE dhcp_document SET owner = $3, held = $4 WHERE rack = $1 "
                                  "AND number = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *owner = db_number(making->arena, making->owner);
    const char *held = json_out_dump(making->arena, making->held);
    int newest = making->own.count - 1;
    if (newest >= 0 && !strcmp(db_text(&making->own, newest, 1), making->version)) {
        const char *text = db_text(&making->own, newest, 0);
        json_t *before = json_loads(db_text(&making->own, newest, 4), 0, NULL);
        bool same = json_equal(before, making->held) &&
                    (!making->owner || db_int(&making->own, newest, 2) == making->owner);
        json_decref(before);
        *number = db_int(&making->own, newest, 0);
        owner = making->owner ? owner : db_text(&making->own, newest, 2);
        return same ? ERR_OK
                    : db_query(making->db, &dhcp_note_again,
                               DB_PARAMS(making->ask->rack, text, owner, held), NULL, err);
    }
    json_t *meaning = dhcp_hold_meaning(making->networks);
    const char *text = json_out_dump(making->arena, meaning);
    json_decref(meaning);
    enum error_code code = forget_dead(making, err);
    if (!code)
        code =
            db_query(making->db, &dhcp_note,
                     DB_PARAMS(making->ask->rack, owner, making->version, text, held), &rows, err);
    if (!code)
        *number = db_int(&rows, 0, 0);
    return code;
}

static enum error_code answer(struct making *making, json_t **document, struct error *err)
{
    int64_t number = 0;
    take_owners(making);
    enum error_code code = take_confirmation(making, err);
    code = code ? code : make_networks(making, err);
    code = code ? code : take_version(making, err);
    code = code ? code : note(making, &number, err);
    if (code)
        return code;
    *document = json_pack("{s:s, s:I}", "version", making->version, "number", (json_int_t)number);
    if (number != making->ask->number || strcmp(making->version, making->ask->version) != 0)
        json_object_set(*document, "networks", making->networks);
    return ERR_OK;
}

enum error_code dhcp_document_answer(struct db *db, const struct dhcp_document_ask *ask,
                                     struct arena *arena, json_t **document, struct error *err)
{
    struct making making = {.db = db, .ask = ask, .arena = arena};
    enum error_code code = answer(&making, document, err);
    db_rows_close(&making.own);
    json_decref(making.networks);
    json_decref(making.held);
    return code;
}

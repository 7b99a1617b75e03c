/* Machines' own view of themselves, as rows: see metadata_store.h. */
#include "src/region/metadata_store.h"

#include <string.h>

#include "src/model/machine_status.h"
#include "src/region/script_run.h"
#include "src/wire/digest.h"

enum {
    RESULTS_MOST = 256, /* of one run */
    RESULTS_MIB = 64,   /* of the current runs of all kinds */
    HOME_MIN = 30,      /* a boot takes its key within so long of being told what to boot */
};

enum error_code metadata_store_find(struct db *db, const char *system_id, const char *address,
                                    struct arena *arena, struct metadata_machine *machine,
                                    struct error *err)
{
    DB_STATEMENT(
        metadata_find, MACHINE_STORE_COLUMNS
        ", coalesce(n.booted > now() - $3::int * interval '1 min' AND (n.boot_address = $2::inet "
        "OR EXISTS (SELECT FROM dhcp_lease l JOIN interface i ON i.mac = l.mac_address "
        "WHERE i.node_id = n.id AND l.ip = $2::inet AND l.expires > now())), false), "
        "n.hostname || '.' || d.name, n.netboot, n.ephemeral_deploy, "
        "coalesce((n.script_options ->> 'enable_ssh')::bool, false), n.architecture "
        "FROM node n JOIN domain d ON d.id = n.domain_id WHERE n.system_id = $1 AND n.node_type = "
        "0");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        db, &metadata_find, DB_PARAMS(system_id, address, db_number(arena, HOME_MIN)), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Machine matches the given query.");
    struct machine life = machine_store_row(&rows, 0, arena);
    *machine = (struct metadata_machine){
        .id = life.id,
        .status = life.status,
        .tried = machine_status_is_tried(life.status),
        .enlisted = life.enlisted,
        .at_home = db_bool(&rows, 0, MACHINE_STORE_NEXT),
        .system_id = life.system_id,
        .hostname = life.hostname,
        .fqdn = arena_strdup(arena, db_text(&rows, 0, MACHINE_STORE_NEXT + 1)),
        .owner_id = life.owner_id,
        .netboot = db_bool(&rows, 0, MACHINE_STORE_NEXT + 2),
        .in_memory = db_bool(&rows, 0, MACHINE_STORE_NEXT + 3),
        .ssh = db_bool(&rows, 0, MACHINE_STORE_NEXT + 4),
        .architecture = arena_strdup(arena, db_text(&rows, 0, MACHINE_STORE_NEXT + 5)),
        .life = life,
    };
    return ERR_OK;
}

enum error_code metadata_store_public_keys(struct db *db, const struct metadata_machine *machine,
                                           struct arena *arena, const char **text,
                                           struct error *err)
{
    DB_STATEMENT(metadata_keys, "SELECT coalesce(string_agg(key, E'\\n' ORDER BY id), '') "
                                "FROM ssh_key WHERE account_id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &metadata_keys, DB_PARAMS(db_number(arena, machine->owner_id)), &rows, err);
    if (!code)
        *text = arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

enum error_code metadata_store_certificates(struct db *db, const struct metadata_machine *machine,
                                            struct arena *arena, const char **text,
                                            struct error *err)
{
    DB_STATEMENT(metadata_certificates, "SELECT coalesce(string_agg(key, E'\\n' ORDER BY id), '') "
                                        "FROM ssl_key WHERE account_id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &metadata_certificates,
                                    DB_PARAMS(db_number(arena, machine->owner_id)), &rows, err);
    if (!code)
        *text = arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

enum error_code metadata_store_visitor_keys(struct db *db, const struct metadata_machine *machine,
                                            struct arena *arena, const char **text,
                                            struct error *err)
{
    DB_STATEMENT(metadata_visitor_keys,
                 "SELECT coalesce(string_agg(DISTINCT key || E'\\n', ''), '') FROM ssh_key k "
                 "JOIN account a ON a.id = k.account_id WHERE a.id = $2 OR a.username = "
                 "(SELECT username FROM operation WHERE node_id = $1 AND kind IN ('rescue', "
                 "'commission', 'test') "
                 "ORDER BY started DESC LIMIT 1)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        db, &metadata_visitor_keys,
        DB_PARAMS(db_number(arena, machine->id), db_number(arena, machine->owner_id)), &rows, err);
    if (!code)
        *text = arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

enum error_code metadata_store_user_data(struct db *db, int64_t node_id, struct arena *arena,
                                         const char **bytes, size_t *size, struct error *err)
{
    DB_STATEMENT(metadata_user_data, "SELECT encode(user_data, 'base64') FROM node WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &metadata_user_data, DB_PARAMS(db_number(arena, node_id)), &rows, err);
    const char *text = code ? NULL : db_text(&rows, 0, 0);
    *bytes = NULL;
    if (code || !text)
        return code;
    *bytes = digest_base64_parse(arena, text, strlen(text), size);
    return *bytes ? ERR_OK : error_set(err, ERR_INTERNAL, "user data: not base64");
}

static const char *base64_of(const struct metadata_output *output, struct arena *arena)
{
    return output->bytes ? digest_base64(arena, output->bytes, output->size) : NULL;
}

/* The machine's current set of a type. */
#define CURRENT_SET                                                                      \
    "CASE $2::int WHEN 0 THEN n.commissioning_set_id WHEN 1 THEN n.installation_set_id " \
    "WHEN 2 THEN n.testing_set_id ELSE n.release_set_id END"

static enum error_code open_set(struct db *db, int64_t node_id, int type, struct arena *arena,
                                const char **set_id, struct error *err)
{
    DB_STATEMENT(metadata_open_set,
                 "SELECT " CURRENT_SET ", (SELECT count(*) FROM script_result "
                 "WHERE script_set_id = " CURRENT_SET ") FROM node n WHERE n.id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *id = db_number(arena, node_id), *type_text = db_number(arena, type);
    enum error_code code = db_query(db, &metadata_open_set, DB_PARAMS(id, type_text), &rows, err);
    if (!code && db_is_null(&rows, 0, 0)) {
        struct machine machine = {.id = node_id};
        db_rows_close(&rows);
        code = script_run_open_set(db, &machine, (enum script_type)type, arena, err);
        if (!code)
            code = db_query(db, &metadata_open_set, DB_PARAMS(id, type_text), &rows, err);
    }
    if (code)
        return code;
    if (db_int(&rows, 0, 1) >= RESULTS_MOST)
        return error_set(err, ERR_TOO_LARGE, "The machine has too many script results.");
    *set_id = arena_strdup(arena, db_text(&rows, 0, 0));
    return ERR_OK;
}

/* What a machine may have us keep has an end, however many results it makes up. */
static enum error_code check_room(struct db *db, int64_t node_id,
                                  const struct metadata_result *result, struct arena *arena,
                                  struct error *err)
{
    DB_STATEMENT(
        metadata_room,
        "SELECT coalesce(sum(coalesce(octet_length(r.output), 0) + "
        "coalesce(octet_length(r.stdout), 0) + coalesce(octet_length(r.stderr), 0) + "
        "coalesce(octet_length(r.result), 0)), 0) FROM node n JOIN script_result r ON "
        "r.script_set_id IN (n.commissioning_set_id, n.testing_set_id, n.installation_set_id, "
        "n.release_set_id) WHERE n.id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    size_t more = result->output.size + result->stdout_bytes.size + result->stderr_bytes.size +
                  result->result.size;
    enum error_code code =
        db_query(db, &metadata_room, DB_PARAMS(db_number(arena, node_id)), &rows, err);
    if (!code && db_int(&rows, 0, 0) + (int64_t)more > (int64_t)RESULTS_MIB << 20)
        return error_set(err, ERR_TOO_LARGE, "The results of the machine have more than %d MiB.",
                         RESULTS_MIB);
    return code;
}

/* A result that the machine names by its id: of one of its current sets, else it comes too late. */
static enum error_code put_known(struct db *db, int64_t node_id,
                                 const struct metadata_result *result, struct arena *arena,
                                 struct error *err)
{
    DB_STATEMENT(
        metadata_put_known,
        "UPDATE script_result r SET status = CASE WHEN r.status = 7 AND $3::int = 3 THEN 8 ELSE "
        "$3::int END, exit_status = $4::int, runtime_s = coalesce($5::float8, r.runtime_s), "
        "started = coalesce(r.started, now() - coalesce($5::float8, 0) * interval '1 s'), ended = "
        "CASE WHEN $4::int IS NOT NULL THEN now() END, output = coalesce(decode($6, 'base64'), "
        "r.output), stdout = coalesce(decode($7, 'base64'), r.stdout), stderr = "
        "coalesce(decode($8, 'base64'), r.stderr), result = coalesce(decode($9, 'base64'), "
        "r.result), updated = now() FROM node n WHERE r.id = $2 AND n.id = $1 AND "
        "r.script_set_id IN (n.commissioning_set_id, n.testing_set_id, n.installation_set_id, "
        "n.release_set_id)");
    return db_query(
        db, &metadata_put_known,
        DB_PARAMS(db_number(arena, node_id), db_number(arena, result->id),
                  db_number(arena, result->status),
                  result->has_exit_status ? db_number(arena, result->exit_status) : NULL,
                  result->runtime_s < 0 ? NULL : arena_printf(arena, "%.3f", result->runtime_s),
                  base64_of(&result->output, arena), base64_of(&result->stdout_bytes, arena),
                  base64_of(&result->stderr_bytes, arena), base64_of(&result->result, arena)),
        NULL, err);
}

enum error_code metadata_store_put_result(struct db *db, int64_t node_id, int set_type,
                                          const struct metadata_result *result, struct arena *arena,
                                          struct error *err)
{
    DB_STATEMENT(
        metadata_put_result,
        "INSERT INTO script_result AS r (script_set_id, name, status, exit_status, runtime_s, "
        "started, ended, output, stdout, stderr, result) VALUES ($1, $2, $3::int, $4::int, "
        "$5::float8, now() - coalesce($5::float8, 0) * interval '1 s', "
        "CASE WHEN $4::int IS NOT NULL THEN now() END, decode($6, 'base64'), decode($7, 'base64'), "
        "decode($8, 'base64'), decode($9, 'base64')) ON CONFLICT (script_set_id, name) "
        "WHERE instance = '' DO UPDATE "
        "SET status = excluded.status, exit_status = excluded.exit_status, "
        "runtime_s = coalesce(excluded.runtime_s, r.runtime_s), "
        "started = coalesce(r.started, excluded.started), ended = excluded.ended, "
        "output = coalesce(excluded.output, r.output), "
        "stdout = coalesce(excluded.stdout, r.stdout), "
        "stderr = coalesce(excluded.stderr, r.stderr), "
        "result = coalesce(excluded.result, r.result), updated = now()");
    const char *set_id = NULL;
    enum error_code code = check_room(db, node_id, result, arena, err);
    if (code)
        return code;
    if (result->id)
        return put_known(db, node_id, result, arena, err);
    code = open_set(db, node_id, set_type, arena, &set_id, err);
    if (code)
        return code;
    return db_query(
        db, &metadata_put_result,
        DB_PARAMS(set_id, result->name, db_number(arena, result->status),
                  result->has_exit_status ? db_number(arena, result->exit_status) : NULL,
                  result->runtime_s < 0 ? NULL : arena_printf(arena, "%.3f", result->runtime_s),
                  base64_of(&result->output, arena), base64_of(&result->stdout_bytes, arena),
                  base64_of(&result->stderr_bytes, arena), base64_of(&result->result, arena)),
        NULL, err);
}

enum error_code metadata_store_signal(struct db *db, int64_t node_id, const char *error, bool done,
                                      struct arena *arena, struct error *err)
{
    DB_STATEMENT(metadata_signal,
                 "WITH alive AS (UPDATE script_set SET last_ping = now() WHERE id = "
                 "(SELECT commissioning_set_id FROM node WHERE id = $1)) "
                 "UPDATE node SET error_description = coalesce($2, ''), enlisted = CASE WHEN "
                 "$3::bool THEN coalesce(enlisted, now()) ELSE enlisted END WHERE id = $1");
    return db_query(db, &metadata_signal,
                    DB_PARAMS(db_number(arena, node_id), error, done ? "true" : "false"), NULL,
                    err);
}

enum error_code metadata_store_set_netboot(struct db *db, int64_t node_id, bool netboot,
                                           struct arena *arena, struct error *err)
{
    DB_STATEMENT(metadata_netboot, "UPDATE node SET netboot = $2::bool WHERE id = $1");
    return db_query(db, &metadata_netboot,
                    DB_PARAMS(db_number(arena, node_id), netboot ? "true" : "false"), NULL, err);
}

/* Roles, slots and senders: see pg_replicas.h. Source: PostgreSQL manual, 27.2, 52.19, 52.20. */
#include "ha/pg_replicas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPL_NAME "^repl_[0-9]+$"

DB_STATEMENT(replicas_drop, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                            " WHERE slot_name ~ '" REPL_NAME "' AND NOT active"
                            " AND slot_name <> ALL($1::text[])");

DB_STATEMENT(replicas_make, "SELECT pg_create_physical_replication_slot(name, true)"
                            " FROM unnest($1::text[]) AS name"
                            " WHERE NOT EXISTS (SELECT FROM pg_replication_slots"
                            "  WHERE slot_name = name)");

DB_STATEMENT(replicas_roles, "SELECT name FROM unnest($1::text[]) AS name"
                             " WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)");

/* A name that counts in the quorum must be that role's, through that role's slot, and once. */
DB_STATEMENT(replicas_check,
             "WITH sender AS (SELECT r.pid, r.usename, r.application_name, s.active_pid,"
             "  row_number() OVER (PARTITION BY r.application_name"
             "   ORDER BY r.backend_start DESC, r.pid DESC) AS age"
             "  FROM pg_stat_replication r"
             "  LEFT JOIN pg_replication_slots s ON s.slot_name = r.application_name"
             "  WHERE r.application_name ~ '" REPL_NAME "')"
             " SELECT count(pg_terminate_backend(pid)) FROM sender WHERE age > 1"
             "  OR usename <> application_name OR active_pid IS DISTINCT FROM pid");

DB_STATEMENT(replicas_read,
             "SELECT substr(s.slot_name, 6), coalesce(r.flush_lsn - '0/0', 0)::bigint,"
             " coalesce(r.state = 'streaming', false), coalesce(s.wal_status = 'lost', false),"
             " coalesce(extract(epoch FROM r.backend_start - '2000-01-01'::timestamptz) * 1000000,"
             "  0)::bigint"
             " FROM pg_replication_slots s"
             " LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid"
             " WHERE s.slot_name ~ '" REPL_NAME "' ORDER BY 1 LIMIT 7");

/* The other members' names as an array parameter. */
static const char *names_of(const struct cluster_state *facts, uint64_t self, struct arena *arena)
{
    char name[CLUSTER_REPL_NAME];
    const char *names[LIMIT_REGIONS];
    int count = 0;
    for (int i = 0; i < facts->members_count; i++)
        if (facts->members[i].id != self)
            names[count++] =
                arena_strdup(arena, cluster_state_repl_name(facts->members[i].id, name));
    return db_array(arena, names, count);
}

static enum error_code make_slots(struct db *db, const char *names, struct error *err)
{
    enum error_code code = db_query(db, &replicas_drop, DB_PARAMS(names), NULL, err);
    return code ? code : db_query(db, &replicas_make, DB_PARAMS(names), NULL, err);
}

/* pg_rewind reads the source's files through these. The name is "repl_" and digits. */
static enum error_code make_role(struct db *db, const char *name, struct error *err)
{
    char sql[1024];
    int n = snprintf(sql, sizeof(sql),
                     "CREATE ROLE %s LOGIN REPLICATION;"
                     "GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean),"
                     " pg_stat_file(text, boolean), pg_read_binary_file(text),"
                     " pg_read_binary_file(text, bigint, bigint, boolean) TO %s",
                     name, name);
    ASSERT(n > 0 && n < (int)sizeof(sql));
    return db_script(db, sql, err);
}

enum error_code pg_replicas_slots(struct db *db, const struct cluster_state *facts, uint64_t self,
                                  struct error *err)
{
    struct arena *arena = arena_new();
    enum error_code code = make_slots(db, names_of(facts, self, arena), err);
    arena_free(arena);
    return code;
}

enum error_code pg_replicas_provide(struct db *db, const struct cluster_state *facts, uint64_t self,
                                    struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows missing = {0};
    struct arena *arena = arena_new();
    const char *names = names_of(facts, self, arena), *all = names_of(facts, 0, arena);
    enum error_code code = db_query(db, &replicas_roles, DB_PARAMS(all), &missing, err);
    for (int i = 0; !code && i < missing.count; i++)
        code = make_role(db, db_text(&missing, i, 0), err);
    code = code ? code : make_slots(db, names, err);
    arena_free(arena);
    return code;
}

enum error_code pg_replicas_check(struct db *db, int *ended, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &replicas_check, DB_NO_PARAMS, &rows, err);
    if (!code && ended)
        *ended = (int)db_int(&rows, 0, 0);
    return code;
}

enum error_code pg_replicas_read(struct db *db, struct pg_replica replicas[LIMIT_REGIONS],
                                 int *count, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &replicas_read, DB_NO_PARAMS, &rows, err);
    *count = code ? 0 : rows.count;
    ASSERT(*count <= LIMIT_REGIONS);
    for (int i = 0; i < *count; i++)
        replicas[i] = (struct pg_replica){
            .member = strtoull(db_text(&rows, i, 0), NULL, 10),
            .flushed_lsn = (uint64_t)db_int(&rows, i, 1),
            .streams = db_bool(&rows, i, 2),
            .slot_lost = db_bool(&rows, i, 3),
            .backend_start_us = (uint64_t)db_int(&rows, i, 4),
        };
    return code;
}

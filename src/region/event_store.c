/* Events in the database: see event_store.h. */
#include "src/region/event_store.h"

#include <string.h>

#include "src/base/clock.h"
#include "src/model/event_type.h"
#include "src/region/api.h"
#include "src/region/event_quota.h"

enum { DESCRIPTION_BYTES = 1000 };

/* Foreign text: cut, not in the middle of a character, and without what a terminal would act on. */
static const char *clean(const char *text, struct arena *arena)
{
    size_t size = text ? strnlen(text, DESCRIPTION_BYTES) : 0;
    while (size && text[size] && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    char *copy = arena_strndup(arena, text ? text : "", size);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    return copy;
}

/* What machines, and whoever asks racks, have noted as often as they like. */
static bool is_foreign(const struct event *event, const struct event_type *type)
{
    bool of_people = event->username && *event->username;
    return !of_people && (type->level == EVENT_DEBUG || event->action ||
                          !strncmp(type->name, "NODE_INVENTORY", strlen("NODE_INVENTORY")));
}

enum error_code event_add(struct db *db, const struct event *event, struct arena *arena,
                          struct error *err)
{
    DB_STATEMENT(
        event_add_row,
        "WITH about AS (SELECT id, hostname FROM node WHERE system_id = $1), "
        "told AS (UPDATE node SET status_message = $6, status_action = $7 "
        "WHERE id = (SELECT id FROM about) AND $4::int >= 20) "
        "INSERT INTO event (node_id, hostname, username, type, level, description) VALUES ("
        "(SELECT id FROM about), coalesce((SELECT hostname FROM about), ''), "
        "coalesce($2, ''), $3, $4::int, $5)");
    const struct event_type *type = event_type_find(event->type);
    ASSERT(type);
    if (is_foreign(event, type) &&
        !event_quota_take(event->system_id ? event->system_id : "", clock_boot_ns()))
        return ERR_OK;
    const char *description = clean(event->description, arena);
    const char *message =
        *description ? arena_printf(arena, "%s - %s", type->text, description) : type->text;
    return db_query(db, &event_add_row,
                    DB_PARAMS(event->system_id, event->username, type->name,
                              db_number(arena, type->level), description, message,
                              clean(event->action, arena)),
                    NULL, err);
}

enum error_code event_audit(const struct api_request *request, const char *type,
                            const char *description, struct error *err)
{
    struct event event = {.type = type,
                          .username = request->user ? request->user->username : NULL,
                          .description = description};
    return event_add(request->db, &event, request->arena, err);
}

enum error_code event_sweep(struct db *db, struct error *err)
{
    DB_STATEMENT(event_forget,
                 "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE level <> 0 "
                 "AND created < now() - interval '30 days' ORDER BY created LIMIT 1000)");
    return db_query(db, &event_forget, DB_NO_PARAMS, NULL, err);
}

#define EVENT_COLUMNS                                                                    \
    "SELECT e.id, n.system_id, e.hostname, e.username, e.type, e.level, e.description, " \
    "to_char(e.created AT TIME ZONE 'UTC', 'Dy, DD Mon. YYYY HH24:MI:SS') "
/* A condition of its own for each way of asking, so that each has an index: statements are planned
 * once, for any parameters. */
#define EVENT_WHERE(nodes)                                               \
    "FROM event e LEFT JOIN node n ON n.id = e.node_id WHERE " nodes " " \
    "AND CASE WHEN $2::int = 0 THEN e.level = 0 ELSE e.level >= $2 END " \
    "AND e.id > $3::bigint AND ($4::bigint = 0 OR e.id < $4) "           \
    "AND ($5::text IS NULL OR e.username = $5) "
#define EVENT_NEWEST(nodes) EVENT_COLUMNS EVENT_WHERE(nodes) "ORDER BY e.id DESC LIMIT $6"
#define EVENT_NEXT(nodes)                        \
    "SELECT * FROM (" EVENT_COLUMNS EVENT_WHERE( \
        nodes) "ORDER BY e.id LIMIT $6) page ORDER BY id DESC"
#define EVENT_OF_ALL   "$1::bigint[] IS NULL"
#define EVENT_OF_NODES "e.node_id = ANY ($1::bigint[])"

enum error_code event_list(struct db *db, const struct event_query *query, struct arena *arena,
                           struct db_rows *rows, struct error *err)
{
    DB_STATEMENT(event_newest, EVENT_NEWEST(EVENT_OF_ALL));
    DB_STATEMENT(event_newest_of, EVENT_NEWEST(EVENT_OF_NODES));
    /* behind an id: the events next to it, not the newest of all */
    DB_STATEMENT(event_next, EVENT_NEXT(EVENT_OF_ALL));
    DB_STATEMENT(event_next_of, EVENT_NEXT(EVENT_OF_NODES));
    const struct db_statement *statement = query->after ? &event_next : &event_newest;
    if (query->node_ids)
        statement = query->after ? &event_next_of : &event_newest_of;
    return db_query(db, statement,
                    DB_PARAMS(query->node_ids, db_number(arena, query->level),
                              db_number(arena, query->after), db_number(arena, query->before),
                              query->owner, db_number(arena, query->limit)),
                    rows, err);
}

/* Notifications of the cluster itself: see notification_duty.h. */
#include "src/region/notification_duty.h"

#include <stdio.h>
#include <string.h>

#include "src/region/image_sql.h"

/*
 * What is to be told now; $1 racks that are dead, $2 racks that are not linked: of those what is
 * told already goes on. Names that people chose stand in the context, where nothing takes them for
 * markup. What an administrator gave the same name is left alone.
 */
#define NOTIFICATION_WANTED                                                                     \
    "WITH told AS (SELECT 'images' AS ident, 'error' AS category, 'No image was imported or "   \
    "uploaded: no machine can be deployed.' AS message, '{}'::jsonb AS context WHERE NOT "      \
    "EXISTS (SELECT FROM boot_resource_set s WHERE " IMAGE_SET_WHOLE(                           \
        "s") ") UNION ALL SELECT 'image-source-' || id, 'error', 'Images cannot be read from "  \
             "{url}: {problem}', jsonb_build_object('url', url, 'problem', problem) FROM "      \
             "boot_source WHERE problem <> '' UNION ALL SELECT 'image-import', 'error', "       \
             "'Images could not be imported: {problem}', jsonb_build_object('problem', "        \
             "problem) FROM image_import WHERE problem <> '' AND NOT EXISTS (SELECT FROM "      \
             "boot_source WHERE problem <> '') UNION ALL SELECT 'dhcp', 'warning', 'DHCP is "   \
             "on in no VLAN: machines boot from the network only where another server gives "   \
             "them addresses.', '{}' WHERE NOT EXISTS (SELECT FROM vlan WHERE dhcp_on) UNION "  \
             "ALL SELECT 'rack-' || r.id, 'error', 'Rack controller {hostname} is not linked "  \
             "to the cluster.', jsonb_build_object('hostname', r.hostname) FROM node r WHERE "  \
             "r.node_type IN (2, 4) AND (r.system_id = ANY ($1::text[]) OR (r.system_id = ANY " \
             "($2::text[]) AND EXISTS (SELECT FROM notification o WHERE o.raised AND o.ident "  \
             "= 'rack-' || r.id)))), wanted AS (SELECT * FROM told t WHERE NOT EXISTS (SELECT " \
             "FROM notification o WHERE o.ident = t.ident AND NOT o.raised)) "

/* One look: its facts as array texts. */
struct notification_look {
    struct notification_duty *duty;
    struct arena *arena;
    const char *linked, *missing, *dead;
    const char *missing_ids[LIMIT_RACKS];
    int missing_count;
    bool differs;
};

static bool was_missing(const struct notification_duty *duty, const char *system_id)
{
    for (int i = 0; i < duty->missing_count; i++)
        if (!strcmp(duty->missing[i], system_id))
            return true;
    return false;
}

static enum error_code find_missing(struct db *db, struct notification_look *look,
                                    struct db_rows *rows, struct error *err)
{
    DB_STATEMENT(notification_missing,
                 "SELECT system_id FROM node WHERE node_type IN (2, 4) AND system_id <> ALL "
                 "($1::text[]) ORDER BY id LIMIT $2");
    const char *dead[LIMIT_RACKS];
    int dead_count = 0;
    enum error_code code =
        db_query(db, &notification_missing,
                 DB_PARAMS(look->linked, db_number(look->arena, LIMIT_RACKS)), rows, err);
    look->missing_count = code ? 0 : rows->count;
    for (int i = 0; i < look->missing_count; i++) {
        look->missing_ids[i] = arena_strdup(look->arena, db_text(rows, i, 0));
        if (was_missing(look->duty, look->missing_ids[i]))
            dead[dead_count++] = look->missing_ids[i];
    }
    look->missing = db_array(look->arena, look->missing_ids, look->missing_count);
    look->dead = db_array(look->arena, dead, dead_count);
    return code;
}

static enum error_code compare(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(notification_differs, NOTIFICATION_WANTED
                 "SELECT EXISTS (SELECT FROM wanted w FULL JOIN (SELECT * FROM notification WHERE "
                 "raised) n ON n.ident = w.ident WHERE (w.category, w.message, w.context) IS "
                 "DISTINCT FROM (n.category, n.message, n.context))");
    struct notification_look *look = subject;
    __attribute__((cleanup(db_rows_close))) struct db_rows racks = {0};
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = find_missing(db, look, &racks, err);
    if (!code)
        code =
            db_query(db, &notification_differs, DB_PARAMS(look->dead, look->missing), &rows, err);
    look->differs = !code && db_bool(&rows, 0, 0);
    return code;
}

static enum error_code apply(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(
        notification_apply, NOTIFICATION_WANTED
        ", gone AS (DELETE FROM notification n WHERE n.raised AND NOT EXISTS (SELECT FROM "
        "wanted w WHERE w.ident = n.ident)) INSERT INTO notification (ident, admins, category, "
        "message, context, raised) SELECT ident, true, category, message, context, true FROM "
        "wanted ON CONFLICT (ident) DO UPDATE SET category = excluded.category, message = "
        "excluded.message, context = excluded.context, updated = now() WHERE notification.raised "
        "AND (notification.category, notification.message, notification.context) IS DISTINCT FROM "
        "(excluded.category, excluded.message, excluded.context)");
    const struct notification_look *look = subject;
    return db_query(db, &notification_apply, DB_PARAMS(look->dead, look->missing), NULL, err);
}

static void remember(const struct notification_look *look)
{
    struct notification_duty *duty = look->duty;
    duty->missing_count = look->missing_count;
    for (int i = 0; i < look->missing_count; i++)
        snprintf(duty->missing[i], LIMIT_NAME, "%s", look->missing_ids[i]);
}

enum error_code notification_duty_look(struct notification_duty *duty, struct db *db,
                                       const json_t *linked, struct error *err)
{
    struct notification_look look = {.duty = duty, .arena = arena_new()};
    const char *ids[LIMIT_RACKS];
    size_t count = json_array_size(linked) < LIMIT_RACKS ? json_array_size(linked) : LIMIT_RACKS;
    for (size_t i = 0; i < count; i++)
        ids[i] = json_string_value(json_array_get(linked, i));
    look.linked = db_array(look.arena, ids, (int)count);
    enum error_code code = db_transact(db, DB_READ, compare, &look, err);
    if (!code && look.differs)
        code = db_transact(db, DB_WRITE, apply, &look, err);
    if (!code)
        remember(&look);
    arena_free(look.arena);
    return code;
}

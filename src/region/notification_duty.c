/* Notifications of the cluster itself: see notification_duty.h. */
#include "src/region/notification_duty.h"

#include "src/base/limits.h"
#include "src/region/image_sql.h"
#include "src/region/setting.h"

/* clang-format off */
/* Managed IPv4 subnets with so few free addresses ($3; 0 = never), and no more than an eighth. */
#define SUBNETS_FULL                                                                               \
    "SELECT 'subnet-' || s.id, 'warning', "                                                        \
    "'Subnet {cidr} is nearly full: {free} of {total} addresses are free.', "                      \
    "jsonb_build_object('cidr', s.cidr, 'free', t.total - u.used, 'total', t.total) "              \
    "FROM subnet s "                                                                               \
    "CROSS JOIN LATERAL (SELECT (1::bigint << (32 - masklen(s.cidr))) - 2 AS total) t "            \
    "CROSS JOIN LATERAL (SELECT coalesce(sum(upper(m) - lower(m) + 1), 0)::bigint AS used "        \
    "FROM unnest((SELECT range_agg(inetrange(a, b, '[]')) FROM ("                                  \
    "SELECT start_ip, end_ip FROM ip_range WHERE subnet_id = s.id UNION ALL "                      \
    "SELECT ip, ip FROM reserved_ip WHERE subnet_id = s.id UNION ALL "                             \
    "SELECT ip, ip FROM ip_address WHERE subnet_id = s.id AND ip IS NOT NULL AND "                 \
    "alloc_type <> 6 UNION ALL "                                                                   \
    "SELECT s.gateway_ip, s.gateway_ip WHERE s.gateway_ip << s.cidr) x (a, b))) m) u "             \
    "WHERE s.managed AND family(s.cidr) = 4 AND masklen(s.cidr) BETWEEN 8 AND 30 AND "             \
    "t.total - u.used <= least($3::bigint, t.total / 8) AND $3::bigint > 0"

/*
 * What is to be told now; $1 racks that are dead, $2 racks that are not heard: of those what is
 * told already goes on, so that a new leader, who has not waited yet, takes nothing back. Names
 * that people chose stand in the context, where nothing takes them for markup. What an
 * administrator gave the same name is left alone.
 */
#define NOTIFICATION_WANTED                                                                        \
    "WITH told AS ("                                                                               \
    "SELECT 'images' AS ident, 'error' AS category, "                                              \
    "'No image was imported or uploaded: no machine can be deployed.' AS message, "                \
    "'{}'::jsonb AS context WHERE NOT EXISTS ("                                                    \
    "SELECT FROM boot_resource_set s WHERE " IMAGE_SET_WHOLE("s") ") UNION ALL "                   \
    "SELECT 'image-source-' || id, 'error', 'Images cannot be read from {url}: {problem}', "       \
    "jsonb_build_object('url', url, 'problem', problem) "                                          \
    "FROM boot_source WHERE problem <> '' UNION ALL "                                              \
    "SELECT 'image-import', 'error', 'Images could not be imported: {problem}', "                  \
    "jsonb_build_object('problem', problem) FROM image_import WHERE problem <> '' AND "            \
    "NOT EXISTS (SELECT FROM boot_source WHERE problem <> '') UNION ALL "                          \
    "SELECT 'dhcp', 'warning', 'DHCP is on in no VLAN: machines boot from the network only "       \
    "where another server gives them addresses.', '{}' "                                           \
    "WHERE NOT EXISTS (SELECT FROM vlan WHERE dhcp_on) UNION ALL "                                 \
    "SELECT 'rack-' || r.id, 'error', "                                                            \
    "'Rack controller {hostname} is not linked to the cluster.', "                                 \
    "jsonb_build_object('hostname', r.hostname) FROM node r WHERE r.node_type IN (2, 4) AND "      \
    "(r.system_id = ANY ($1::text[]) OR (r.system_id = ANY ($2::text[]) AND EXISTS ("              \
    "SELECT FROM notification o WHERE o.raised AND o.ident = 'rack-' || r.id))) UNION ALL "        \
    SUBNETS_FULL "), "                                                                             \
    "wanted AS (SELECT * FROM told t WHERE NOT EXISTS ("                                           \
    "SELECT FROM notification o WHERE o.ident = t.ident AND NOT o.raised)) "
/* clang-format on */

/* One look: its facts as array texts. */
struct look {
    notification_duty_lost_s *lost_s;
    struct arena *arena;
    const char *lost, *dead, *threshold;
    bool differs;
};

static enum error_code find_lost(struct db *db, struct look *look, struct error *err)
{
    DB_STATEMENT(notification_racks, "SELECT system_id FROM node WHERE node_type IN (2, 4) "
                                     "ORDER BY id LIMIT $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *lost[LIMIT_RACKS], *dead[LIMIT_RACKS];
    int lost_count = 0, dead_count = 0;
    enum error_code code = db_query(db, &notification_racks,
                                    DB_PARAMS(db_number(look->arena, LIMIT_RACKS)), &rows, err);
    for (int i = 0; i < rows.count && !code; i++) {
        int64_t lost_s = look->lost_s(db_text(&rows, i, 0));
        if (lost_s > 0)
            lost[lost_count++] = db_text(&rows, i, 0);
        if (lost_s >= NOTIFICATION_DUTY_DEAD_S)
            dead[dead_count++] = db_text(&rows, i, 0);
    }
    look->lost = db_array(look->arena, lost, lost_count);
    look->dead = db_array(look->arena, dead, dead_count);
    return code;
}

static enum error_code compare(struct db *db, void *subject, struct error *err)
{
    DB_STATEMENT(notification_differs, NOTIFICATION_WANTED
                 "SELECT EXISTS (SELECT FROM wanted w FULL JOIN (SELECT * FROM notification WHERE "
                 "raised) n ON n.ident = w.ident WHERE (w.category, w.message, w.context) IS "
                 "DISTINCT FROM (n.category, n.message, n.context))");
    struct look *look = subject;
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    int64_t threshold = 0;
    enum error_code code = find_lost(db, look, err);
    if (!code)
        code =
            setting_int(db, "subnet_ip_exhaustion_threshold_count", look->arena, &threshold, err);
    look->threshold = db_number(look->arena, threshold);
    if (!code)
        code = db_query(db, &notification_differs,
                        DB_PARAMS(look->dead, look->lost, look->threshold), &rows, err);
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
    const struct look *look = subject;
    return db_query(db, &notification_apply, DB_PARAMS(look->dead, look->lost, look->threshold),
                    NULL, err);
}

enum error_code notification_duty_look(struct db *db, notification_duty_lost_s *lost_s,
                                       struct error *err)
{
    struct look look = {.lost_s = lost_s, .arena = arena_new()};
    enum error_code code = db_transact(db, DB_READ, compare, &look, err);
    if (!code && look.differs)
        code = db_transact(db, DB_WRITE, apply, &look, err);
    arena_free(look.arena);
    return code;
}

/*
 * Scripts, runs of scripts and their results as MAAS shows them, each written down once, as SQL: a
 * column is a key, as in network_sql.h. Source: MAAS API 2.0, scripts and results.
 * names: SCRIPT_
 */
#pragma once

#include "src/model/script.h"
#include "src/region/value_sql.h"

/* Elements of SQL arrays from the tables of the model: number 0 is the first. */
#define SCRIPT_NAME_ELEMENT(identifier, number, name, run)            "'" name "', "
#define SCRIPT_RUN_ELEMENT(identifier, number, name, run)             "'" run "', "
#define SCRIPT_STATUS_ELEMENT(identifier, number, name, over, failed) "'" name "', "
#define SCRIPT_OVER_ELEMENT(identifier, number, name, over, failed)   #over ", "
#define SCRIPT_FAILED_ELEMENT(identifier, number, name, over, failed) #failed ", "

#define SCRIPT_TYPE_NAME_SQL(type) \
    "(ARRAY[" SCRIPT_TYPE_TABLE(SCRIPT_NAME_ELEMENT) "NULL])[" type " + 1]"
#define SCRIPT_RUN_NAME_SQL(type) \
    "(ARRAY[" SCRIPT_TYPE_TABLE(SCRIPT_RUN_ELEMENT) "NULL])[" type " + 1]"
#define SCRIPT_HARDWARE_NAME_SQL(hardware) \
    "(ARRAY['Node', 'CPU', 'Memory', 'Storage', 'Network', 'GPU'])[" hardware " + 1]"
#define SCRIPT_STATUS_NAME_SQL(status)                                             \
    "coalesce((ARRAY[" SCRIPT_STATUS_TABLE(SCRIPT_STATUS_ELEMENT) "NULL])[" status \
                                                                  " + 1], 'Unknown')"

/** Has a result with this status yet to end: not begun, or under way? */
#define SCRIPT_OPEN_SQL(status) \
    "NOT (ARRAY[" SCRIPT_STATUS_TABLE(SCRIPT_OVER_ELEMENT) "NULL])[" status " + 1]"

/** Does a result with this status fail the run it belongs to? */
#define SCRIPT_FAILED_SQL(status) \
    "coalesce((ARRAY[" SCRIPT_STATUS_TABLE(SCRIPT_FAILED_ELEMENT) "NULL])[" status " + 1], false)"

/* clang-format off */
/** The script as table s; content: also an SQL text that is true when the texts are wanted. */
#define SCRIPT_SQL(content)                                                                        \
    "SELECT s.id, s.name, s.title, s.description, s.tags, "                                        \
    "s.type, " SCRIPT_TYPE_NAME_SQL("s.type") " AS type_name, "                                    \
    "s.hardware_type, " SCRIPT_HARDWARE_NAME_SQL("s.hardware_type") " AS hardware_type_name, "     \
    "s.parallel, (ARRAY['Disabled', 'Run along other instances of this script', "                  \
    "'Run along any other script'])[s.parallel + 1] AS parallel_name, "                            \
    "s.results, s.parameters, s.packages, duration_text(s.timeout_s) AS timeout, s.destructive, "  \
    "s.is_default AS \"default\", s.may_reboot, s.recommission, s.apply_configured_networking, "   \
    "s.for_hardware, (SELECT json_agg(CASE WHEN " content " THEN "                                 \
    "json_build_object('id', v.id, 'comment', v.comment, 'created', mail_time(v.created), "        \
    "'data', " VALUE_BASE64_SQL("v.content") ") ELSE "                                            \
    "json_build_object('id', v.id, 'comment', v.comment, 'created', mail_time(v.created)) END "    \
    "ORDER BY v.id DESC) FROM script_version v WHERE v.script_id = s.id) AS history, "             \
    "'/MAAS/api/2.0/scripts/' || s.name AS resource_uri FROM script s"
/* clang-format on */

/**
 * Of several results as table r: what runs, else what failed, else the rest; -1 without any.
 * What people told to ignore does not count as a failure.
 */
#define SCRIPT_SUM_SQL                                                               \
    "CASE WHEN count(r.id) = 0 THEN -1 WHEN bool_or(r.status IN (1, 7, 10)) THEN 1 " \
    "WHEN bool_or(r.status = 0) AND bool_or(r.status NOT IN (0, 9)) THEN 1 "         \
    "WHEN bool_or(r.status = 0) THEN 0 "                                             \
    "WHEN bool_or(r.status = 8 AND NOT r.suppressed) THEN 8 "                        \
    "WHEN bool_or(r.status = 11 AND NOT r.suppressed) THEN 11 "                      \
    "WHEN bool_or(r.status = 3 AND NOT r.suppressed) THEN 3 "                        \
    "WHEN bool_or(r.status = 4 AND NOT r.suppressed) THEN 4 "                        \
    "WHEN bool_or(r.status = 5) THEN 5 WHEN bool_or(r.status = 6) THEN 6 ELSE 2 END"

/** What this commissioning script said of a node when it passed last: base64 on lines, or NULL. */
#define SCRIPT_NEWEST_SQL(node, script)                                                     \
    "(SELECT encode(coalesce(r.stdout, r.output), 'base64') FROM script_result r JOIN "     \
    "script_set s ON s.id = r.script_set_id WHERE s.node_id = " node " AND s.type = 0 AND " \
    "r.name = '" script "' AND r.status = 2 ORDER BY r.id DESC LIMIT 1)"

/** Values of parameters that are secret are not shown. */
#define SCRIPT_PARAMETERS_SQL                                                                  \
    "(SELECT coalesce(jsonb_object_agg(q.key, CASE WHEN q.value ->> 'type' = 'password' THEN " \
    "q.value || '{\"value\": \"REDACTED\"}' ELSE q.value END), '{}') FROM "                    \
    "jsonb_each(r.parameters) q)"

/* clang-format off */
/** A result as table r, of script p (LEFT JOIN); more: " || jsonb", or "". */
#define SCRIPT_RESULT_JSON_SQL(more)                                                               \
    "jsonb_build_object('id', r.id, 'created', mail_time(r.created), "                             \
    "'updated', mail_time(r.updated), 'name', r.name, "                                            \
    "'status', r.status, 'status_name', " SCRIPT_STATUS_NAME_SQL("r.status") ", "                  \
    "'exit_status', r.exit_status, "                                                               \
    "'started', mail_time(r.started), 'ended', mail_time(r.ended), "                               \
    "'runtime', duration_text(coalesce(r.runtime_s, extract(epoch FROM coalesce(r.ended, "         \
    "CASE WHEN r.status IN (1, 7, 10) THEN now() END) - r.started))), "                            \
    "'starttime', extract(epoch FROM r.started), 'endtime', extract(epoch FROM r.ended), "         \
    "'estimated_runtime', duration_text(coalesce(r.runtime_s, (SELECT avg(o.runtime_s) "           \
    "FROM script_result o WHERE o.script_id = r.script_id AND o.status = 2), "                     \
    "nullif(p.timeout_s, 0))), 'parameters', " SCRIPT_PARAMETERS_SQL ", "                          \
    "'script_id', r.script_id, 'script_revision_id', r.script_version_id, "                        \
    "'suppressed', r.suppressed) " more
/* clang-format on */

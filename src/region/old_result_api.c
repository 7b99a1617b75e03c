/* Results of scripts as MAAS 1 showed them: installation-results/. Source: MAAS API 2.0 8.3. */
#include <string.h>

#include "src/model/script.h"
#include "src/region/node_table.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/script_form.h"
#include "src/region/script_sql.h"
#include "src/region/value_sql.h"

/* clang-format off */
/* One output of a result, when there is something in it; suffix: SQL text behind the name. */
#define ITEM_SQL(suffix, column)                                                                   \
    "SELECT r.id, r.name || " suffix " AS name, coalesce(r.exit_status, 0) AS script_result, "     \
    "s.type AS result_type, json_build_object('system_id', n.system_id) AS node, "                 \
    VALUE_BASE64_SQL(column) " AS data, " VALUE_TIME_SQL("r.created") " AS created, "              \
    VALUE_TIME_SQL("r.updated") " AS updated, "                                                    \
    "'/MAAS/api/2.0/installation-results/' AS resource_uri FROM found r "                          \
    "JOIN script_set s ON s.id = r.script_set_id JOIN node n ON n.id = s.node_id"
/* clang-format on */

static const char *list_of(struct api_request *request, const char *name)
{
    int count;
    const char *const *values = api_param_list(request, name, &count);
    return count ? db_array(request->arena, values, count) : NULL;
}

static int type_parse(const char *word)
{
    return !strcmp(word, "1") ? SCRIPT_INSTALLATION : script_type_parse(word);
}

/* Of each node the current runs: those of other users' machines are not theirs to see. */
enum error_code old_results_read(struct api_request *request, struct api_reply *reply,
                                 struct error *err)
{
    DB_STATEMENT(
        old_results,
        "WITH found AS (SELECT r.* FROM script_result r JOIN script_set s ON s.id = "
        "r.script_set_id JOIN node n ON n.id = s.node_id WHERE s.id IN (n.commissioning_set_id, "
        "n.installation_set_id, n.testing_set_id, n.release_set_id) AND ($1::text[] IS NULL OR "
        "n.system_id = ANY ($1::text[])) AND ($2::text[] IS NULL OR r.name = ANY ($2::text[])) "
        "AND ($3::int IS NULL OR s.type = $3::int) AND ($4::bigint IS NULL OR n.owner_id IS NULL "
        "OR n.owner_id = $4::bigint)) SELECT to_json(x) FROM (" ITEM_SQL(
            "''", "r.output") " UNION ALL " ITEM_SQL("'.err'",
                                                     "r.stderr") " WHERE length(r.stderr) > 0 "
                                                                 "ORDER BY id, name) x");
    const char *type, *viewer = NULL;
    if (!request->user->is_superuser)
        viewer = db_number(request->arena, request->user->id);
    enum error_code code = script_form_word(request, "result_type", type_parse, &type, err);
    return code ? code
                : rows_reply_list(request, reply, &old_results,
                                  DB_PARAMS(list_of(request, "system_id"), list_of(request, "name"),
                                            type, viewer),
                                  err);
}

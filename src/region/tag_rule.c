/* Tags by rule: see tag_rule.h. */
#include "src/region/tag_rule.h"

#include <libxml/xpath.h>
#include <string.h>

#include "src/region/script_sql.h"
#include "src/wire/digest.h"
#include "src/wire/xml_document.h"

enum { NODES_MOST = 100000, XPATH_STEPS = 200000 };

struct tag_rule_hardware {
    xmlDocPtr document;
};

static void say_nothing(void *subject, xmlErrorPtr error)
{
    (void)subject;
    (void)error;
}

enum error_code tag_rule_check(const char *rule, struct error *err)
{
    if (strlen(rule) > TAG_RULE_BYTES)
        return error_set(err, ERR_BAD_INPUT, "Ensure this value has at most %d characters.",
                         TAG_RULE_BYTES);
    xmlXPathContextPtr place = xmlXPathNewContext(NULL);
    if (!place)
        abort(); /* out of memory */
    place->error = say_nothing;
    xmlXPathCompExprPtr compiled = xmlXPathCtxtCompile(place, (const xmlChar *)rule);
    xmlXPathFreeCompExpr(compiled);
    xmlXPathFreeContext(place);
    return compiled ? ERR_OK : error_set(err, ERR_BAD_INPUT, "Invalid xpath expression.");
}

struct tag_rule_hardware *tag_rule_hardware_read(const char *xml, size_t size)
{
    xmlDocPtr document;
    if (xml_document_read(xml, size, &document, NULL))
        return NULL;
    struct tag_rule_hardware *hardware = calloc(1, sizeof(*hardware));
    if (!hardware)
        abort();
    hardware->document = document;
    return hardware;
}

void tag_rule_hardware_free(struct tag_rule_hardware *hardware)
{
    if (hardware)
        xmlFreeDoc(hardware->document);
    free(hardware);
}

static bool is_true(xmlXPathObjectPtr found)
{
    switch (found->type) {
    case XPATH_NODESET:
        return found->nodesetval && found->nodesetval->nodeNr > 0;
    case XPATH_BOOLEAN:
        return found->boolval != 0;
    case XPATH_NUMBER:
        return found->floatval != 0;
    case XPATH_STRING:
        return found->stringval && *found->stringval;
    default:
        return false;
    }
}

bool tag_rule_matches(const struct tag_rule_hardware *hardware, const char *rule)
{
    xmlXPathContextPtr place = xmlXPathNewContext(hardware->document);
    if (!place)
        abort();
    place->error = say_nothing;
    place->opLimit = XPATH_STEPS;
    xmlXPathObjectPtr found = xmlXPathEval((const xmlChar *)rule, place);
    bool matches = found && is_true(found);
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(place);
    return matches;
}

static struct tag_rule_hardware *read_base64(const char *base64, struct arena *arena)
{
    size_t size = 0;
    const char *xml = base64 ? digest_base64_parse(arena, base64, strlen(base64), &size) : NULL;
    return xml ? tag_rule_hardware_read(xml, size) : NULL;
}

enum error_code tag_rule_apply_to_node(struct db *db, int64_t node_id, struct arena *arena,
                                       struct error *err)
{
    DB_STATEMENT(tag_rules, "SELECT id, definition FROM tag WHERE definition <> '' ORDER BY id");
    DB_STATEMENT(tag_rule_lshw, "SELECT " SCRIPT_NEWEST_SQL("$1::bigint", "maas-lshw"));
    DB_STATEMENT(tag_rule_set_node,
                 "WITH gone AS (DELETE FROM node_tag l USING tag t WHERE l.node_id = $1 AND "
                 "t.id = l.tag_id AND t.definition <> '' AND l.tag_id <> ALL ($2::bigint[])) "
                 "INSERT INTO node_tag (node_id, tag_id) SELECT $1, unnest($2::bigint[]) "
                 "ON CONFLICT DO NOTHING");
    __attribute__((cleanup(db_rows_close))) struct db_rows rules = {0};
    __attribute__((cleanup(db_rows_close))) struct db_rows lshw = {0};
    enum error_code code = db_query(db, &tag_rules, DB_NO_PARAMS, &rules, err);
    if (code || !rules.count)
        return code;
    code = db_query(db, &tag_rule_lshw, DB_PARAMS(db_number(arena, node_id)), &lshw, err);
    struct tag_rule_hardware *hardware = code ? NULL : read_base64(db_text(&lshw, 0, 0), arena);
    if (code || !hardware)
        return code;
    const char **matching = ARENA_ARRAY(arena, const char *, (size_t)rules.count);
    int count = 0;
    for (int i = 0; i < rules.count; i++)
        if (tag_rule_matches(hardware, db_text(&rules, i, 1)))
            matching[count++] = db_text(&rules, i, 0);
    tag_rule_hardware_free(hardware);
    return db_query(db, &tag_rule_set_node,
                    DB_PARAMS(db_number(arena, node_id), db_array(arena, matching, count)), NULL,
                    err);
}

/* One tag over all machines. */
struct sweep {
    const char *rule;
    const char **matching; /* ids of nodes */
    int count, room;
    struct arena *arena;
};

/* rows: node's id, its lshw */
static enum error_code look_at_node(void *subject, const struct db_rows *rows, struct error *err)
{
    struct sweep *sweep = subject;
    struct arena *arena = arena_new();
    struct tag_rule_hardware *hardware = read_base64(db_text(rows, 0, 1), arena);
    bool matches = hardware && tag_rule_matches(hardware, sweep->rule);
    tag_rule_hardware_free(hardware);
    arena_free(arena);
    if (!matches)
        return ERR_OK;
    if (sweep->count == sweep->room)
        return error_set(err, ERR_LIMIT, "more than %d machines", NODES_MOST);
    sweep->matching[sweep->count++] = arena_strdup(sweep->arena, db_text(rows, 0, 0));
    return ERR_OK;
}

enum error_code tag_rule_apply_tag(struct db *db, int64_t tag_id, struct arena *arena,
                                   struct error *err)
{
    DB_STATEMENT(tag_rule_of, "SELECT definition, (SELECT count(*) FROM node WHERE node_type = 0) "
                              "FROM tag WHERE id = $1");
    DB_STATEMENT(tag_rule_nodes, "SELECT n.id, " SCRIPT_NEWEST_SQL(
                                     "n.id", "maas-lshw") " FROM node n "
                                                          "WHERE n.node_type = 0 ORDER BY n.id");
    DB_STATEMENT(tag_rule_set_tag,
                 "WITH gone AS (DELETE FROM node_tag WHERE tag_id = $1 AND node_id <> ALL "
                 "($2::bigint[])) INSERT INTO node_tag (node_id, tag_id) SELECT unnest("
                 "$2::bigint[]), $1 ON CONFLICT DO NOTHING");
    __attribute__((cleanup(db_rows_close))) struct db_rows tag = {0};
    const char *id = db_number(arena, tag_id);
    enum error_code code = db_query(db, &tag_rule_of, DB_PARAMS(id), &tag, err);
    if (code || !tag.count || !*db_text(&tag, 0, 0))
        return code;
    int64_t machines = db_int(&tag, 0, 1);
    struct sweep sweep = {.rule = db_text(&tag, 0, 0),
                          .room = machines < NODES_MOST ? (int)machines : NODES_MOST,
                          .arena = arena};
    sweep.matching = ARENA_ARRAY(arena, const char *, (size_t)sweep.room + 1);
    code = db_each(db, &tag_rule_nodes, DB_NO_PARAMS, look_at_node, &sweep, err);
    return code ? code
                : db_query(db, &tag_rule_set_tag,
                           DB_PARAMS(id, db_array(arena, sweep.matching, sweep.count)), NULL, err);
}

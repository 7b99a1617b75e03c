/* Events: the action of events/. Source: MAAS API 2.0, events. */
#include <string.h>

#include "src/base/container.h"
#include "src/model/event_type.h"
#include "src/region/event_store.h"
#include "src/region/node_filter.h"
#include "src/region/routes.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000 };

/* Columns as event_list says. */
static void write_event(struct json_out *out, const struct db_rows *rows, int row)
{
    const struct event_type *type = event_type_find(db_text(rows, row, 4));
    json_out_open_object(out, NULL);
    json_out_text(out, "username", db_text(rows, row, 3));
    json_out_text(out, "node", db_text(rows, row, 1));
    json_out_text(out, "hostname", db_text(rows, row, 2));
    json_out_int(out, "id", db_int(rows, row, 0));
    json_out_text(out, "level", event_level_name((int)db_int(rows, row, 5)));
    json_out_text(out, "created", db_text(rows, row, 7));
    json_out_text(out, "type", type ? type->text : db_text(rows, row, 4));
    json_out_text(out, "description", db_text(rows, row, 6));
    json_out_close_object(out);
}

/* The address of a page: all parameters of this one, and where the other begins. */
static void write_page(struct api_request *request, struct json_out *out, const char *key,
                       const char *where, int64_t id)
{
    struct spool uri;
    spool_init(&uri);
    spool_text(&uri, "/MAAS/api/2.0/events/?op=query");
    for (int i = 0; i < api_param_count(request); i++) {
        const char *name, *value;
        api_param_at(request, i, &name, &value);
        if (!strcmp(name, "after") || !strcmp(name, "before"))
            continue;
        spool_printf(&uri, "&%s=%s", form_encode(request->arena, name),
                     form_encode(request->arena, value));
    }
    spool_printf(&uri, "&%s=%lld", where, (long long)id);
    json_out_text_n(out, key, uri.bytes, uri.used);
    spool_close(&uri);
}

static enum error_code read_query(struct api_request *request, struct event_query *query,
                                  struct error *err)
{
    const char *level = api_param(request, "level");
    query->limit = LIMIT_DEFAULT;
    query->level = level && *level ? event_level_parse(level) : EVENT_INFO;
    query->owner = api_param(request, "owner");
    if (query->owner && !*query->owner)
        query->owner = NULL;
    if (query->level < 0)
        return error_set(err, ERR_BAD_INPUT, "Unrecognised log level: %.64s", level);
    enum error_code code = api_param_int(request, "limit", &query->limit, err);
    if (!code)
        code = api_param_int(request, "after", &query->after, err);
    if (!code)
        code = api_param_int(request, "before", &query->before, err);
    if (code)
        return code;
    if (query->limit < 1 || query->limit > LIMIT_MOST)
        return error_set(err, ERR_BAD_INPUT,
                         "Requested number of events %lld is not in the range 1 to %d.",
                         (long long)query->limit, LIMIT_MOST);
    if (query->after < 0 || query->before < 0)
        return error_set(err, ERR_BAD_INPUT, "Invalid after or before: not an event's id.");
    if (query->after && query->before)
        return error_set(err, ERR_BAD_INPUT,
                         "There is undefined behaviour when before and after "
                         "are both specified.");
    return ERR_OK;
}

enum error_code events_query(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct event_query query = {0};
    struct node_filter filter = {.types = NODE_ALL};
    /* a plain user sees what happened to the nodes that she sees */
    bool all = request->user->is_superuser && !node_filter_given(request);
    enum error_code code = read_query(request, &query, err);
    if (!code && !all)
        code = node_filter_ids(request, reply, &filter, &query.node_ids, err);
    if (!code)
        code = event_list(request->db, &query, request->arena, &rows, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_int(out, "count", rows.count);
    json_out_open_list(out, "events");
    for (int i = 0; i < rows.count; i++)
        write_event(out, &rows, i);
    json_out_close_list(out);
    int64_t newest = rows.count     ? db_int(&rows, 0, 0)
                     : query.before ? query.before - 1
                                    : query.after;
    int64_t oldest = rows.count    ? db_int(&rows, rows.count - 1, 0)
                     : query.after ? query.after + 1
                                   : 0;
    write_page(request, out, "next_uri", "after", newest);
    if (oldest > 1 && (rows.count == query.limit || query.after))
        write_page(request, out, "prev_uri", "before", oldest);
    else
        json_out_null(out, "prev_uri");
    json_out_close_object(out);
    return ERR_OK;
}

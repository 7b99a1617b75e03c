/*
 * What owners write on their machines and devices for their own use: set_workload_annotations, and
 * its old name set_owner_data. Source: MAAS API 2.0, machines, devices.
 */
#include <jansson.h>
#include <string.h>

#include "src/base/json_out.h"
#include "src/region/machine_ask.h"
#include "src/region/node_json.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"

enum { KEY_BYTES = 255, VALUE_BYTES = 4096, KEYS_MOST = 100 };

/* An empty value takes the key off: null here. */
static enum error_code read_annotations(struct api_request *request, struct api_reply *reply,
                                        json_t *given, struct error *err)
{
    for (int i = 0; i < api_param_count(request); i++) {
        const char *name, *value;
        api_param_at(request, i, &name, &value);
        if (!strcmp(name, "op"))
            continue;
        if (!*name || strlen(name) > KEY_BYTES || strchr(name, ' '))
            api_field_error(reply, "__all__", "'%.64s' is not a key: no spaces, %d bytes.", name,
                            KEY_BYTES);
        else if (strlen(value) > VALUE_BYTES ||
                 json_object_set_new(given, name, *value ? json_string(value) : json_null()))
            api_field_error(reply, name, "Enter a text of at most %d bytes.", VALUE_BYTES);
    }
    return api_fields_valid(reply, err);
}

static enum error_code keep(struct api_request *request, const struct machine *machine,
                            const json_t *given, struct error *err)
{
    DB_STATEMENT(machine_annotate,
                 "UPDATE node SET owner_data = jsonb_strip_nulls(owner_data || $2::jsonb), "
                 "updated = now() WHERE id = $1 RETURNING (SELECT count(*) FROM jsonb_object_keys("
                 "jsonb_strip_nulls(owner_data || $2::jsonb)))");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        request->db, &machine_annotate,
        DB_PARAMS(db_number(request->arena, machine->id), json_out_dump(request->arena, given)),
        &rows, err);
    if (!code && db_int(&rows, 0, 0) > KEYS_MOST)
        return error_set(err, ERR_BAD_INPUT, "A node has at most %d annotations.", KEYS_MOST);
    return code;
}

static enum error_code annotate(struct api_request *request, struct api_reply *reply,
                                unsigned types, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *given = json_object();
    struct machine machine;
    enum error_code code = node_reply_find(request, types, &machine, err);
    if (!code)
        code = machine_store_check_owner(request, &machine, err);
    if (!code && !machine.owner_id)
        return error_set(err, ERR_CONFLICT, "%s belongs to nobody: there is no workload on it.",
                         machine.hostname);
    if (!code)
        code = read_annotations(request, reply, given, err);
    if (!code)
        code = keep(request, &machine, given, err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

enum error_code machine_set_workload_annotations(struct api_request *request,
                                                 struct api_reply *reply, struct error *err)
{
    return annotate(request, reply, NODE_MACHINES, err);
}

enum error_code device_set_workload_annotations(struct api_request *request,
                                                struct api_reply *reply, struct error *err)
{
    return annotate(request, reply, NODE_DEVICES, err);
}

/*
 * Images: what there is, and the import. Uploads: boot_upload_api.c. Source: MAAS API 2.0 12.2.
 */
#include <string.h>

#include "src/region/boot_resource.h"
#include "src/region/field_form.h"
#include "src/region/image_import.h"
#include "src/region/image_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"

enum error_code boot_resource_reply(struct api_request *request, struct api_reply *reply,
                                    const char *id, struct error *err)
{
    DB_STATEMENT(boot_resource_one, "SELECT to_json(o) FROM (" BOOT_RESOURCE_SQL ", " BOOT_SETS_SQL
                                    " FROM boot_resource r WHERE r.id = $1::bigint) o");
    struct rows_one one = {&boot_resource_one, "BootResource"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

enum error_code boot_resources_read(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(boot_resource_list,
                 "SELECT to_json(o) FROM (" BOOT_RESOURCE_SQL " FROM boot_resource r "
                 "WHERE $1::boolean IS NULL OR (r.boot_source_id IS NULL) = $1::boolean) o "
                 "ORDER BY o.name, o.architecture, o.id");
    const char *type = api_param(request, "type"), *uploaded = NULL;
    if (type && !strcasecmp(type, "uploaded"))
        uploaded = "true";
    else if (type && !strcasecmp(type, "synced"))
        uploaded = "false";
    else if (type && *type)
        return error_set(err, ERR_BAD_INPUT,
                         "'%.60s' is not a valid boot resource type. Available types: "
                         "synced, uploaded.",
                         type);
    return rows_reply_list(request, reply, &boot_resource_list, DB_PARAMS(uploaded), err);
}

enum error_code boot_resource_read(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    return boot_resource_reply(request, reply, field_form_id(api_path(request, "id")), err);
}

enum error_code boot_resource_delete(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    DB_STATEMENT(boot_resource_delete_row, "DELETE FROM boot_resource WHERE id = $1::bigint");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &boot_resource_delete_row,
                                    DB_PARAMS(field_form_id(api_path(request, "id"))), &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_NOT_FOUND, "No BootResource matches the given query.");
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}

/* ---- the import ---- */

enum error_code boot_resources_import(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    enum error_code code = image_import_want(request->db, err);
    if (!code)
        api_reply_text(reply, 200, "Import of boot resources started");
    return code;
}

enum error_code boot_resources_stop_import(struct api_request *request, struct api_reply *reply,
                                           struct error *err)
{
    enum error_code code = image_import_stop(request->db, err);
    if (!code)
        api_reply_text(reply, 200, "Import of boot resources is being stopped");
    return code;
}

enum error_code boot_resources_is_importing(struct api_request *request, struct api_reply *reply,
                                            struct error *err)
{
    bool runs = false;
    enum error_code code = image_import_runs(request->db, &runs, err);
    if (!code)
        json_out_bool(api_reply_json(reply), NULL, runs);
    return code;
}

/*
 * Images of rack controllers: list_boot_images and import_boot_images. A rack keeps no selection of
 * its own: it fetches what a machine asks for from the regions, verifies it and keeps it in a cache
 * (docs/images.md). So each linked rack serves all that is whole. Source: MAAS API 2.0,
 * rackcontrollers.
 */
#include "src/region/image_sql.h"
#include "src/region/node_reply.h"
#include "src/region/rack_seen.h"
#include "src/region/routes.h"

static enum error_code write_images(struct api_request *request, struct json_out *out,
                                    struct error *err)
{
    DB_STATEMENT(controller_images,
                 "SELECT coalesce(json_agg(i ORDER BY i.name, i.architecture), '[]') FROM (SELECT "
                 "CASE WHEN r.os = 'custom' THEN r.release ELSE r.os || '/' || r.release END AS "
                 "name, r.arch AS architecture, array_agg(DISTINCT a ORDER BY a) AS subarches FROM "
                 "boot_resource r CROSS JOIN LATERAL unnest(r.subarch || "
                 "string_to_array(nullif(r.subarches, ''), ',')) a WHERE EXISTS (SELECT FROM "
                 "boot_resource_set s WHERE s.resource_id = r.id AND " IMAGE_SET_WHOLE(
                     "s") ") GROUP BY 1, 2) i");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &controller_images, DB_NO_PARAMS, &rows, err);
    if (!code)
        json_out_raw(out, "images", db_text(&rows, 0, 0));
    return code;
}

/* How far the regions are; of a rack without a link nothing is known. */
static enum error_code read_status(struct api_request *request, bool connected, const char **status,
                                   struct error *err)
{
    DB_STATEMENT(controller_import,
                 "SELECT started IS NOT NULL AND (ended IS NULL OR ended < started) FROM "
                 "image_import");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &controller_import, DB_NO_PARAMS, &rows, err);
    if (!code)
        *status = !connected                           ? "unknown"
                  : rows.count && db_bool(&rows, 0, 0) ? "region-importing"
                                                       : "synced";
    return code;
}

enum error_code rack_controller_list_boot_images(struct api_request *request,
                                                 struct api_reply *reply, struct error *err)
{
    struct machine rack;
    const char *status = NULL;
    enum error_code code = node_reply_find(request, NODE_RACKS, &rack, err);
    bool connected = !code && rack_seen_linked(rack.system_id);
    if (!code)
        code = read_status(request, connected, &status, err);
    if (code)
        return code;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    code = write_images(request, out, err);
    if (code)
        return code;
    json_out_bool(out, "connected", connected);
    json_out_text(out, "status", status);
    json_out_close_object(out);
    return ERR_OK;
}

enum error_code rack_controllers_import_boot_images(struct api_request *request,
                                                    struct api_reply *reply, struct error *err)
{
    (void)request;
    (void)err;
    api_reply_text(reply, 202, "Rack controllers fetch images when they need them.");
    return ERR_OK;
}

enum error_code rack_controller_import_boot_images(struct api_request *request,
                                                   struct api_reply *reply, struct error *err)
{
    struct machine rack;
    enum error_code code = node_reply_find(request, NODE_RACKS, &rack, err);
    if (!code)
        api_reply_text(reply, 202, "%s fetches images when it needs them.", rack.hostname);
    return code;
}

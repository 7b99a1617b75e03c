/* Zones: where machines stand. Source: MAAS API 2.0, zones. */
#include "src/region/named_api.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"

static const struct named_kind kind = {
    .model = "Zone",
    .key = "name",
    .gone_is_fine = true,
    .fixed_id = 1,
    .not_renamed = "This zone is the default zone, it cannot be renamed.",
    .not_deleted = "This zone is the default zone, it cannot be deleted.",
    .list = {"zone_list", "SELECT to_json(z) FROM (" ZONE_SQL ") z ORDER BY name"},
    .read = {"zone_read", "SELECT to_json(z) FROM (" ZONE_SQL ") z WHERE id = $1"},
    .find = {"zone_find",
             "SELECT id, name, description FROM zone WHERE id = $1::bigint OR name = $2"},
    .create = {"zone_create", "INSERT INTO zone (name, description) VALUES ($1, $2) RETURNING id"},
    .update = {"zone_update",
               "UPDATE zone SET name = $2, description = $3, updated = now() WHERE id = $1"},
    .remove = {"zone_delete", "WITH moved AS (UPDATE node SET zone_id = 1 WHERE zone_id = $1) "
                              "DELETE FROM zone WHERE id = $1"},
};

enum error_code zones_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_list(&kind, request, reply, err);
}

enum error_code zones_create(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return named_create(&kind, request, reply, err);
}

enum error_code zone_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_read(&kind, request, reply, err);
}

enum error_code zone_update(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_update(&kind, request, reply, err);
}

enum error_code zone_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_delete(&kind, request, reply, err);
}

/* Resource pools: which machines belong together. Source: MAAS API 2.0, resourcepools. */
#include "src/region/named_api.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"

static const struct named_kind kind = {
    .model = "ResourcePool",
    .key = "id",
    .by_id = true,
    .fixed_id = 0,
    .not_renamed = "This is the default pool, it cannot be renamed.",
    .not_deleted = "This is the default pool, it cannot be deleted.",
    .in_use = "This pool has machines in it, it cannot be deleted.",
    .list = {"pool_list", "SELECT to_json(p) FROM (" POOL_SQL ") p ORDER BY name"},
    .read = {"pool_read", "SELECT to_json(p) FROM (" POOL_SQL ") p WHERE id = $1"},
    .find = {"pool_find", "SELECT id, name, description FROM resource_pool "
                          "WHERE id = $1::bigint OR name = $2 "
                          "ORDER BY (id = $1::bigint) DESC NULLS LAST LIMIT 1"},
    .create = {"pool_create",
               "INSERT INTO resource_pool (name, description) VALUES ($1, $2) RETURNING id"},
    .update = {"pool_update", "UPDATE resource_pool SET name = $2, description = $3, "
                              "updated = now() WHERE id = $1"},
    .remove = {"pool_delete", "DELETE FROM resource_pool WHERE id = $1"},
};

enum error_code pools_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_list(&kind, request, reply, err);
}

/* Where gomaasapi looks for them; MAAS itself has nothing there. */
enum error_code page_pools(struct api_request *request, struct api_reply *reply, struct error *err)
{
    if (request->route->rest_count)
        return error_set(err, ERR_NOT_FOUND, "Unknown API endpoint: %s.", request->path);
    if (!request->user)
        return error_set(err, ERR_UNAUTHORIZED, "Authorization Error: Not authenticated.");
    return pools_read(request, reply, err);
}

enum error_code pools_create(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return named_create(&kind, request, reply, err);
}

enum error_code pool_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_read(&kind, request, reply, err);
}

enum error_code pool_update(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_update(&kind, request, reply, err);
}

enum error_code pool_delete(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_delete(&kind, request, reply, err);
}

/* Spaces: which networks may talk to each other. Source: MAAS API 2.0, spaces. */
#include "src/region/named_api.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"

static const struct named_kind kind = {
    .model = "Space",
    .key = "id",
    .by_id = true,
    .fixed_id = -1,
    .not_renamed = "The undefined space cannot be changed.",
    .not_deleted = "The undefined space cannot be deleted.",
    .reserved_name = "undefined",
    .list = {"space_list", "SELECT to_json(p) FROM (" SPACE_SQL ") p ORDER BY id"},
    .read = {"space_read", "SELECT to_json(p) FROM (" SPACE_SQL ") p WHERE id = $1"},
    .find = {"space_find", "SELECT id, name, description FROM (SELECT id, name, description "
                           "FROM space UNION ALL SELECT -1, 'undefined', '') p "
                           "WHERE id = $1::bigint OR name = $2 "
                           "ORDER BY (id = $1::bigint) DESC NULLS LAST LIMIT 1"},
    .create = {"space_create",
               "INSERT INTO space (name, description) VALUES ($1, $2) RETURNING id"},
    .update = {"space_update",
               "UPDATE space SET name = $2, description = $3, updated = now() WHERE id = $1"},
    .remove = {"space_delete", "DELETE FROM space WHERE id = $1"},
};

enum error_code spaces_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_list(&kind, request, reply, err);
}

enum error_code spaces_create(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    return named_create(&kind, request, reply, err);
}

enum error_code space_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    return named_read(&kind, request, reply, err);
}

enum error_code space_update(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return named_update(&kind, request, reply, err);
}

enum error_code space_delete(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    return named_delete(&kind, request, reply, err);
}

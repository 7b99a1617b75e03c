/* Disks of deployments: see deploy_storage.h. */
#include "src/region/deploy_storage.h"

#include <string.h>

#include "src/model/storage_layout.h"
#include "src/region/setting.h"

/* Columns of the statement. */
enum { AT_LAYOUT, AT_UEFI, AT_DISK, AT_SERIAL, AT_ID_PATH, AT_SIZE, AT_OPTIONS, AT_SPECIALS };

static uint64_t size_in(const json_t *options, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(options, key));
}

/* Names and sizes that were set for another layout do not count. */
static void take_options(const json_t *options, struct storage_layout *layout)
{
    const char *set_for = json_string_value(json_object_get(options, "layout"));
    if (!set_for || strcmp(set_for, layout->name) != 0)
        return;
    layout->root_bytes = size_in(options, "root_size");
    layout->volume_bytes = size_in(options, "lv_size");
    layout->group = json_string_value(json_object_get(options, "vg_name"));
    layout->volume = json_string_value(json_object_get(options, "lv_name"));
}

static enum error_code make(struct db *db, const struct db_rows *rows, struct arena *arena,
                            json_t **storage, struct error *err)
{
    struct storage_layout layout = {.name = db_text(rows, 0, AT_LAYOUT),
                                    .uefi = db_bool(rows, 0, AT_UEFI),
                                    .disk = db_text(rows, 0, AT_DISK),
                                    .serial = db_text(rows, 0, AT_SERIAL),
                                    .id_path = db_text(rows, 0, AT_ID_PATH),
                                    .size_bytes = (uint64_t)db_int(rows, 0, AT_SIZE)};
    __attribute__((cleanup(json_decrefp))) json_t *options =
        json_loads(db_text(rows, 0, AT_OPTIONS), 0, NULL);
    __attribute__((cleanup(json_decrefp))) json_t *specials =
        json_loads(db_text(rows, 0, AT_SPECIALS), 0, NULL);
    enum error_code code = ERR_OK;
    if (!layout.name)
        code = setting_text(db, "default_storage_layout", arena, &layout.name, err);
    if (code)
        return code;
    take_options(options, &layout);
    code = storage_layout_make(&layout, storage, err);
    if (!code) /* [{"id", "type": "mount", "spec", "fstype", "path", "options"}], as curtin's are */
        json_array_extend(json_object_get(*storage, "config"), specials);
    return code;
}

enum error_code deploy_storage_make(struct db *db, int64_t node_id, struct arena *arena,
                                    json_t **storage, struct error *err)
{
    DB_STATEMENT(
        deploy_storage_facts,
        "SELECT coalesce(n.deploy_options ->> 'storage_layout', n.storage_layout ->> 'layout'), "
        "coalesce(n.bios_boot_method = 'uefi', false), k.name, k.serial, k.id_path, "
        "coalesce(k.size, 0), coalesce(n.storage_layout, '{}'), (SELECT coalesce(json_agg("
        "json_strip_nulls(json_build_object('id', 'special' || f.id, 'type', 'mount', 'spec', "
        "f.fstype, 'fstype', f.fstype, 'path', f.mount_point, 'options', f.mount_options)) "
        "ORDER BY f.mount_point), '[]') FROM special_filesystem f WHERE f.node_id = n.id) "
        "FROM node n LEFT JOIN block_device k ON k.node_id = n.id AND k.type = 'physical' "
        "WHERE n.id = $1 ORDER BY k.id = n.boot_disk_id DESC NULLS LAST, k.id LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &deploy_storage_facts, DB_PARAMS(db_number(arena, node_id)), &rows, err);
    if (code)
        return code;
    if (!rows.count || db_is_null(&rows, 0, AT_DISK))
        return error_set(err, ERR_CONFLICT, "The machine has no disk to be deployed to.");
    return make(db, &rows, arena, storage, err);
}

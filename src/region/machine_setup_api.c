/*
 * How a machine is to be deployed, set beforehand: layout of its disks, file systems in memory; and
 * back to what commissioning found. Source: MAAS API 2.0, set_storage_layout, mount_special,
 * restore_*.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/model/storage_layout.h"
#include "src/region/deploy_storage.h"
#include "src/region/event_store.h"
#include "src/region/hardware_report.h"
#include "src/region/hardware_store.h"
#include "src/region/machine_ask.h"
#include "src/region/machine_form.h"
#include "src/region/node_json.h"
#include "src/region/routes.h"
#include "src/wire/digest.h"

enum { TEXT_BYTES = 255, SPECIALS_MOST = 64 };

#define SIZE_MOST ((int64_t)1 << 60)

static enum error_code note(struct api_request *request, const struct machine *machine,
                            const char *what, struct error *err)
{
    struct event event = {.type = "NODE",
                          .system_id = machine->system_id,
                          .username = request->user->username,
                          .description =
                              arena_printf(request->arena, "%s '%s'.", what, machine->hostname)};
    return event_add(request->db, &event, request->arena, err);
}

/* ---- layouts ---- */

/* A name of a volume group or a logical volume, as LVM takes it. */
static bool is_volume_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("+_.-", *p))
            return false;
    return *text && !strchr("-.", *text) && strlen(text) <= 100;
}

static void read_sizes(struct api_request *request, struct api_reply *reply, json_t *layout)
{
    static const char *const sizes[] = {"root_size", "lv_size"};
    static const char *const names[] = {"vg_name", "lv_name"};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const char *text = machine_form_number(request, reply, sizes[i], SIZE_MOST, true);
        if (text)
            json_object_set_new(layout, sizes[i], json_integer(strtoll(text, NULL, 10)));
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *text = api_param(request, names[i]);
        if (!text || !*text)
            continue;
        if (is_volume_name(text))
            json_object_set_new(layout, names[i], json_string(text));
        else
            api_field_error(reply, names[i], "'%.60s' is no name of a volume.", text);
    }
}

/* What another layout, or a later version, would make of it is refused, not passed over. */
static enum error_code refuse_others(struct api_request *request, struct api_reply *reply,
                                     const struct machine *machine, struct error *err)
{
    DB_STATEMENT(machine_setup_boot_disk,
                 "SELECT EXISTS (SELECT FROM (SELECT k.id, k.name FROM node n JOIN block_device k "
                 "ON k.node_id = n.id AND k.type = 'physical' WHERE n.id = $1 ORDER BY k.id = "
                 "n.boot_disk_id DESC NULLS LAST, k.id LIMIT 1) k WHERE k.id::text = $2 OR "
                 "k.name = $2)");
    static const char *const others[] = {"boot_size", "cache_device", "cache_mode", "cache_size",
                                         "cache_no_part"};
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *root = api_param(request, "root_device");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        const char *text = api_param(request, others[i]);
        if (text && *text && strcmp(text, "0") != 0)
            api_field_error(reply, others[i], "The layouts flat and lvm are made without it here.");
    }
    if (!root || !*root)
        return ERR_OK;
    enum error_code code =
        db_query(request->db, &machine_setup_boot_disk,
                 DB_PARAMS(db_number(request->arena, machine->id), root), &rows, err);
    if (!code && !db_bool(&rows, 0, 0))
        api_field_error(reply, "root_device",
                        "The system stands on the boot disk; '%.60s' is another.", root);
    return code;
}

static enum error_code keep_layout(struct api_request *request, const struct machine *machine,
                                   const json_t *layout, struct error *err)
{
    DB_STATEMENT(machine_setup_layout,
                 "UPDATE node SET storage_layout = $2, updated = now() WHERE id = $1");
    json_t *storage = NULL;
    enum error_code code = db_query(
        request->db, &machine_setup_layout,
        DB_PARAMS(db_number(request->arena, machine->id), json_out_dump(request->arena, layout)),
        NULL, err);
    if (!code) /* can it be made of this machine's disk? */
        code = deploy_storage_make(request->db, machine->id, request->arena, &storage, err);
    json_decref(storage);
    return code == ERR_CONFLICT
               ? error_set(err, ERR_BAD_INPUT, "%s", arena_strdup(request->arena, err->text))
               : code;
}

enum error_code machine_set_storage_layout(struct api_request *request, struct api_reply *reply,
                                           struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *layout = json_object();
    struct machine machine;
    const char *name;
    enum error_code code = machine_ask(request, MACHINE_ACTION_SET_STORAGE_LAYOUT, &machine, err);
    if (!code)
        code = api_need(request, "storage_layout", &name, err);
    if (code)
        return code;
    if (!storage_layout_is_known(name))
        api_field_error(reply, "storage_layout",
                        "Select a valid choice. %.64s is not one of flat, lvm.", name);
    else
        json_object_set_new(layout, "layout", json_string(name));
    read_sizes(request, reply, layout);
    code = refuse_others(request, reply, &machine, err);
    if (!code)
        code = api_fields_valid(reply, err);
    if (!code)
        code = keep_layout(request, &machine, layout, err);
    if (!code)
        code = note(request, &machine, "Set the storage layout of", err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

/* ---- file systems in memory ---- */

/* "/scratch": absolute, plain, no dots as parts, not the root. */
static bool is_place(const char *path)
{
    size_t size = strlen(path);
    for (const char *p = path; *p; p++)
        if (!isgraph((unsigned char)*p) || strchr("\"\\'", *p))
            return false;
    return path[0] == '/' && size > 1 && size <= TEXT_BYTES && path[size - 1] != '/' &&
           !strstr(path, "//") && !strstr(path, "/.");
}

static bool are_options(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(",=_.:%-", *p))
            return false;
    return *text != '-' && strlen(text) <= TEXT_BYTES;
}

struct special {
    const char *type, *place, *options;
};

static enum error_code read_special(struct api_request *request, struct api_reply *reply,
                                    struct special *special, struct error *err)
{
    const char *options = api_param(request, "mount_options");
    enum error_code code = api_need(request, "fstype", &special->type, err);
    if (!code)
        code = api_need(request, "mount_point", &special->place, err);
    if (code)
        return code;
    options = options ? options : api_param(request, "mount_option");
    special->options = options && *options ? options : NULL;
    if (strcmp(special->type, "tmpfs") != 0 && strcmp(special->type, "ramfs") != 0)
        api_field_error(reply, "fstype", "Select a valid choice. %.64s is not one of tmpfs, ramfs.",
                        special->type);
    if (!is_place(special->place))
        api_field_error(reply, "mount_point", "Enter an absolute path, without dots as parts.");
    if (special->options && !are_options(special->options))
        api_field_error(reply, "mount_options", "Enter options of mount, as size=1G,mode=0700.");
    return api_fields_valid(reply, err);
}

enum error_code machine_mount_special(struct api_request *request, struct api_reply *reply,
                                      struct error *err)
{
    DB_STATEMENT(machine_setup_mount,
                 "INSERT INTO special_filesystem (node_id, fstype, mount_point, mount_options, "
                 "acquired) SELECT $1, $2, $3, $4, $5::bool WHERE (SELECT count(*) FROM "
                 "special_filesystem WHERE node_id = $1 AND mount_point <> $3) < $6::int ON "
                 "CONFLICT (node_id, mount_point) DO UPDATE SET fstype = excluded.fstype, "
                 "mount_options = excluded.mount_options");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct machine machine;
    struct special special;
    enum error_code code = machine_ask(request, MACHINE_ACTION_MOUNT_SPECIAL, &machine, err);
    if (!code)
        code = read_special(request, reply, &special, err);
    if (!code)
        code = db_query(request->db, &machine_setup_mount,
                        DB_PARAMS(db_number(request->arena, machine.id), special.type,
                                  special.place, special.options,
                                  machine.status == MACHINE_ALLOCATED ? "true" : "false",
                                  db_number(request->arena, SPECIALS_MOST)),
                        &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_BAD_INPUT, "A machine has at most %d of them.", SPECIALS_MOST);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

enum error_code machine_unmount_special(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    DB_STATEMENT(machine_setup_unmount,
                 "DELETE FROM special_filesystem WHERE node_id = $1 AND mount_point = $2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct machine machine;
    const char *place;
    enum error_code code = machine_ask(request, MACHINE_ACTION_UNMOUNT_SPECIAL, &machine, err);
    if (!code)
        code = api_need(request, "mount_point", &place, err);
    if (!code)
        code = db_query(request->db, &machine_setup_unmount,
                        DB_PARAMS(db_number(request->arena, machine.id), place), &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_BAD_INPUT, "Nothing is mounted at %.200s.", place);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

/* ---- back to what commissioning found ---- */

static enum error_code unlay_storage(struct db *db, const char *id, struct error *err)
{
    DB_STATEMENT(machine_setup_unlay,
                 "WITH gone AS (DELETE FROM special_filesystem WHERE node_id = $1), virtual AS "
                 "(DELETE FROM block_device WHERE node_id = $1 AND type = 'virtual') "
                 "UPDATE node SET storage_layout = NULL, updated = now() WHERE id = $1");
    return db_query(db, &machine_setup_unlay, DB_PARAMS(id), NULL, err);
}

/* What the last inventory told; a machine that sent none keeps what people said of it. */
static enum error_code put_found(struct api_request *request, const struct machine *machine,
                                 enum machine_action_kind kind, struct error *err)
{
    DB_STATEMENT(machine_setup_found,
                 "SELECT encode(r.output, 'base64') FROM script_result r JOIN script_set s ON "
                 "s.id = r.script_set_id WHERE s.node_id = $1 AND s.type = 0 AND r.name = $2 AND "
                 "r.status = 2 AND length(r.output) > 0 ORDER BY r.id DESC LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    __attribute__((cleanup(json_decrefp))) json_t *report = NULL;
    unsigned parts = (kind != MACHINE_ACTION_RESTORE_STORAGE ? HARDWARE_NETWORK : 0U) |
                     (kind != MACHINE_ACTION_RESTORE_NETWORKING ? HARDWARE_DISKS : 0U);
    struct arena *arena = request->arena;
    size_t size;
    enum error_code code =
        db_query(request->db, &machine_setup_found,
                 DB_PARAMS(db_number(arena, machine->id), HARDWARE_REPORT_SCRIPT), &rows, err);
    if (code || !rows.count)
        return code;
    const char *base64 = db_text(&rows, 0, 0);
    const char *text = digest_base64_parse(arena, base64, strlen(base64), &size);
    ASSERT(text);
    code = hardware_report_parse(text, size, &report, err);
    if (code == ERR_BAD_INPUT || code == ERR_TOO_LARGE) /* of an older version */
        return error_set(err, ERR_CONFLICT, "Commission %s again: its last %s", machine->hostname,
                         arena_strdup(arena, err->text));
    return code ? code
                : hardware_store_restore(request->db, machine->id, report, parts, arena, err);
}

static enum error_code restore(struct api_request *request, struct api_reply *reply,
                               enum machine_action_kind kind, struct error *err)
{
    struct machine machine;
    enum error_code code = machine_ask(request, kind, &machine, err);
    if (code)
        return code;
    const char *id = db_number(request->arena, machine.id);
    if (kind != MACHINE_ACTION_RESTORE_STORAGE)
        code = machine_store_unlink(request->db, db_array(request->arena, &id, 1), err);
    if (!code && kind != MACHINE_ACTION_RESTORE_NETWORKING)
        code = unlay_storage(request->db, id, err);
    if (!code)
        code = put_found(request, &machine, kind, err);
    if (!code)
        code = note(request, &machine,
                    kind == MACHINE_ACTION_RESTORE_NETWORKING ? "Restored the network of"
                    : kind == MACHINE_ACTION_RESTORE_STORAGE  ? "Restored the storage of"
                                                              : "Restored",
                    err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

enum error_code machine_restore_networking(struct api_request *request, struct api_reply *reply,
                                           struct error *err)
{
    return restore(request, reply, MACHINE_ACTION_RESTORE_NETWORKING, err);
}

enum error_code machine_restore_storage(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    return restore(request, reply, MACHINE_ACTION_RESTORE_STORAGE, err);
}

enum error_code machine_restore_default(struct api_request *request, struct api_reply *reply,
                                        struct error *err)
{
    return restore(request, reply, MACHINE_ACTION_RESTORE_DEFAULT, err);
}

enum error_code machine_clear_default_gateways(struct api_request *request, struct api_reply *reply,
                                               struct error *err)
{
    DB_STATEMENT(machine_setup_gateways,
                 "UPDATE node SET gateway_link_ipv4_id = NULL, gateway_link_ipv6_id = NULL, "
                 "updated = now() WHERE id = $1");
    struct machine machine;
    enum error_code code = machine_ask(request, MACHINE_ACTION_CLEAR_GATEWAYS, &machine, err);
    if (!code)
        code = db_query(request->db, &machine_setup_gateways,
                        DB_PARAMS(db_number(request->arena, machine.id)), NULL, err);
    if (!code)
        code = note(request, &machine, "Cleared the default gateways of", err);
    return code ? code : node_json_reply(request, machine.id, reply, err);
}

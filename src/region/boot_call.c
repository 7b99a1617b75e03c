/*
 * What racks ask of booting machines: boot_config and event. Worker threads, inside a transaction.
 * Source: docs/rack-protocol.md; file names: docs/images.md.
 */
#include <string.h>

#include "src/base/address.h"
#include "src/model/event_type.h"
#include "src/model/machine_status.h"
#include "src/region/boot_system.h"
#include "src/region/deploy_network.h"
#include "src/region/event_store.h"
#include "src/region/machine_store.h"
#include "src/region/rack_call.h"
#include "src/region/setting.h"

enum { TEXT_BYTES = 1024 };

/* A text of the call: NULL when it is absent or null; too long or another type is an error. */
static enum error_code text_of(json_t *params, const char *key, const char **text,
                               struct error *err)
{
    const json_t *value = json_object_get(params, key);
    *text = json_string_value(value);
    bool fits =
        !value || json_is_null(value) ||
        (*text && strlen(*text) == json_string_length(value) && strlen(*text) <= TEXT_BYTES);
    return fits ? ERR_OK : error_set(err, ERR_BAD_INPUT, "%s: expected a text", key);
}

/* In the form of the database; NULL is left as it is. */
static enum error_code check_mac(const char **text, struct arena *arena, struct error *err)
{
    struct mac mac;
    if (!*text)
        return ERR_OK;
    if (!mac_parse(*text, &mac))
        return error_set(err, ERR_BAD_INPUT, "mac: '%.64s' is none", *text);
    *text = mac_format(mac, arena_alloc(arena, MAC_TEXT));
    return ERR_OK;
}

struct booting {
    const char *mac, *address, *method, *uuid; /* address, method and uuid may be NULL */
    const char *system_id, *hostname, *options, *architecture;
    int status, node_type;
    bool known, enlisted, netboot, in_memory, ssh;
};

/*
 * Whose MAC it is, else whose hardware; and note where it boots: its key is given there. Not for
 * who asks in the name of another (no address), nor, on a machine that somebody has, by the
 * hardware's id alone, which is no secret.
 */
static enum error_code find_booting(const struct rack_peer *peer, struct db *db,
                                    struct booting *booting, struct arena *arena, struct error *err)
{
    DB_STATEMENT(
        boot_call_find,
        "WITH found AS (SELECT n.id, i.id AS interface_id FROM node n LEFT JOIN interface i "
        "ON i.node_id = n.id AND i.mac = $1::macaddr WHERE n.id IN (SELECT node_id FROM interface "
        "WHERE mac = $1::macaddr) OR (n.hardware_uuid = $2 AND n.node_type = 0) "
        "ORDER BY i.id IS NULL, i.type <> 'physical', n.id LIMIT 1), "
        "place AS (SELECT vlan_id FROM subnet WHERE cidr >>= $4::inet ORDER BY masklen(cidr) DESC "
        "LIMIT 1), moved AS (UPDATE interface SET vlan_id = (SELECT vlan_id FROM place) "
        "WHERE id = (SELECT interface_id FROM found) AND EXISTS (SELECT FROM place) "
        "AND vlan_id IS DISTINCT FROM (SELECT vlan_id FROM place)), "
        "seen AS (UPDATE node n SET boot_rack = $3, boot_address = $4::inet, booted = now(), "
        "bios_boot_method = coalesce($5, n.bios_boot_method), "
        "boot_interface_id = coalesce(found.interface_id, n.boot_interface_id) FROM found "
        "WHERE n.id = found.id AND $4::inet IS NOT NULL AND (found.interface_id IS NOT NULL "
        "OR n.owner_id IS NULL)) "
        "SELECT n.system_id, n.hostname, n.status, "
        "n.node_type, n.enlisted IS NOT NULL, (SELECT string_agg(t.kernel_opts, ' ' ORDER BY "
        "t.name) FROM node_tag l JOIN tag t ON t.id = l.tag_id WHERE l.node_id = n.id "
        "AND t.kernel_opts <> ''), n.netboot, n.ephemeral_deploy, n.architecture, "
        "coalesce((n.script_options ->> 'enable_ssh')::bool, false) "
        "FROM found JOIN node n ON n.id = found.id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(
        db, &boot_call_find,
        DB_PARAMS(booting->mac, booting->uuid, peer->system_id, booting->address, booting->method),
        &rows, err);
    booting->known = !code && rows.count;
    if (!booting->known)
        return code;
    booting->system_id = arena_strdup(arena, db_text(&rows, 0, 0));
    booting->hostname = arena_strdup(arena, db_text(&rows, 0, 1));
    booting->status = (int)db_int(&rows, 0, 2);
    booting->node_type = (int)db_int(&rows, 0, 3);
    booting->enlisted = db_bool(&rows, 0, 4);
    booting->options = arena_strdup(arena, db_text(&rows, 0, 5));
    booting->netboot = db_bool(&rows, 0, 6);
    booting->in_memory = db_bool(&rows, 0, 7);
    booting->architecture = arena_strdup(arena, db_text(&rows, 0, 8));
    booting->ssh = db_bool(&rows, 0, 9);
    return ERR_OK;
}

static enum error_code read_booting(json_t *params, struct arena *arena, struct booting *booting,
                                    struct error *err)
{
    const char *firmware = NULL;
    *booting = (struct booting){0};
    enum error_code code = text_of(params, "mac", &booting->mac, err);
    if (!code && !booting->mac)
        return error_set(err, ERR_BAD_INPUT, "mac: expected a text");
    if (!code)
        code = check_mac(&booting->mac, arena, err);
    if (!code)
        code = text_of(params, "address", &booting->address, err);
    if (!code)
        code = text_of(params, "firmware", &firmware, err);
    if (!code)
        code = text_of(params, "hardware_uuid", &booting->uuid, err);
    if (code)
        return code;
    booting->address = machine_store_address(booting->address);
    booting->method = !firmware                   ? NULL
                      : !strcmp(firmware, "uefi") ? "uefi"
                      : !strcmp(firmware, "bios") ? "pxe"
                                                  : NULL;
    return ERR_OK;
}

static enum machine_boot boot_of(const struct booting *booting)
{
    if (!booting->known)
        return MACHINE_BOOT_EPHEMERAL;
    if (booting->node_type != 0 || (booting->status == MACHINE_DEPLOYING && !booting->netboot))
        return MACHINE_BOOT_LOCAL;
    if (booting->status == MACHINE_DEPLOYED && booting->in_memory)
        return MACHINE_BOOT_EPHEMERAL;
    return machine_status_boot(booting->status, booting->enlisted);
}

/* Why it runs the ephemeral system, and how long that may take before it is switched off. */
static struct machine_stay stay_of(const struct booting *booting)
{
    const struct machine_stay *stay =
        machine_status_stay(booting->known ? booting->status : MACHINE_NEW);
    struct machine_stay own = stay ? *stay : *machine_status_stay(MACHINE_NEW);
    if (!booting->known)
        own.purpose = "enlist";
    return own;
}

/* The system that it runs meanwhile. */
static enum error_code find_system(const struct rack_peer *peer, struct db *db,
                                   const struct booting *booting, struct arena *arena,
                                   struct boot_system *system, struct error *err)
{
    bool tried = booting->known && machine_status_is_tried(booting->status);
    struct boot_system_for machine = {peer->images, booting->architecture, booting->hostname,
                                      booting->ssh};
    *system = boot_system_own;
    return tried ? boot_system_find(db, &machine, arena, system, err) : ERR_OK;
}

/* Options of people stand behind ours: the last one counts. */
static enum error_code make_options(struct db *db, const struct booting *booting,
                                    const struct boot_system *system, struct arena *arena,
                                    const char **options, struct error *err)
{
    const char *global = NULL, *racks = "", *own = booting->options;
    enum error_code code = setting_text(db, "kernel_opts", arena, &global, err);
    if (!code)
        code = deploy_network_racks(db, booting->address, arena, &racks, err);
    if (code)
        return code;
    bool several = strchr(racks, ',') != NULL;
    *options = arena_printf(
        arena, "console=ttyS0 %s gantry.limit_s=%d%s%s%s%s%s%s", system->options,
        stay_of(booting).limit_s, several ? " gantry.racks=" : "", several ? racks : "",
        global ? " " : "", global ? global : "", own ? " " : "", own ? own : "");
    return ERR_OK;
}

/* What the loader is told. */
static json_t *answer_of(const struct booting *booting, const struct boot_system *system,
                         const char *options, struct arena *arena)
{
    const char *preseed = "/MAAS/metadata/latest/enlist-preseed/?op=get_enlist_preseed";
    if (booting->known)
        preseed = arena_printf(arena, "/MAAS/metadata/latest/by-id/%s/?op=get_preseed",
                               booting->system_id);
    return json_pack("{s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "purpose",
                     stay_of(booting).purpose, "system_id", booting->system_id, "hostname",
                     booting->known ? booting->hostname : "maas-enlist", "kernel", system->kernel,
                     "initrd", system->initrd, "root", system->root, "preseed", preseed, "options",
                     options, "keep", false);
}

static const char *purpose_of(const struct booting *booting)
{
    enum machine_boot boot = boot_of(booting);
    return boot == MACHINE_BOOT_LOCAL      ? "local"
           : boot == MACHINE_BOOT_POWEROFF ? "poweroff"
                                           : stay_of(booting).purpose;
}

enum error_code boot_call_config(const struct rack_peer *peer, struct db *db, json_t *params,
                                 struct arena *arena, json_t **result, struct error *err)
{
    struct booting booting;
    struct boot_system system;
    const char *options = "";
    enum error_code code = read_booting(params, arena, &booting, err);
    if (!code)
        code = find_booting(peer, db, &booting, arena, err);
    if (code)
        return code;
    const char *purpose = purpose_of(&booting);
    struct event event = {.type = "NODE_PXE_REQUEST",
                          .system_id = booting.system_id,
                          .description =
                              arena_printf(arena, "%s from %s by %s: %s", booting.mac,
                                           booting.address ? booting.address : "an unknown address",
                                           peer->name, purpose)};
    bool ephemeral = boot_of(&booting) == MACHINE_BOOT_EPHEMERAL;
    code = event_add(db, &event, arena, err);
    if (!code && ephemeral)
        code = find_system(peer, db, &booting, arena, &system, err);
    if (!code && ephemeral)
        code = make_options(db, &booting, &system, arena, &options, err);
    if (code)
        return code;
    if (ephemeral)
        *result = answer_of(&booting, &system, options, arena);
    else
        *result = json_pack("{s:s, s:s, s:s, s:b}", "purpose", purpose, "system_id",
                            booting.system_id, "hostname", booting.hostname, "keep", true);
    ASSERT(*result);
    return ERR_OK;
}

static enum error_code system_id_of(struct db *db, const char *mac, struct arena *arena,
                                    const char **system_id, struct error *err)
{
    DB_STATEMENT(boot_call_node_of_mac,
                 "SELECT n.system_id FROM interface i JOIN node n ON n.id = i.node_id "
                 "WHERE i.mac = $1::macaddr ORDER BY i.type <> 'physical', i.id LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &boot_call_node_of_mac, DB_PARAMS(mac), &rows, err);
    if (!code && rows.count)
        *system_id = arena_strdup(arena, db_text(&rows, 0, 0));
    return code;
}

enum error_code boot_call_event(const struct rack_peer *peer, struct db *db, json_t *params,
                                struct arena *arena, json_t **result, struct error *err)
{
    struct event event = {0};
    const char *mac, *description;
    (void)result;
    enum error_code code = text_of(params, "type", &event.type, err);
    if (!code && (!event.type || !event_type_find(event.type)))
        return error_set(err, ERR_BAD_INPUT, "type: no such event type");
    if (!code)
        code = text_of(params, "description", &description, err);
    if (!code)
        code = text_of(params, "mac", &mac, err);
    if (!code)
        code = check_mac(&mac, arena, err);
    if (!code)
        code = text_of(params, "system_id", &event.system_id, err);
    if (!code && !event.system_id && mac)
        code = system_id_of(db, mac, arena, &event.system_id, err);
    if (code)
        return code;
    event.description = arena_printf(arena, "%s%s%s (%s)", description ? description : "",
                                     !event.system_id && mac ? " " : "",
                                     !event.system_id && mac ? mac : "", peer->name);
    return event_add(db, &event, arena, err);
}

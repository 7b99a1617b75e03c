/* Preseeds: see metadata_preseed.h. Source: MAAS API 2.0, preseed content. */
#include "src/region/metadata_preseed.h"

#include <string.h>

#include "src/base/json_out.h"
#include "src/model/machine_status.h"
#include "src/region/boot_system.h"
#include "src/region/http.h"
#include "src/region/machine_store.h"
#include "src/region/metadata_store.h"
#include "src/region/script_packages.h"
#include "src/region/token_store.h"

#define POWER_OFF(timeout)                                                 \
    "power_state: {condition: test ! -e /tmp/block-poweroff, delay: now, " \
    "mode: poweroff, timeout: " timeout "}\n"

static void reply_text(struct api_reply *reply, const char *text)
{
    api_reply_bytes(reply, "text/plain; charset=utf-8", text, strlen(text));
}

static const char *metadata_url(struct api_request *request)
{
    return arena_printf(request->arena, "%s/MAAS/metadata/", request->base_url);
}

enum error_code metadata_preseed_enlist(struct api_request *request, struct api_reply *reply)
{
    reply_text(reply, arena_printf(request->arena,
                                   "#cloud-config\n"
                                   "datasource:\n"
                                   "  MAAS: {metadata_url: '%s', timeouts: [1, 1, 1]}\n"
                                   "manage_etc_hosts: true\n" POWER_OFF("1800"),
                                   metadata_url(request)));
    return ERR_OK;
}

/*
 * How a stock system's cloud-init is to end. What a system in memory reads is its configuration:
 * it stays on. To have scripts run takes few of its modules; people who log in want them all.
 */
static const char *end_of(struct api_request *request, const struct metadata_machine *machine,
                          const char *apt)
{
    if (machine->tried && machine->ssh)
        return apt;
    if (machine->in_memory &&
        (machine->status == MACHINE_DEPLOYING || machine->status == MACHINE_DEPLOYED))
        return "";
    return machine->tried ? arena_printf(request->arena,
                                         "cloud_init_modules: [set_hostname, update_etc_hosts]\n"
                                         "cloud_config_modules: [%s]\n"
                                         "cloud_final_modules: [scripts-user, power-state-change]\n"
                                         "%s" POWER_OFF("3600"),
                                         *apt ? "apt-configure" : "", apt)
                          : POWER_OFF("3600");
}

/* Where the scripts' system has its packages from, if people said so; "" = it knows itself. */
static enum error_code find_apt(struct api_request *request, const struct metadata_machine *machine,
                                const char **apt, struct error *err)
{
    const struct boot_system_for wanted = {http_settings(request->http)->images,
                                           machine->architecture, machine->hostname, machine->ssh};
    struct boot_system system = boot_system_own;
    struct script_packages named;
    json_t *block = NULL;
    *apt = "";
    enum error_code code = boot_system_find(request->db, &wanted, request->arena, &system, err);
    if (!code && system.osystem) {
        code = script_packages_read(request, machine->id, &named, err);
        block = code ? NULL : script_packages_apt(&named, system.osystem, request->arena);
    }
    if (block)
        *apt = arena_printf(request->arena, "apt: %s\n", json_out_dump(request->arena, block));
    json_decref(block);
    return code;
}

static const char *preseed_text(struct api_request *request, const struct metadata_machine *machine,
                                const struct token *token, const char *apt)
{
    const char *key =
        arena_printf(request->arena, "consumer_key: '%s', token_key: '%s', token_secret: '%s'",
                     token->consumer_key, token->token_key, token->secret);
    return arena_printf(
        request->arena,
        "#cloud-config\n"
        "datasource:\n"
        "  MAAS: {metadata_url: '%s', %s, timeouts: [1, 1, 1]}\n"
        "manage_etc_hosts: true\n"
        "reporting:\n"
        "  maas: {type: webhook, endpoint: '%sstatus/%s', " METADATA_PRESEED_PATIENCE ", %s}\n"
        "%s",
        metadata_url(request), key, metadata_url(request), machine->system_id, key,
        end_of(request, machine, apt));
}

/*
 * The machine's key goes to the machine alone: at the address that its rack saw it boot from, or
 * that was leased to one of its MACs, and while it is to run the ephemeral system.
 */
enum error_code metadata_preseed_own(struct api_request *request, struct api_reply *reply,
                                     const char *system_id, struct error *err)
{
    struct metadata_machine machine;
    struct token_list list;
    const char *apt = "";
    enum error_code code =
        metadata_store_find(request->db, system_id, machine_store_address(request->remote_address),
                            request->arena, &machine, err);
    if (code)
        return code;
    bool installed = machine.status == MACHINE_DEPLOYING && !machine.netboot;
    bool in_memory = machine.status == MACHINE_DEPLOYED && machine.in_memory;
    if (installed ||
        (machine_status_boot(machine.status, machine.enlisted) != MACHINE_BOOT_EPHEMERAL &&
         !in_memory))
        return error_set(err, ERR_FORBIDDEN,
                         "%s has no business with the metadata service now: "
                         "it is %s.",
                         machine.system_id, machine_status_name(machine.status));
    if (!machine.at_home)
        return error_set(err, ERR_FORBIDDEN,
                         "The preseed of %s is for the machine itself: it did not boot from the "
                         "address that asks.",
                         machine.system_id);
    code = token_store_list(request->db, http_settings(request->http)->ring,
                            &(struct token_for){.system_id = machine.system_id}, request->arena,
                            &list, err);
    if (!code && !list.count)
        return error_set(err, ERR_NOT_FOUND, "Not Found");
    if (!code && machine.tried)
        code = find_apt(request, &machine, &apt, err);
    if (!code)
        reply_text(reply, preseed_text(request, &machine, &list.tokens[list.count - 1], apt));
    return code;
}

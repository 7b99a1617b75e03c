/* The machine introduces itself: see report.h. */
#include "src/agent/report.h"

#include <jansson.h>
#include <string.h>

#include "src/base/log.h"

enum { SYSTEM_ID_BYTES = 64 };

#define INVENTORY_SCRIPT "20-maas-03-machine-resources"

/* The interfaces' addresses, the one that booted first, so that the region names it the boot one.
 */
static const char *mac_list(struct arena *arena, const struct inventory *inventory)
{
    const char *list = NULL;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < inventory->interfaces_count; i++) {
            char text[MAC_TEXT];
            if (inventory->interfaces[i].boot != (pass == 0))
                continue;
            mac_format(inventory->interfaces[i].mac, text);
            list = list ? arena_printf(arena, "%s,%s", list, text) : arena_strdup(arena, text);
        }
    return list;
}

/* Does the region know one of our interfaces already? */
static enum error_code ask_registered(struct talk *talk, const struct inventory *inventory,
                                      bool *registered, struct error *err)
{
    *registered = false;
    for (int i = 0; i < inventory->interfaces_count && !*registered; i++) {
        char mac[MAC_TEXT];
        mac_format(inventory->interfaces[i].mac, mac);
        struct http_client_request request = {
            .url = arena_printf(talk->arena, "%smachines/?op=is_registered&mac_address=%s",
                                talk->api_url, http_client_escape(talk->arena, mac)),
        };
        struct http_client_reply reply;
        enum error_code code = talk_exchange(talk, &request, &reply, err);
        if (code)
            return code;
        *registered = strcmp(reply.body + strspn(reply.body, " \r\n"), "true") == 0;
        if (*registered)
            log_info("%s belongs to a machine the region knows already", mac);
    }
    return ERR_OK;
}

/* system_id of the answer to an enlistment. It becomes a part of URLs, so its letters matter. */
static enum error_code read_enlisted(struct talk *talk, const char *body, struct error *err)
{
    json_t *answer = json_loads(body, 0, NULL);
    const char *id = json_string_value(json_object_get(answer, "system_id"));
    const char *hostname = json_string_value(json_object_get(answer, "hostname"));
    enum error_code code = ERR_OK;
    if (!id || !*id || strlen(id) > SYSTEM_ID_BYTES ||
        strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") !=
            strlen(id)) {
        code = error_set(err, ERR_BAD_INPUT, "the answer to the enlistment has no system_id");
    } else {
        talk->system_id = arena_strdup(talk->arena, id);
        log_info("enlisted: this machine is %s (%s)", hostname ? hostname : "without a name", id);
    }
    json_decref(answer);
    return code;
}

static enum error_code enlist(struct talk *talk, const struct inventory *inventory,
                              struct error *err)
{
    const char *macs = mac_list(talk->arena, inventory);
    if (!macs || !inventory->architecture)
        return error_set(err, ERR_BAD_INPUT, "this machine has no %s that could be told",
                         macs ? "known architecture" : "Ethernet interface");
    const char *form = arena_printf(
        talk->arena, "architecture=%s&mac_addresses=%s&commission=false&boot_method=%s",
        http_client_escape(talk->arena, inventory->architecture),
        http_client_escape(talk->arena, macs), inventory->boot_method);
    if (inventory->system.uuid)
        form = arena_printf(talk->arena, "%s&hardware_uuid=%s", form, inventory->system.uuid);
    struct http_client_request request = {
        .method = "POST",
        .url = arena_printf(talk->arena, "%smachines/", talk->api_url),
        .body = form,
        .body_size = strlen(form),
        .content_type = "application/x-www-form-urlencoded",
    };
    struct http_client_reply reply;
    enum error_code code = talk_exchange(talk, &request, &reply, err);
    return code ? code : read_enlisted(talk, reply.body, err);
}

enum error_code report_enlist(struct talk *talk, const struct inventory *inventory, bool *known,
                              struct error *err)
{
    enum error_code code = ask_registered(talk, inventory, known, err);
    if (code || *known)
        return code;
    code = enlist(talk, inventory, err);
    if (code)
        return error_wrap(err, "enlist");
    const char *url = arena_printf(talk->arena, "%slatest/by-id/%s/?op=get_preseed",
                                   talk->preseed.metadata_url, talk->system_id);
    code = talk_read_preseed(talk, url, err);
    if (code)
        return error_wrap(err, "own preseed");
    if (!talk->preseed.consumer_key)
        return error_set(err, ERR_BAD_INPUT, "own preseed: it holds no key");
    return ERR_OK;
}

enum error_code report_inventory(struct talk *talk, const struct report *report, struct error *err)
{
    const char *runtime = arena_printf(talk->arena, "%.3f", (double)report->inventory_ms / 1000);
    const char *const fields[] = {"status",         "WORKING",     "name",
                                  INVENTORY_SCRIPT, "exit_status", "0",
                                  "runtime",        runtime,       NULL};
    struct multipart_file file = {.name = INVENTORY_SCRIPT,
                                  .filename = INVENTORY_SCRIPT,
                                  .content_type = "application/json",
                                  .bytes = report->json->bytes,
                                  .size = report->json->used};
    enum error_code code = talk_signal(talk, fields, &file, err);
    if (code)
        return error_wrap(err, "inventory");
    log_info("the inventory is with the region (%zu bytes)", report->json->used);
    return ERR_OK;
}

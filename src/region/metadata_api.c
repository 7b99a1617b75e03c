/*
 * The metadata service: what machines ask while they boot, below /MAAS/metadata/. A machine speaks
 * with its own key (request->system_id); without one it is told what is no secret.
 * Source: MAAS API 2.0, metadata service; docs/inventory.md, how it is sent.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_out.h"
#include "src/region/deploy_task.h"
#include "src/region/metadata_preseed.h"
#include "src/region/metadata_scripts.h"
#include "src/region/metadata_signal.h"
#include "src/region/metadata_store.h"
#include "src/region/routes.h"
#include "src/region/script_default.h"
#include "src/region/setting.h"

static enum error_code not_found(struct error *err)
{
    return error_set(err, ERR_NOT_FOUND, "Not Found");
}

static void reply_text(struct api_reply *reply, const char *text)
{
    api_reply_bytes(reply, "text/plain; charset=utf-8", text, strlen(text));
}

static bool has_op(const struct api_request *request, const char *op)
{
    const char *given = api_param(request, "op");
    return given && !strcmp(given, op);
}

/* The machine whose key was used. Errors: UNAUTHORIZED, FORBIDDEN (a person's key). */
static enum error_code speaker(struct api_request *request, struct metadata_machine *machine,
                               struct error *err)
{
    if (request->user)
        return error_set(err, ERR_FORBIDDEN, "The metadata service is for machines.");
    if (!request->system_id)
        return error_set(err, ERR_UNAUTHORIZED, "Authorization Error: Not authenticated.");
    return metadata_store_find(request->db, request->system_id, NULL, request->arena, machine, err);
}

typedef enum error_code read_texts(struct db *db, const struct metadata_machine *machine,
                                   struct arena *arena, const char **text, struct error *err);

/* What the owner put here for it; nothing is not found. */
static enum error_code reply_texts(struct api_request *request, struct api_reply *reply,
                                   const struct metadata_machine *machine, read_texts *read,
                                   struct error *err)
{
    const char *text;
    enum error_code code = read(request->db, machine, request->arena, &text, err);
    if (!code && !*text)
        return not_found(err);
    if (!code)
        reply_text(reply, text);
    return code;
}

/* The words of a setting that can be names or addresses of hosts. */
static json_t *hosts_of(const char *text, struct arena *arena)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-";
    json_t *hosts = json_array();
    const char *word;
    while ((word = arena_word(arena, &text, ", \t")))
        if (!word[strspn(word, letters)])
            json_array_append_new(hosts, json_string(word));
    return hosts;
}

/*
 * What the site says to each system that people run: whom to ask for the time. DHCP would say it
 * too, but not to who has its address written down.
 */
static enum error_code reply_vendor_data(struct api_request *request, struct api_reply *reply,
                                         const struct metadata_machine *machine, struct error *err)
{
    const char *servers = NULL;
    enum error_code code = ERR_OK;
    if (machine && machine->owner_id && !machine->tried)
        code = setting_text(request->db, "ntp_servers", request->arena, &servers, err);
    if (code)
        return code;
    json_t *hosts = hosts_of(servers ? servers : "", request->arena), *data = json_object();
    if (json_array_size(hosts)) {
        json_t *ntp = json_pack("{s:b, s:[], s:O}", "enabled", 1, "pools", "servers", hosts);
        const char *text = arena_printf(request->arena, "#cloud-config\nntp: %s\n",
                                        json_out_dump(request->arena, ntp));
        json_object_set_new(data, "cloud-init", json_string(text));
        json_decref(ntp);
    }
    const char *text = json_out_dump(request->arena, data); /* JSON is YAML */
    api_reply_bytes(reply, "application/x-yaml", text, strlen(text));
    json_decref(hosts);
    json_decref(data);
    return ERR_OK;
}

/* machine NULL = one that is not known yet. */
static enum error_code reply_meta_data(struct api_request *request, struct api_reply *reply,
                                       const struct metadata_machine *machine, struct error *err)
{
    const struct route_match *route = request->route;
    const char *key = route->rest_count > 2 ? route->rest[2] : NULL;
    if (route->rest_count > 3)
        return not_found(err);
    if (!key)
        reply_text(reply, machine && machine->owner_id
                              ? "instance-id\nlocal-hostname\npublic-keys\nvendor-data\nx509"
                              : "instance-id\nlocal-hostname\nvendor-data");
    else if (!strcmp(key, "instance-id"))
        reply_text(reply, machine ? machine->system_id : "i-maas-enlistment");
    else if (!strcmp(key, "local-hostname"))
        reply_text(reply, machine ? machine->fqdn : "maas-enlisting-node");
    else if (!strcmp(key, "vendor-data"))
        return reply_vendor_data(request, reply, machine, err);
    else if (!strcmp(key, "public-keys") && machine)
        return reply_texts(request, reply, machine,
                           machine->tried && machine->ssh ? metadata_store_visitor_keys
                                                          : metadata_store_public_keys,
                           err);
    else if (!strcmp(key, "x509") && machine)
        return reply_texts(request, reply, machine, metadata_store_certificates, err);
    else
        return not_found(err);
    return ERR_OK;
}

/*
 * What runs the scripts while the machine is looked at; later what its user gave to deploy,
 * byte for byte.
 */
static enum error_code reply_user_data(struct api_request *request, struct api_reply *reply,
                                       const struct metadata_machine *machine, struct error *err)
{
    const char *bytes;
    size_t size;
    if (machine->tried) {
        api_reply_bytes(reply, "application/octet-stream", script_runners[0].text,
                        script_runners[0].size);
        return ERR_OK;
    }
    enum error_code code =
        metadata_store_user_data(request->db, machine->id, request->arena, &bytes, &size, err);
    if (!code && !bytes)
        return not_found(err);
    if (!code)
        api_reply_bytes(reply, "application/octet-stream", bytes, size);
    return code;
}

static enum error_code reply_task(struct api_request *request, struct api_reply *reply,
                                  const struct metadata_machine *machine, struct error *err)
{
    json_t *task;
    enum error_code code = deploy_task_make(request, machine, &task, err);
    if (code)
        return code;
    char *text = json_dumps(task, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(task);
    ASSERT(text);
    api_reply_bytes(reply, "application/json", text, strlen(text));
    free(text);
    return ERR_OK;
}

/* Below {version}/ */
static enum error_code reply_version(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    const struct route_match *route = request->route;
    const char *what = route->rest_count > 1 ? route->rest[1] : "";
    struct metadata_machine machine;
    if (!*what) {
        reply_text(reply, "meta-data\nuser-data");
        return ERR_OK;
    }
    enum error_code code =
        request->user || request->system_id ? speaker(request, &machine, err) : ERR_OK;
    if (code)
        return code;
    if (!strcmp(what, "meta-data"))
        return reply_meta_data(request, reply, request->system_id ? &machine : NULL, err);
    if (!strcmp(what, "maas-scripts") && route->rest_count == 2) {
        if (request->system_id)
            return metadata_scripts_reply(request, reply, &machine, err);
        api_reply_empty(reply, 204); /* a machine that nobody knows runs none */
        return ERR_OK;
    }
    if (!strcmp(what, "user-data") && route->rest_count == 2 && request->system_id)
        return reply_user_data(request, reply, &machine, err);
    if (!strcmp(what, "gantry") && route->rest_count == 3 && !strcmp(route->rest[2], "task") &&
        request->system_id)
        return reply_task(request, reply, &machine, err);
    return not_found(err);
}

static bool is_version(const char *text)
{
    return !strcmp(text, "2012-03-01") || !strcmp(text, "latest");
}

enum error_code page_metadata_read(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    const struct route_match *route = request->route;
    const char *const *rest = route->rest;
    if (!route->rest_count) {
        reply_text(reply, "2012-03-01\nlatest");
        return ERR_OK;
    }
    if (!is_version(rest[0]))
        return not_found(err);
    if (route->rest_count == 2 && !strcmp(rest[1], "enlist-preseed") &&
        has_op(request, "get_enlist_preseed"))
        return metadata_preseed_enlist(request, reply);
    if (route->rest_count == 3 && !strcmp(rest[1], "by-id") && has_op(request, "get_preseed"))
        return metadata_preseed_own(request, reply, rest[2], err);
    return reply_version(request, reply, err);
}

enum error_code page_metadata_signal(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    const struct route_match *route = request->route;
    struct metadata_machine machine;
    if (route->rest_count != 1 || !is_version(route->rest[0]))
        return not_found(err);
    enum error_code code = speaker(request, &machine, err);
    if (code)
        return code;
    if (has_op(request, "signal"))
        code = metadata_signal_take(request, &machine, err);
    else if (has_op(request, "netboot_off") || has_op(request, "netboot_on"))
        code = metadata_store_set_netboot(request->db, machine.id, has_op(request, "netboot_on"),
                                          request->arena, err);
    else
        return error_set(err, ERR_BAD_INPUT, "Unrecognised signature: method=POST op=%.64s",
                         api_param(request, "op") ? api_param(request, "op") : "None");
    if (!code)
        reply_text(reply, "OK");
    return code;
}

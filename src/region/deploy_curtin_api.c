/*
 * What curtin would be told of a deployment, under way or over: the facts that the agent gets, in
 * curtin's words. The machine's key is not in it: who reads this is no machine. Source: MAAS API
 * 2.0, get_curtin_config; curtin's documentation, config.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/machine_status.h"
#include "src/region/deploy_image.h"
#include "src/region/deploy_network.h"
#include "src/region/deploy_storage.h"
#include "src/region/http.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"
#include "src/region/script_packages.h"

/* Forms of images in the agent's words and in curtin's; it has no word for the others. */
static const char *const sources[][2] = {
    {"squashfs", "squashfs"}, {"tgz", "tgz"},           {"tar.xz", "txz"},
    {"tar.bz2", "tbz"},       {"dd", "dd-raw"},         {"dd.gz", "dd-gz"},
    {"dd.bz2", "dd-bz2"},     {"dd.xz", "dd-xz"},       {"dd.tar", "dd-tar"},
    {"dd.tgz", "dd-tgz"},     {"dd.tar.bz2", "dd-tbz"}, {"dd.tar.xz", "dd-txz"},
};

/* What the deployment is of, and the first rack of its network. */
struct facts {
    struct deploy_image wanted;
    const char *rack;
    bool in_memory;
};

static enum error_code read_facts(struct api_request *request, const struct machine *machine,
                                  struct facts *facts, struct error *err)
{
    DB_STATEMENT(deploy_curtin_facts,
                 "SELECT osystem, distro_series, architecture, "
                 "host(boot_address), ephemeral_deploy, hwe_kernel FROM node WHERE id = "
                 "$1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct arena *arena = request->arena;
    enum error_code code = db_query(request->db, &deploy_curtin_facts,
                                    DB_PARAMS(db_number(arena, machine->id)), &rows, err);
    if (code)
        return code;
    const char *racks = "";
    if (!db_is_null(&rows, 0, 3))
        code = deploy_network_racks(request->db, db_text(&rows, 0, 3), arena, &racks, err);
    if (!code && !*racks)
        return error_set(err, ERR_CONFLICT, "%s has not booted from a rack that is known here yet.",
                         machine->hostname);
    *facts = (struct facts){.wanted = {.folder = http_settings(request->http)->images,
                                       .osystem = arena_strdup(arena, db_text(&rows, 0, 0)),
                                       .series = arena_strdup(arena, db_text(&rows, 0, 1)),
                                       .architecture = arena_strdup(arena, db_text(&rows, 0, 2)),
                                       .kernel = arena_strdup(arena, db_text(&rows, 0, 5))},
                            .rack = arena_strndup(arena, racks, strcspn(racks, ",")),
                            .in_memory = db_bool(&rows, 0, 4)};
    return code;
}

static enum error_code add_source(struct api_request *request, const struct facts *facts,
                                  json_t *config, struct error *err)
{
    struct deploy_image_found found;
    const char *type = NULL;
    enum error_code code =
        deploy_image_find(request->db, &facts->wanted, request->arena, &found, err);
    if (code)
        return code;
    const char *form = json_string_value(json_object_get(found.task, "form"));
    for (size_t i = 0; form && i < COUNT_OF(sources); i++)
        if (!strcmp(sources[i][0], form))
            type = sources[i][1];
    if (type)
        json_object_set_new(
            config, "sources",
            json_pack("{s:{s:s, s:s}}", "00_root", "type", type, "uri",
                      arena_printf(request->arena, "http://%s:5248%s", facts->rack,
                                   json_string_value(json_object_get(found.task, "path")))));
    else
        code = error_set(err, ERR_CONFLICT, "curtin cannot install an image of form %.40s.",
                         form ? form : "(none)");
    json_decref(found.task);
    if (!code && found.kernel_package)
        json_object_set_new(config, "kernel",
                            json_pack("{s:s, s:{}}", "package", found.kernel_package, "mapping"));
    return code;
}

static enum error_code add_packages(struct api_request *request, const struct machine *machine,
                                    const struct facts *facts, json_t *config, struct error *err)
{
    struct script_packages named;
    enum error_code code = script_packages_read(request, machine->id, &named, err);
    json_t *apt = code ? NULL : script_packages_apt(&named, facts->wanted.osystem, request->arena);
    if (apt)
        json_object_set_new(config, "apt", apt);
    return code;
}

static void add_rest(struct api_request *request, const struct machine *machine,
                     const struct facts *facts, json_t *config)
{
    const char *url = arena_printf(request->arena, "http://%s:5240/MAAS/metadata/", facts->rack);
    json_t *rest = json_pack(
        "{s:{s:s, s:s, s:[s, s]}, s:{s:{s:s, s:s}}, s:{s:[s, s, s, s, s, s, s]}, s:{s:s}, s:i, "
        "s:b}",
        "install", "log_file", "/tmp/install.log", "error_tarfile", "/tmp/curtin-logs.tar",
        "post_files", "/tmp/install.log", "/tmp/curtin-logs.tar", "reporting", "maas", "type",
        "webhook", "endpoint", arena_printf(request->arena, "%sstatus/%s", url, machine->system_id),
        "late_commands", "maas", "wget", "--no-proxy",
        arena_printf(request->arena, "%slatest/by-id/%s/", url, machine->system_id), "--post-data",
        "op=netboot_off", "-O", "/dev/null", "power_state", "mode", "reboot", "verbosity", 3,
        "showtrace", 1);
    ASSERT(rest);
    json_object_update(config, rest);
    json_decref(rest);
}

/* JSON is YAML. */
static void reply_config(struct api_reply *reply, const json_t *config)
{
    char *text = json_dumps(config, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    ASSERT(text);
    api_reply_text(reply, 200, "%s\n", text);
    free(text);
}

static enum error_code make_config(struct api_request *request, const struct machine *machine,
                                   json_t *config, struct error *err)
{
    struct facts facts;
    json_t *storage = NULL, *network = NULL;
    enum error_code code = read_facts(request, machine, &facts, err);
    if (!code)
        code = add_source(request, &facts, config, err);
    if (!code)
        code = add_packages(request, machine, &facts, config, err);
    if (!code && !facts.in_memory)
        code = deploy_storage_make(request->db, machine->id, request->arena, &storage, err);
    if (storage)
        json_object_set_new(config, "storage", storage);
    if (!code)
        code = deploy_network_read(request->db, machine->id, request->arena, &network, err);
    if (network)
        json_object_set_new(config, "network", network);
    if (!code)
        add_rest(request, machine, &facts, config);
    return code;
}

enum error_code machine_get_curtin_config(struct api_request *request, struct api_reply *reply,
                                          struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *config = json_object();
    struct machine machine;
    enum error_code code = node_reply_find(request, NODE_MACHINES, &machine, err);
    if (!code)
        code = machine_store_check_owner(request, &machine, err);
    if (!code && machine.status != MACHINE_DEPLOYING && machine.status != MACHINE_DEPLOYED &&
        machine.status != MACHINE_FAILED_DEPLOYMENT)
        return error_set(err, ERR_BAD_INPUT, "Machine %s is not in a deployment state.",
                         machine.hostname);
    if (!code)
        code = make_config(request, &machine, config, err);
    if (!code)
        reply_config(reply, config);
    return code;
}

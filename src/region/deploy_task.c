/* Tasks of agents: see deploy_task.h. */
#include "src/region/deploy_task.h"

#include <string.h>

#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/model/machine_status.h"
#include "src/region/deploy_image.h"
#include "src/region/deploy_network.h"
#include "src/region/deploy_storage.h"
#include "src/region/http.h"
#include "src/region/machine_store.h"
#include "src/region/metadata_preseed.h"
#include "src/region/script_packages.h"
#include "src/region/setting.h"
#include "src/region/token_store.h"

#define CLOUD_FOLDER "/etc/cloud/cloud.cfg.d/"

/* A name that stands for every rack of the machine's network in its /etc/hosts. */
#define RACKS_NAME "racks.gantry.internal"

/* What the database knows of a deployment. */
struct deployment {
    const char *osystem, *series, *architecture, *kernel, *options, *racks;
};

static enum error_code read_deployment(struct api_request *request, int64_t node_id,
                                       struct deployment *deployment, struct error *err)
{
    DB_STATEMENT(deploy_facts,
                 "SELECT n.osystem, n.distro_series, n.architecture, "
                 "(SELECT string_agg(t.kernel_opts, ' ' ORDER BY t.name) FROM node_tag l JOIN tag "
                 "t ON t.id = l.tag_id WHERE l.node_id = n.id AND t.kernel_opts <> ''), "
                 "n.hwe_kernel FROM node n WHERE n.id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct arena *arena = request->arena;
    enum error_code code =
        db_query(request->db, &deploy_facts, DB_PARAMS(db_number(arena, node_id)), &rows, err);
    if (code)
        return code;
    *deployment = (struct deployment){
        .osystem = arena_strdup(arena, db_text(&rows, 0, 0)),
        .series = arena_strdup(arena, db_text(&rows, 0, 1)),
        .architecture = arena_strdup(arena, db_text(&rows, 0, 2)),
        .options = arena_strdup(arena, db_text(&rows, 0, 3)),
        .kernel = arena_strdup(arena, db_text(&rows, 0, 4)),
    };
    return ERR_OK;
}

static void add_file(json_t *files, const char *path, int mode, const char *content)
{
    json_t *file = json_pack("{s:s, s:i, s:s}", "path", path, "mode", mode, "content", content);
    ASSERT(file);
    json_array_append_new(files, file);
}

/*
 * Where the installed system finds the metadata service: at the rack that the agent reached, or,
 * when several racks serve its network, at whichever of them answers.
 */
static const char *service_url(struct api_request *request, const struct deployment *deployment)
{
    const char *host = strstr(request->base_url, "://");
    if (!host || !strchr(deployment->racks, ','))
        return arena_printf(request->arena, "%s/MAAS/metadata/", request->base_url);
    return arena_printf(request->arena, "http://" RACKS_NAME "%s/MAAS/metadata/",
                        host + 3 + strcspn(host + 3, ":/"));
}

/* Does the base URL name this address? */
static bool is_reached(const char *base_url, const char *address)
{
    const char *host = strstr(base_url, "://");
    size_t length = strlen(address);
    return host && !strncmp(host + 3, address, length) && strcspn(host + 3, ":/") == length;
}

/*
 * Addresses are tried in the order of the lines: the rack that the agent reaches comes first (when
 * another one answers it later, the agent puts that first). One that is gone costs the installed
 * system some seconds at each request.
 */
static const char *hosts_text(struct api_request *request, const struct metadata_machine *machine,
                              const char *racks)
{
    struct arena *arena = request->arena;
    const char *reached = "", *others = "";
    char *list = arena_strdup(arena, racks), *rest = NULL;
    bool several = strchr(racks, ',') != NULL;
    for (char *rack = strtok_r(list, ",", &rest); several && rack;
         rack = strtok_r(NULL, ",", &rest)) {
        const char **lines = is_reached(request->base_url, rack) ? &reached : &others;
        *lines = arena_printf(arena, "%s%s\t" RACKS_NAME "\n", *lines, rack);
    }
    return arena_printf(arena,
                        "127.0.0.1\tlocalhost\n127.0.1.1\t%s %s\n"
                        "::1\tlocalhost ip6-localhost ip6-loopback\n%s%s",
                        machine->fqdn, machine->hostname, reached, others);
}

/* cloud-init of the installed system: its source with the machine's key, its reports, network. */
static enum error_code make_files(struct api_request *request,
                                  const struct metadata_machine *machine,
                                  const struct deployment *deployment, json_t *files,
                                  struct error *err)
{
    struct token_list list;
    struct arena *arena = request->arena;
    json_t *network = NULL;
    enum error_code code =
        token_store_list(request->db, http_settings(request->http)->ring,
                         &(struct token_for){.system_id = machine->system_id}, arena, &list, err);
    if (!code && !list.count)
        return error_set(err, ERR_NOT_FOUND, "The machine has no key.");
    if (!code)
        code = deploy_network_read(request->db, machine->id, arena, &network, err);
    if (code)
        return code;
    const struct token *token = &list.tokens[list.count - 1];
    const char *url = service_url(request, deployment);
    const char *key = arena_printf(arena, "consumer_key: '%s', token_key: '%s', token_secret: '%s'",
                                   token->consumer_key, token->token_key, token->secret);
    add_file(files, CLOUD_FOLDER "90_maas_datasource.cfg", 0600,
             arena_printf(arena,
                          "datasource_list: [MAAS]\nmanual_cache_clean: true\ndatasource:\n"
                          "  MAAS: {metadata_url: '%s', %s, timeouts: [1, 1, 1]}\n",
                          url, key));
    add_file(files, CLOUD_FOLDER "90_maas_reporting.cfg", 0600,
             arena_printf(arena,
                          "reporting:\n  maas: {type: webhook, endpoint: "
                          "'%sstatus/%s', " METADATA_PRESEED_PATIENCE ", %s}\n",
                          url, machine->system_id, key));
    add_file(files, CLOUD_FOLDER "50-curtin-networking.cfg", 0644,
             arena_printf(arena, "network: %s\n", json_out_dump(arena, network)));
    json_decref(network);
    add_file(files, "/etc/hosts", 0644, hosts_text(request, machine, deployment->racks));
    return ERR_OK;
}

/* Where the installed system has its packages from, if people said so; a proxy may have a key. */
static void add_apt(struct arena *arena, const struct script_packages *named, const char *osystem,
                    json_t *files)
{
    json_t *apt = script_packages_apt(named, osystem, arena);
    if (apt)
        add_file(files, CLOUD_FOLDER "90_maas_apt.cfg", 0600,
                 arena_printf(arena, "apt: %s\n", json_out_dump(arena, apt)));
    json_decref(apt);
}

static const char *kernel_options(struct arena *arena, const char *global,
                                  const struct deployment *deployment)
{
    return arena_printf(arena, "console=tty0 console=ttyS0%s%s%s%s", global ? " " : "",
                        global ? global : "", deployment->options ? " " : "",
                        deployment->options ? deployment->options : "");
}

static enum error_code put_packages(struct api_request *request,
                                    const struct script_packages *named, json_t *task,
                                    struct error *err)
{
    json_t *packages = NULL;
    enum error_code code = script_packages_make(request, named, &packages, err);
    if (!code)
        json_object_set_new(task, "packages", packages);
    return code;
}

static enum error_code add_packages(struct api_request *request,
                                    const struct metadata_machine *machine, json_t *task,
                                    struct error *err)
{
    struct script_packages named;
    enum error_code code = script_packages_read(request, machine->id, &named, err);
    return code ? code : put_packages(request, &named, task, err);
}

static enum error_code make_deploy(struct api_request *request,
                                   const struct metadata_machine *machine, json_t *task,
                                   struct error *err)
{
    struct deployment facts;
    const char *global = NULL;
    struct deploy_image_found image = {.task = NULL};
    struct script_packages named;
    bool kexec = false;
    json_t *storage = NULL, *files = json_array();
    json_object_set_new(task, "files", files);
    enum error_code code = read_deployment(request, machine->id, &facts, err);
    if (!code)
        code = deploy_network_racks(request->db, machine_store_address(request->remote_address),
                                    request->arena, &facts.racks, err);
    if (!code)
        code = setting_text(request->db, "kernel_opts", request->arena, &global, err);
    if (!code)
        code = setting_bool(request->db, "enable_kexec", request->arena, &kexec, err);
    if (!code && !machine->in_memory)
        code = deploy_storage_make(request->db, machine->id, request->arena, &storage, err);
    json_object_set_new(task, "in_memory", json_boolean(machine->in_memory));
    json_object_set_new(task, "kexec", json_boolean(kexec));
    if (storage)
        json_object_set_new(task, "storage", storage);
    struct deploy_image wanted = {.folder = http_settings(request->http)->images,
                                  .osystem = facts.osystem,
                                  .series = facts.series,
                                  .architecture = facts.architecture,
                                  .kernel = facts.kernel};
    if (!code)
        code = deploy_image_find(request->db, &wanted, request->arena, &image, err);
    if (image.task)
        json_object_set_new(task, "image", image.task);
    if (image.kernel_package)
        json_object_set_new(task, "kernel_package", json_string(image.kernel_package));
    if (!code)
        code = script_packages_read(request, machine->id, &named, err);
    if (!code) /* of an image without a kernel */
        code = put_packages(request, &named, task, err);
    if (!code)
        code = make_files(request, machine, &facts, files, err);
    if (code)
        return code;
    add_apt(request->arena, &named, facts.osystem, files);
    json_object_set_new(task, "hostname", json_string(machine->hostname));
    json_object_set_new(task, "kernel_options",
                        json_string(kernel_options(request->arena, global, &facts)));
    return ERR_OK;
}

static enum error_code make_erase(struct api_request *request,
                                  const struct metadata_machine *machine, json_t *task,
                                  struct error *err)
{
    DB_STATEMENT(deploy_erase, "SELECT coalesce((erase_options ->> 'quick_erase')::bool, false), "
                               "coalesce((erase_options ->> 'secure_erase')::bool, false) "
                               "FROM node WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &deploy_erase,
                                    DB_PARAMS(db_number(request->arena, machine->id)), &rows, err);
    if (code)
        return code;
    json_object_set_new(task, "quick", json_boolean(db_bool(&rows, 0, 0)));
    json_object_set_new(task, "secure", json_boolean(db_bool(&rows, 0, 1)));
    return ERR_OK;
}

static enum error_code make_rescue(struct api_request *request,
                                   const struct metadata_machine *machine, json_t *task,
                                   struct error *err)
{
    const char *keys;
    enum error_code code =
        metadata_store_visitor_keys(request->db, machine, request->arena, &keys, err);
    if (!code)
        json_object_set_new(task, "ssh_keys", json_string(keys));
    return code;
}

static const char *task_of(const struct metadata_machine *machine)
{
    const struct machine_stay *stay = machine_status_stay(machine->status);
    bool done = (machine->status == MACHINE_NEW && machine->enlisted) ||
                (machine->status == MACHINE_DEPLOYING && !machine->netboot) ||
                (machine->status == MACHINE_DEPLOYED && !machine->in_memory);
    return stay && !done ? stay->task : "none";
}

/* Adds to a task what its kind needs. */
typedef enum error_code task_maker(struct api_request *request,
                                   const struct metadata_machine *machine, json_t *task,
                                   struct error *err);

enum error_code deploy_task_make(struct api_request *request,
                                 const struct metadata_machine *machine, json_t **task,
                                 struct error *err)
{
    const char *kind = task_of(machine);
    static const struct {
        const char *task;
        task_maker *make;
    } makers[] = {{"deploy", make_deploy},      {"erase", make_erase},  {"rescue", make_rescue},
                  {"commission", add_packages}, {"test", add_packages}, {"release", add_packages}};
    bool deploy = !strcmp(kind, "deploy");
    json_t *made = json_pack("{s:s, s:s, s:s}", "task", kind, "end", deploy ? "reboot" : "poweroff",
                             "system_id", machine->system_id);
    ASSERT(made);
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(makers); i++)
        if (!strcmp(makers[i].task, kind))
            code = makers[i].make(request, machine, made, err);
    if (code)
        json_decref(made);
    else
        *task = made;
    return code;
}

/*
 * add_chassis: a rack asks a chassis or a hypervisor for its machines, and each that is not known
 * yet becomes one of ours. The rack is asked behind the commit (api_after); what it found is
 * written in a transaction of its own, all or nothing, and asking again adds what is new since.
 * Source: MAAS API 2.0, machines.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/model/machine_name.h"
#include "src/model/power_driver.h"
#include "src/region/http.h"
#include "src/region/http_call.h"
#include "src/region/machine_power.h"
#include "src/region/machine_store.h"
#include "src/region/rack_door.h"
#include "src/region/routes.h"
#include "src/region/script_run.h"

enum { LIST_MS = 110000 };

/* What a kind of chassis takes besides its address. */
enum { LOGIN = 1, TOKEN = 2, PORT = 4, PROTOCOL = 8, PREFIX = 16, VERIFY = 32 };

static const struct kind {
    const char *name, *driver;
    unsigned takes;
} kinds[] = {
    {"hmcz", "hmcz", LOGIN | PREFIX},
    {"mscm", "mscm", LOGIN},
    {"msftocs", "msftocs", LOGIN | PORT},
    {"powerkvm", "virsh", PREFIX},
    {"proxmox", "proxmox", LOGIN | TOKEN | PREFIX | VERIFY},
    {"recs_box", "recs_box", LOGIN | PORT},
    {"ucsm", "ucsm", LOGIN},
    {"virsh", "virsh", PREFIX},
    {"vmware", "vmware", LOGIN | PORT | PROTOCOL | PREFIX},
};

/* All of it lives in the request's arena. */
struct job {
    const struct kind *kind;
    const char *hostname, *prefix, *rack, *domain_id;
    const char *parameters; /* of the driver, JSON, secrets in clear */
    bool accept_all;
    json_t *found; /* the rack's answer; owned */
    struct api_reply *reply;
    struct api_request *request;
};

/* ---- what is asked for ---- */

static const struct kind *read_kind(struct api_reply *reply, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    if (!strcmp(name, "seamicro15k"))
        api_field_error(reply, "chassis_type",
                        "A SeaMicro chassis is not asked for its machines here: add each with "
                        "power_type sm15k.");
    else
        api_field_error(reply, "chassis_type",
                        "Select a valid choice. %.40s is not one of hmcz, mscm, msftocs, powerkvm, "
                        "proxmox, recs_box, ucsm, virsh, vmware.",
                        name);
    return NULL;
}

/* The parameter, when it is given and this kind takes it. */
static void take(struct api_request *request, struct api_reply *reply, const struct kind *kind,
                 unsigned what, const char *const names[2], json_t *parameters)
{
    const char *text = api_param(request, names[0]);
    if (!text || !*text)
        return;
    if (!(kind->takes & what))
        api_field_error(reply, names[0], "%s is unavailable with the %s chassis type.", names[0],
                        kind->name);
    else if (json_object_set_new(parameters, names[1], json_string(text)))
        api_field_error(reply, names[0], "Not a text in UTF-8.");
}

static void take_all(struct api_request *request, struct api_reply *reply, const struct kind *kind,
                     json_t *parameters)
{
    static const struct {
        unsigned what;
        const char *names[2];
    } all[] = {{LOGIN, {"username", "power_user"}},
               {TOKEN, {"token_name", "power_token_name"}},
               {TOKEN, {"token_secret", "power_token_secret"}},
               {PORT, {"port", "power_port"}},
               {PROTOCOL, {"protocol", "power_protocol"}}};
    const char *password = api_param(request, "password");
    bool verify = false;
    struct error wrong;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        take(request, reply, kind, all[i].what, all[i].names, parameters);
    if (password && *password &&
        json_object_set_new(parameters, "power_pass", json_string(password)))
        api_field_error(reply, "password", "Not a text in UTF-8.");
    if (api_param_bool(request, "verify_ssl", &verify, &wrong))
        api_field_error(reply, "verify_ssl", "%s", wrong.text);
    if (kind->takes & VERIFY)
        json_object_set_new(parameters, "power_verify_ssl", json_string(verify ? "y" : "n"));
}

static void check_login(struct api_request *request, struct api_reply *reply,
                        const struct kind *kind, const json_t *parameters)
{
    bool token = json_object_get(parameters, "power_token_name") &&
                 json_object_get(parameters, "power_token_secret");
    if (kind->takes & LOGIN && !json_object_get(parameters, "power_user"))
        api_field_error(reply, "username", "No provided username!");
    if (kind->takes & LOGIN && !token && !json_object_get(parameters, "power_pass"))
        api_field_error(reply, "password", "No provided password!");
    const char *prefix = api_param(request, "prefix_filter");
    if (prefix && *prefix && !(kind->takes & PREFIX))
        api_field_error(reply, "prefix_filter",
                        "prefix_filter is unavailable with the %s chassis type.", kind->name);
    const char *control = api_param(request, "power_control");
    if (control && *control)
        api_field_error(reply, "power_control",
                        "power_control is unavailable with the %s chassis type.", kind->name);
}

static enum error_code read_places(struct api_request *request, struct api_reply *reply,
                                   struct job *job, struct error *err)
{
    DB_STATEMENT(
        machine_chassis_places,
        "SELECT (SELECT id FROM domain WHERE name = $1 OR id::text = $1 ORDER BY name = $1 "
        "DESC LIMIT 1), (SELECT system_id FROM node WHERE node_type IN (2, 4) AND "
        "(system_id = $2 OR hostname = $2) ORDER BY system_id = $2 DESC LIMIT 1)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *domain = api_param(request, "domain"),
               *rack = api_param(request, "rack_controller");
    enum error_code code =
        db_query(request->db, &machine_chassis_places, DB_PARAMS(domain, rack), &rows, err);
    if (code)
        return code;
    job->domain_id = arena_strdup(request->arena, db_text(&rows, 0, 0));
    job->rack = arena_strdup(request->arena, db_text(&rows, 0, 1));
    if (domain && *domain && !job->domain_id)
        api_field_error(reply, "domain", "Unable to find specified domain %.100s.", domain);
    if (rack && *rack && !job->rack)
        api_field_error(reply, "rack_controller", "Unable to find specified rack %.100s.", rack);
    return ERR_OK;
}

static enum error_code read_job(struct api_request *request, struct api_reply *reply,
                                struct job *job, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *parameters = json_object();
    const char *type;
    struct error wrong;
    enum error_code code = api_need(request, "chassis_type", &type, err);
    if (!code)
        code = api_need(request, "hostname", &job->hostname, err);
    if (!code)
        code = api_param_bool(request, "accept_all", &job->accept_all, err);
    if (!code)
        code = read_places(request, reply, job, err);
    if (code)
        return code;
    job->prefix = api_param(request, "prefix_filter");
    job->kind = read_kind(reply, type);
    if (!job->kind)
        return api_fields_valid(reply, err);
    if (json_object_set_new(parameters, "power_address", json_string(job->hostname)))
        api_field_error(reply, "hostname", "Not a text in UTF-8.");
    take_all(request, reply, job->kind, parameters);
    check_login(request, reply, job->kind, parameters);
    code = api_fields_valid(reply, err);
    if (!code && power_driver_check_bmc(power_driver_find(job->kind->driver), parameters, &wrong))
        code = error_set(err, ERR_BAD_INPUT, "%s", wrong.text);
    if (code)
        return code;
    job->parameters = json_out_dump(request->arena, parameters);
    return ERR_OK;
}

/* ---- what was found ---- */

/* A word of an answer as a host name, NULL when it cannot be one. */
static const char *hostname_of(struct arena *arena, const char *name)
{
    char *text = arena_strdup(arena, name);
    if (!machine_name_is_hostname(text))
        return NULL;
    for (char *p = text; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return text;
}

static bool read_macs(const json_t *one, struct arena *arena, struct machine_form *form)
{
    size_t i;
    json_t *each;
    json_array_foreach (json_object_get(one, "macs"), i, each) {
        const char *text = json_string_value(each);
        struct mac mac;
        if (!text || !mac_parse(text, &mac) || form->macs_count == MACHINE_MACS)
            return false;
        form->macs[form->macs_count++] = mac_format(mac, arena_alloc(arena, MAC_TEXT));
    }
    return form->macs_count > 0;
}

/* Texts that the database has: MAC addresses, host names of the domain. */
struct known {
    struct db_rows macs, names;
};

static bool has(const struct db_rows *rows, const char *text)
{
    int low = 0, high = rows->count;
    while (low < high) {
        int middle = low + (high - low) / 2, order = strcmp(db_text(rows, middle, 0), text);
        if (!order)
            return true;
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return false;
}

static enum error_code load_known(struct db *db, const struct job *job, struct known *known,
                                  struct error *err)
{
    DB_STATEMENT(machine_chassis_macs,
                 "SELECT DISTINCT i.mac::text COLLATE \"C\" FROM jsonb_array_elements($1::jsonb -> "
                 "'machines') x, jsonb_array_elements_text(x -> 'macs') m JOIN interface i ON "
                 "i.mac = m::macaddr ORDER BY 1");
    DB_STATEMENT(
        machine_chassis_names,
        "SELECT DISTINCT n.hostname COLLATE \"C\" FROM jsonb_array_elements($1::jsonb -> "
        "'machines') x JOIN node n ON n.hostname = lower(x ->> 'name') WHERE n.domain_id = "
        "coalesce($2::bigint, (SELECT id FROM domain WHERE is_default)) ORDER BY 1");
    char *text = json_dumps(job->found, JSON_COMPACT);
    ASSERT(text);
    enum error_code code = db_query(db, &machine_chassis_macs, DB_PARAMS(text), &known->macs, err);
    if (!code)
        code = db_query(db, &machine_chassis_names, DB_PARAMS(text, job->domain_id), &known->names,
                        err);
    free(text);
    return code;
}

static bool is_known(const struct known *known, const struct machine_form *form)
{
    for (int i = 0; i < form->macs_count; i++)
        if (has(&known->macs, form->macs[i]))
            return true;
    return false;
}

static enum error_code store_power(const struct job *job, const struct machine *made,
                                   const json_t *own, struct error *err)
{
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {
        .system_id = made->system_id,
        .type = job->kind->driver,
        .parameters = json_loads(job->parameters, 0, NULL),
        .changed = true};
    const struct power_driver *driver = power_driver_find(job->kind->driver);
    struct api_request *request = job->request;
    json_object_update(power.parameters, (json_t *)own);
    enum error_code code = power_driver_check(driver, power.parameters, err);
    return code ? error_wrap(err, "%s", made->hostname)
                : machine_power_store(request->db, http_settings(request->http)->ring, &power,
                                      request->arena, err);
}

/* Host names that the list has twice, or that somebody has, are made up. */
static const char *free_name(const struct job *job, const struct known *known, size_t index)
{
    json_t *machines = json_object_get(job->found, "machines");
    const char *name = json_string_value(json_object_get(json_array_get(machines, index), "name"));
    const char *hostname = name ? hostname_of(job->request->arena, name) : NULL;
    if (!hostname || has(&known->names, hostname))
        return NULL;
    for (size_t i = 0; i < index; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(machines, i), "name"));
        if (other && !strcasecmp(other, hostname))
            return NULL;
    }
    return hostname;
}

static enum error_code enlist(const struct job *job, const struct known *known, size_t index,
                              struct error *err)
{
    struct api_request *request = job->request;
    const json_t *one = json_array_get(json_object_get(job->found, "machines"), index);
    const char *name = json_string_value(json_object_get(one, "name"));
    const char *architecture = json_string_value(json_object_get(one, "architecture"));
    struct machine_form *form = ARENA_NEW(request->arena, struct machine_form);
    struct machine made;
    bool again;
    if (!name || !architecture || !read_macs(one, request->arena, form))
        return error_set(err, ERR_CORRUPT, "The rack's list of machines is malformed.");
    if ((job->prefix && strncmp(name, job->prefix, strlen(job->prefix)) != 0) ||
        is_known(known, form))
        return ERR_OK;
    form->hostname = free_name(job, known, index);
    form->domain_id = job->domain_id;
    form->architecture = arena_printf(request->arena, "%s/generic", architecture);
    enum error_code code = machine_store_create(request, job->reply, form, &made, &again, err);
    if (!code)
        code = store_power(job, &made, json_object_get(one, "parameters"), err);
    if (!code && job->accept_all) {
        code = machine_store_reload(request->db, &made, request->arena, err);
        code = code ? code : script_run_commission(request, &made, err);
    }
    return code;
}

static enum error_code tell(const struct job *job, struct error *err)
{
    DB_STATEMENT(machine_chassis_rack, "SELECT hostname FROM node WHERE system_id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *rack = json_string_value(json_object_get(job->found, "rack"));
    enum error_code code =
        db_query(job->request->db, &machine_chassis_rack, DB_PARAMS(rack), &rows, err);
    if (!code)
        api_reply_text(job->reply, 200, "Asking %s to add machines from chassis %s",
                       rows.count ? db_text(&rows, 0, 0) : rack, job->hostname);
    return code;
}

static enum error_code enlist_all(struct db *db, void *subject, struct error *err)
{
    const struct job *job = subject;
    struct known known = {0};
    size_t count = json_array_size(json_object_get(job->found, "machines"));
    enum error_code code = load_known(db, job, &known, err);
    for (size_t i = 0; i < count && !code; i++)
        code = enlist(job, &known, i, err);
    db_rows_close(&known.macs);
    db_rows_close(&known.names);
    return code ? code : tell(job, err);
}

/* Behind the commit. */
static enum error_code ask_chassis(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    struct job *job = request->after_subject;
    __attribute__((cleanup(json_decrefp))) json_t *parameters =
        json_loads(job->parameters, 0, NULL);
    const struct power_driver *driver = power_driver_find(job->kind->driver);
    char address[RACK_POWER_ADDRESS];
    const char *power;
    power_driver_host(driver, parameters, address, sizeof(address));
    struct rack_power_order order = {
        .request = request->call->id,
        .system_id = "chassis",
        .action = "list",
        .driver = driver->name,
        .parameters = parameters,
        .address = address,
        .rack = job->rack,
        .timeout_ms = LIST_MS,
        .result = &job->found,
    };
    job->request = request;
    job->reply = reply;
    enum error_code code = rack_door_power(&order, &power, err);
    if (code) /* of the chassis, not of who asks here */
        return code == ERR_TIMEOUT || code == ERR_BAD_INPUT
                   ? code
                   : error_set(err, ERR_UNAVAILABLE, "%s", arena_strdup(request->arena, err->text));
    code = db_transact(request->db, DB_WRITE, enlist_all, job, err);
    json_decref(job->found);
    return code;
}

enum error_code machines_add_chassis(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    struct job *job = ARENA_NEW(request->arena, struct job);
    enum error_code code = read_job(request, reply, job, err);
    if (!code)
        api_after(request, ask_chassis, job);
    return code;
}

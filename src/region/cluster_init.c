/*
 * `gantry cluster init`: a new cluster with this region as its only member. Every step may be done
 * again: a mark on disk says that an init has begun, and its removal ends it. Runs on a thread of
 * the control socket.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ha/floor.h"
#include "src/base/address.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/region/control_socket.h"
#include "src/region/loop_ask.h"
#include "src/region/member_file.h"
#include "src/region/preflight.h"
#include "src/region/user_store.h"
#include "src/wire/ca.h"
#include "src/wire/digest.h"

enum {
    FIRST_MEMBER = 1,
    ASK_MS = 5000,
    FACTS_MS = 15000,
    PRIMARY_MS = 120000,
    VIP_MS = 20000,
    POLL_US = 20000,
    PASSWORD_CHARS = 16,
};

struct init {
    struct control_call *call;
    struct region *region;
    const char *name, *admin, *password;
    bool password_made;
    const char *key; /* of the administrator, for the API */
    char ca_fingerprint[CERTIFICATE_FINGERPRINT];
};

static enum error_code read_params(struct init *init, struct error *err)
{
    struct control_call *call = init->call;
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    init->name = control_call_param(call, "name");
    init->admin = control_call_param(call, "admin_user");
    init->password = control_call_param(call, "admin_password");
    if (!init->name || !*init->name || strlen(init->name) > 40 ||
        init->name[strspn(init->name, plain)])
        return error_set(err, ERR_BAD_INPUT,
                         "name: expected up to 40 letters, digits, '.', '-' and '_'");
    if (!init->admin)
        init->admin = "admin";
    if (!*init->admin || strlen(init->admin) > 150 ||
        (init->admin[strspn(init->admin, plain)] && !strpbrk(init->admin, "@+")))
        return error_set(err, ERR_BAD_INPUT,
                         "admin_user: expected letters, digits and '@', '.', '+', '-', '_'");
    if (init->password && !*init->password)
        return error_set(err, ERR_BAD_INPUT, "admin_password: must not be empty");
    if (!init->password) {
        char *made = arena_alloc(call->arena, PASSWORD_CHARS + 1);
        digest_random_text(made, PASSWORD_CHARS);
        init->password = made;
        init->password_made = true;
    }
    return ERR_OK;
}

/* Is there something to do, and is it ours? */
static enum error_code check_begun(const struct init *init, bool *begun, struct error *err)
{
    const char *data_dir = init->region->settings.data_dir;
    char name[LIMIT_NAME];
    struct member_file member;
    if (init->region->removed)
        return error_set(err, ERR_CONFLICT,
                         "this region was removed from a cluster: empty %s while gantry-fenced is "
                         "stopped",
                         data_dir);
    enum error_code code = member_file_init_read(data_dir, name, err);
    *begun = code == ERR_OK;
    if (*begun && strcmp(name, init->name))
        return error_set(err, ERR_CONFLICT,
                         "an init of cluster %s has begun here and did not end: finish it with "
                         "--name %s, or empty %s while gantry-fenced is stopped",
                         name, name, data_dir);
    if (code && code != ERR_NOT_FOUND)
        return code;
    if (!*begun && member_file_read(data_dir, &member, err) != ERR_NOT_FOUND) {
        struct cluster_view view;
        cluster_read(&view);
        return error_set(err, ERR_CONFLICT,
                         "this region is a member of cluster %s already: `gantry status` shows it",
                         view.facts.name[0] ? view.facts.name : "(not known yet)");
    }
    return ERR_OK;
}

/* Nothing of a cluster that has no facts yet is worth keeping. */
static enum error_code wipe(const struct region *region, struct error *err)
{
    const struct region_paths *paths = &region->paths;
    char pg[LIMIT_PATH], pg_new[LIMIT_PATH + 8];
    snprintf(pg, sizeof(pg), "%s/pg", region->settings.data_dir);
    snprintf(pg_new, sizeof(pg_new), "%s.new", pg);
    const char *const trees[] = {paths->raft, paths->ca_dir, paths->tls_dir, paths->floor,
                                 pg,          pg_new};
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]) && !code; i++)
        code = file_remove_tree(trees[i], err);
    return code;
}

static enum error_code make_keys(const struct init *init, struct error *err)
{
    const struct region *region = init->region;
    const struct region_paths *paths = &region->paths;
    struct ip4_net vip;
    char vip_text[IP4_TEXT];
    struct seal_ring ring;
    struct ca *ca = NULL;
    bool parsed = ip4_net_parse(region->settings.vip_net, &vip);
    ASSERT(parsed);
    struct ca_subject subject = {
        .name = region->settings.name,
        .role = CA_ROLE_REGION,
        .names = {region->settings.address, ip4_format(vip.address, vip_text)},
        .names_count = 2,
    };
    enum error_code code = ca_create(paths->ca_dir, init->name, err);
    code = code ? code : file_make_folders(paths->tls_dir, 0700, err);
    code = code ? code : ca_open(paths->ca_dir, &ca, err);
    code = code ? code : ca_issue(ca, &subject, paths->certificate, paths->key, err);
    ca_free(ca);
    seal_ring_make(&ring);
    return code ? code : seal_ring_write(paths->ring, &ring, err);
}

struct opening {
    struct region *region;
    enum error_code code;
    struct error err;
};

static void open_on_loop(void *subject)
{
    struct opening *opening = subject;
    opening->code = region_open(opening->region, true, &opening->err);
}

/* From nothing to a running member without facts. */
static enum error_code make_member(struct init *init, struct error *err)
{
    struct region *region = init->region;
    const char *data_dir = region->settings.data_dir;
    struct member_file member = {.id = FIRST_MEMBER};
    struct floor_values none = {0}, floor = {.lease = {.version = 1}};
    snprintf(member.name, sizeof(member.name), "%s", region->settings.name);
    control_call_progress(init->call, "looking at this host");
    enum error_code code = preflight_check(region, err);
    code = code ? code : member_file_init_begin(data_dir, init->name, err);
    code = code ? code : wipe(region, err);
    if (code)
        return code;
    control_call_progress(init->call, "certificate authority and keys");
    code = make_keys(init, err);
    code = code ? code : member_file_write(data_dir, &member, err);
    code = code ? code : floor_raise(region->paths.floor, &none, &floor, err);
    if (code)
        return code;
    control_call_progress(init->call, "consensus log");
    struct opening opening = {.region = region};
    loop_ask(&region->loop, open_on_loop, &opening);
    if (opening.code)
        *err = opening.err;
    return opening.code;
}

/* ---- facts ---- */

static enum error_code wait_for_facts(struct cluster_view *view, struct error *err)
{
    uint64_t end = clock_boot_ns() + FACTS_MS * CLOCK_MS;
    for (;;) {
        cluster_read(view);
        if (view->known && view->leads)
            return ERR_OK;
        if (clock_boot_ns() > end)
            return error_set(err, ERR_TIMEOUT,
                             "this region does not lead its own consensus: see "
                             "the log of gantry-regiond");
        usleep(POLL_US);
    }
}

static enum error_code ask_init(struct init *init, struct error *err)
{
    const struct settings *settings = &init->region->settings;
    struct certificate ca, own;
    struct command command;
    uint8_t id[(CLUSTER_ID - 1) / 2];
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_INIT;
    struct command_init *facts = &command.init;
    struct cluster_member *member = &facts->member;
    enum error_code code = certificate_read(init->region->paths.ca, &ca, err);
    code = code ? code : certificate_read(init->region->paths.certificate, &own, err);
    if (code)
        return code;
    digest_random(id, sizeof(id));
    digest_hex(id, sizeof(id), facts->cluster_id);
    snprintf(facts->cluster_name, sizeof(facts->cluster_name), "%s", init->name);
    snprintf(facts->ca_fingerprint, sizeof(facts->ca_fingerprint), "%s", ca.fingerprint);
    member->id = FIRST_MEMBER;
    snprintf(member->name, sizeof(member->name), "%s", settings->name);
    snprintf(member->address, sizeof(member->address), "%s", settings->address);
    snprintf(member->serial, sizeof(member->serial), "%s", own.serial);
    member->ports[CLUSTER_PORT_RAFT] = (uint32_t)settings->raft_port;
    member->ports[CLUSTER_PORT_RACK] = (uint32_t)settings->rack_port;
    member->ports[CLUSTER_PORT_HOP] = (uint32_t)settings->hop_port;
    member->ports[CLUSTER_PORT_POSTGRES] = (uint32_t)settings->pg_port;
    member->ports[CLUSTER_PORT_HEALTH] = (uint32_t)settings->health_port;
    member->ports[CLUSTER_PORT_HTTPS] = (uint32_t)settings->https_port;
    for (int i = 0; i < CLUSTER_LEASES; i++)
        facts->lease_ms[i] = settings_timing(settings)->lease_ms;
    return cluster_ask(&command, ASK_MS, err);
}

static enum error_code ask_vip(const struct init *init, struct error *err)
{
    const struct settings *settings = &init->region->settings;
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_VIP_DEFINE;
    snprintf(command.vip_define.net, CLUSTER_NET, "%s", settings->vip_net);
    snprintf(command.vip_define.interface, CLUSTER_INTERFACE, "%s", settings->vip_interface);
    command.vip_define.http_port = (uint32_t)settings->http_port;
    command.vip_define.https_port = (uint32_t)settings->https_port;
    return cluster_ask(&command, ASK_MS, err);
}

static enum error_code make_facts(struct init *init, struct error *err)
{
    struct cluster_view view;
    enum error_code code = wait_for_facts(&view, err);
    if (!code && !view.facts.name[0])
        code = ask_init(init, err);
    if (!code && !view.facts.vips_count)
        code = ask_vip(init, err);
    return code;
}

/* ---- database, administrator, endpoint ---- */

static enum error_code wait_for_primary(struct init *init, struct error *err)
{
    uint64_t end = clock_boot_ns() + PRIMARY_MS * CLOCK_MS;
    char last[sizeof(((struct region_report *)0)->pg_step)] = "";
    struct region_report report;
    for (;;) {
        region_read(&report);
        if (report.serves)
            return ERR_OK;
        const char *problem = report.pg_problem[0] ? report.pg_problem : report.api_problem;
        if (strcmp(last, report.pg_step) && report.member)
            control_call_progress(init->call, "database: %s", report.pg_step);
        memcpy(last, report.pg_step, sizeof(last));
        if (clock_boot_ns() > end)
            return error_set(err, ERR_TIMEOUT,
                             "the database does not serve after %d s (%s): mend that and run the "
                             "same command again",
                             PRIMARY_MS / 1000, *problem ? problem : report.pg_step);
        usleep(POLL_US);
    }
}

static enum error_code make_admin(struct init *init, struct error *err)
{
    const struct user_new user = {init->admin, "", init->password, true};
    const char *conninfo = region_primary(init->call->arena);
    if (!conninfo)
        return error_set(err, ERR_UNAVAILABLE,
                         "the database has just gone again: run the same command again");
    struct db *db = db_new(conninfo);
    enum error_code code =
        user_store_create_admin(db, &init->region->ring, &user, init->call->arena, &init->key, err);
    db_free(db);
    return code ? error_wrap(err, "administrator %s", init->admin) : ERR_OK;
}

static enum error_code wait_for_endpoint(const struct init *init, struct error *err)
{
    uint64_t end = clock_boot_ns() + VIP_MS * CLOCK_MS;
    struct region_report report;
    for (;;) {
        region_read(&report);
        if (report.held_count && report.balancer_runs)
            return ERR_OK;
        if (clock_boot_ns() > end)
            return error_set(err, ERR_TIMEOUT,
                             "the API's endpoint is not up after %d s: %s; mend that and run the "
                             "same command again",
                             VIP_MS / 1000,
                             report.balancer_problem[0] ? report.balancer_problem
                             : report.vip_problem[0]    ? report.vip_problem
                                                        : init->region->settings.vip_net);
        usleep(POLL_US);
    }
}

static void fill_reply(const struct init *init, json_t *reply)
{
    const struct settings *settings = &init->region->settings;
    struct cluster_view view;
    struct ip4_net vip;
    char text[IP4_TEXT];
    cluster_read(&view);
    bool parsed = ip4_net_parse(settings->vip_net, &vip);
    ASSERT(parsed);
    ip4_format(vip.address, text);
    const struct {
        const char *name, *value;
    } rows[] = {
        {"cluster", view.facts.name},
        {"cluster_id", view.facts.id},
        {"region", settings->name},
        {"api_url",
         arena_printf(init->call->arena, "http://%s:%d/MAAS/", text, settings->http_port)},
        {"ca_file", init->region->paths.ca},
        {"admin_user", init->admin},
        {"api_key", init->key},
        {"admin_password", init->password_made ? init->password : NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].value)
            json_object_set_new(reply, rows[i].name, json_string(rows[i].value));
}

struct look {
    const struct region *region;
    bool is_member;
};

static void look_on_loop(void *subject)
{
    struct look *look = subject;
    look->is_member = look->region->replica != NULL;
}

static enum error_code run_steps(struct init *init, json_t *reply, struct error *err)
{
    bool begun;
    struct look look = {.region = init->region};
    enum error_code code = check_begun(init, &begun, err);
    /* The loop answers when the start has ended: this socket is there earlier than the log of an
     * existing member is open, and who is taken for no member is wiped. */
    loop_ask(&init->region->loop, look_on_loop, &look);
    if (!code && !look.is_member) {
        code = make_member(init, err);
        if (code && init->region->replica == NULL && init->region->reconcile)
            error_wrap(err, "gantry-regiond must start again");
    }
    code = code ? code : make_facts(init, err);
    code = code ? code : wait_for_primary(init, err);
    if (code)
        return code;
    control_call_progress(init->call, "administrator %s", init->admin);
    code = make_admin(init, err);
    if (code)
        return code;
    control_call_progress(init->call, "virtual IP %s", init->region->settings.vip_net);
    code = wait_for_endpoint(init, err);
    if (code)
        return code;
    fill_reply(init, reply);
    member_file_init_end(init->region->settings.data_dir);
    return ERR_OK;
}

enum error_code cluster_init_run(struct control_call *call, json_t *reply, struct error *err)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    struct init init = {.call = call, .region = call->region};
    enum error_code code = read_params(&init, err);
    if (code)
        return code;
    if (pthread_mutex_trylock(&one))
        return error_set(err, ERR_BUSY, "another cluster init is at work on this host");
    code = run_steps(&init, reply, err);
    pthread_mutex_unlock(&one);
    return code;
}

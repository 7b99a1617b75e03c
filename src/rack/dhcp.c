/* The DHCPv4 server of the rack: see dhcp.h. */
#include "src/rack/dhcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/rack/dhcp_commit.h"
#include "src/rack/dhcp_service.h"
#include "src/rack/dhcp_socket.h"

enum { REPORT_MOST = 256, LOG_EVERY_S = 60 };

struct dhcp {
    struct loop *loop;
    struct fence_link *fence;
    struct dhcp_service service;
    struct dhcp_lease_file file;
    struct dhcp_commit *commit;
    struct interfaces interfaces;
    int socket_count;
    struct dhcp_socket *socket[LIMIT_INTERFACES];
    char config_path[LIMIT_PATH];
    struct save *saving;
    char *save_next;
    struct log_gate gates[DHCP_REASON_COUNT], malformed_gate, full_gate, socket_gate, disk_gate;
};

/* A configuration on its way to disk: one at a time, so that the last one wins. */
struct save {
    struct dhcp *dhcp; /* NULL when it was closed meanwhile */
    char path[LIMIT_PATH];
    char *text;
    struct error err;
    enum error_code code;
};

static void log_gated(struct log_gate *gate, enum log_level level, const char *what)
{
    unsigned long held;
    if (!log_gate_open(gate, LOG_EVERY_S, &held))
        return;
    if (held)
        log_write(level, "dhcp: %s (and %lu times since the last such line)", what, held);
    else
        log_write(level, "dhcp: %s", what);
}

static struct dhcp_socket *find_socket(const struct dhcp *dhcp, unsigned index)
{
    for (int i = 0; i < dhcp->socket_count; i++)
        if (dhcp_socket_interface(dhcp->socket[i])->index == index)
            return dhcp->socket[i];
    return NULL;
}

static void send_reply(struct dhcp *dhcp, unsigned interface, const struct dhcp_target *target,
                       uint8_t type, const void *bytes, size_t size)
{
    struct dhcp_socket *socket = find_socket(dhcp, interface);
    if (socket && dhcp_socket_send(socket, target, bytes, size))
        dhcp->service.statistics.sent[type]++;
    else
        dhcp->service.statistics.send_failures++;
}

/* Only now may the clients hear of their leases. */
static void on_committed(void *owner, const struct dhcp_pending *batch, const struct error *err)
{
    struct dhcp *dhcp = owner;
    if (err) {
        char text[sizeof(err->text) + 64];
        snprintf(text, sizeof(text), "leases are not given: %s", err->text);
        log_gated(&dhcp->disk_gate, LOG_ERROR, text);
        return;
    }
    for (const struct dhcp_pending *pending = batch; pending; pending = pending->next) {
        dhcp_leases_mark(dhcp->service.leases, pending->lease.address);
        if (pending->size)
            send_reply(dhcp, pending->interface, &pending->target, pending->reply, pending->bytes,
                       pending->size);
    }
}

/* One line a minute for each reason that asks for a person. */
static void log_outcome(struct dhcp *dhcp, const struct dhcp_outcome *outcome,
                        const struct interface *interface)
{
    char text[sizeof(outcome->err.text) + 128], mac[MAC_TEXT], address[IP4_TEXT];
    mac_format(outcome->mac, mac);
    if (outcome->code) {
        snprintf(text, sizeof(text), "%s: %s", interface->name, outcome->err.text);
        log_gated(outcome->code == ERR_LIMIT ? &dhcp->full_gate : &dhcp->malformed_gate,
                  LOG_WARNING, text);
    } else if (outcome->durable && outcome->lease.kind == DHCP_LEASE_DECLINED) {
        log_warning("dhcp: %s: %s is in use by something without a lease, says %s", interface->name,
                    ip4_format(outcome->lease.address, address), mac);
    } else if (outcome->reason == DHCP_EXHAUSTED || outcome->reason == DHCP_CLOCK_BEHIND ||
               outcome->reason == DHCP_REFUSED || outcome->reply == DHCP_NAK) {
        snprintf(text, sizeof(text), "%s: %s from %s: %s", interface->name,
                 dhcp_packet_type_name(outcome->type), mac, dhcp_reason_text(outcome->reason));
        log_gated(&dhcp->gates[outcome->reason], LOG_WARNING, text);
    }
}

static void on_received(void *owner, const struct interface *interface, const void *bytes,
                        size_t size, ip4 to)
{
    struct dhcp *dhcp = owner;
    struct dhcp_outcome outcome;
    struct dhcp_arrival arrival = {bytes, size, interface, to, clock_real_ms() / 1000};
    dhcp_service_receive(&dhcp->service, &arrival, &outcome);
    log_outcome(dhcp, &outcome, interface);
    if (outcome.durable) {
        if (!dhcp_commit_put(dhcp->commit, &outcome, interface->index)) {
            dhcp->service.statistics.full++;
            log_gated(&dhcp->full_gate, LOG_WARNING, "the disk is slow: requests are dropped");
        }
    } else if (outcome.size) {
        send_reply(dhcp, interface->index, &outcome.target, outcome.reply, outcome.writer.bytes,
                   outcome.size);
    }
}

static void on_failed(void *owner, const struct interface *interface, const char *why)
{
    struct dhcp *dhcp = owner;
    char text[FENCE_TEXT + 64];
    snprintf(text, sizeof(text), "%s: %s", interface->name, why);
    log_gated(&dhcp->socket_gate, LOG_ERROR, text);
}

/* One socket for each interface that is up and has something to serve; a new one when it was down
 * or made anew, for the old one may be deaf. */
static void fit_sockets(struct dhcp *dhcp)
{
    static const struct dhcp_socket_events events = {on_received, on_failed};
    int kept = 0;
    for (int i = 0; i < dhcp->socket_count; i++) {
        const char *name = dhcp_socket_interface(dhcp->socket[i])->name;
        const struct interface *now = interfaces_find(&dhcp->interfaces, name);
        if (now && now->up && now->index == dhcp_socket_interface(dhcp->socket[i])->index &&
            dhcp_service_wants(&dhcp->service, &dhcp->interfaces, now)) {
            dhcp_socket_set_interface(dhcp->socket[i], now);
            dhcp->socket[kept++] = dhcp->socket[i];
            continue;
        }
        log_info("dhcp: not on %s any more", name);
        dhcp_socket_close(dhcp->socket[i]);
    }
    dhcp->socket_count = kept;
    for (int i = 0; i < dhcp->interfaces.count; i++) {
        const struct interface *now = &dhcp->interfaces.interface[i];
        if (!now->up || find_socket(dhcp, now->index) ||
            !dhcp_service_wants(&dhcp->service, &dhcp->interfaces, now))
            continue;
        log_info("dhcp: on %s", now->name);
        dhcp->socket[dhcp->socket_count++] =
            dhcp_socket_new(dhcp->loop, dhcp->fence, now, &events, dhcp);
    }
}

static void load_config(struct dhcp *dhcp)
{
    struct dhcp_config *config;
    struct error err;
    enum error_code code = dhcp_config_load(dhcp->config_path, &config, &err);
    if (!code)
        dhcp_service_configure(&dhcp->service, config);
    else if (code != ERR_NOT_FOUND)
        log_error("dhcp: the last configuration is not usable, the region's next one will be: %s",
                  err.text);
}

enum error_code dhcp_new(const struct dhcp_settings *settings, struct dhcp **out, struct error *err)
{
    char path[LIMIT_PATH];
    uint64_t now_s = clock_real_ms() / 1000;
    struct dhcp *dhcp = calloc(1, sizeof(*dhcp));
    ASSERT(dhcp);
    dhcp->loop = settings->loop;
    dhcp->fence = settings->fence;
    dhcp_service_init(&dhcp->service);
    snprintf(dhcp->config_path, sizeof(dhcp->config_path), "%s/dhcp.json", settings->data_dir);
    snprintf(path, sizeof(path), "%s/dhcp.leases", settings->data_dir);
    enum error_code code =
        dhcp_lease_file_open(&dhcp->file, path, now_s, dhcp->service.leases, err);
    if (code) {
        dhcp_service_close(&dhcp->service);
        free(dhcp);
        return error_wrap(err, "leases");
    }
    if (dhcp->file.found[0])
        log_warning("dhcp: %s: %s", path, dhcp->file.found);
    dhcp->service.last_time_s = dhcp->file.last_time_s;
    dhcp_leases_mark_all(dhcp->service.leases);
    dhcp->commit = dhcp_commit_new(dhcp->loop, &dhcp->file, &dhcp->service, on_committed, dhcp);
    load_config(dhcp);
    *out = dhcp;
    return ERR_OK;
}

void dhcp_close(struct dhcp *dhcp)
{
    if (!dhcp)
        return;
    dhcp_commit_free(dhcp->commit); /* its replies still find the sockets */
    for (int i = 0; i < dhcp->socket_count; i++)
        dhcp_socket_close(dhcp->socket[i]);
    if (dhcp->saving)
        dhcp->saving->dhcp = NULL;
    free(dhcp->save_next);
    dhcp_service_close(&dhcp->service);
    free(dhcp);
}

void dhcp_set_interfaces(struct dhcp *dhcp, const struct interfaces *interfaces)
{
    dhcp->interfaces = *interfaces;
    fit_sockets(dhcp);
}

const char *dhcp_version(const struct dhcp *dhcp)
{
    return dhcp->service.config ? dhcp->service.config->version : "";
}

static void save(void *subject)
{
    struct save *job = subject;
    job->code = dhcp_config_save(job->path, job->text, &job->err);
}

static void start_save(struct dhcp *dhcp);

static void saved(void *subject)
{
    struct save *job = subject;
    struct dhcp *dhcp = job->dhcp;
    if (job->code)
        log_error("dhcp: the configuration is in use but not kept: %s", job->err.text);
    free(job->text);
    free(job);
    if (!dhcp)
        return;
    dhcp->saving = NULL;
    start_save(dhcp);
}

static void start_save(struct dhcp *dhcp)
{
    if (dhcp->saving || !dhcp->save_next)
        return;
    struct save *job = calloc(1, sizeof(*job));
    ASSERT(job);
    job->dhcp = dhcp;
    job->text = dhcp->save_next;
    memcpy(job->path, dhcp->config_path, sizeof(job->path));
    dhcp->save_next = NULL;
    dhcp->saving = job;
    loop_run_blocking(dhcp->loop, save, saved, job);
}

enum error_code dhcp_configure(struct dhcp *dhcp, const json_t *document, struct error *err)
{
    struct dhcp_config *config;
    const char *version = json_string_value(json_object_get(document, "version"));
    if (version && !json_object_get(document, "networks") && !strcmp(version, dhcp_version(dhcp)))
        return ERR_OK;
    enum error_code code = dhcp_config_parse(document, &config, err);
    if (code)
        return error_wrap(err, "DHCP document");
    dhcp_service_configure(&dhcp->service, config);
    free(dhcp->save_next);
    dhcp->save_next = json_dumps(document, JSON_COMPACT);
    ASSERT(dhcp->save_next);
    start_save(dhcp);
    fit_sockets(dhcp);
    log_info("dhcp: configuration %.12s with %d networks", config->version, config->count);
    return ERR_OK;
}

static json_t *lease_to_json(const struct dhcp_lease *lease)
{
    char mac[MAC_TEXT], address[IP4_TEXT];
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:b}", "mac", mac_format(lease->mac, mac), "address",
                  ip4_format(lease->address, address), "hostname", lease->hostname, "expires_s",
                  (json_int_t)lease->expires_s, "gone", lease->kind != DHCP_LEASE_BOUND);
    ASSERT(json);
    return json;
}

json_t *dhcp_take_changes(struct dhcp *dhcp)
{
    struct dhcp_lease *leases = calloc(REPORT_MOST, sizeof(*leases));
    json_t *list = json_array(), *params = NULL;
    ASSERT(leases && list);
    int count = dhcp_leases_take_marked(dhcp->service.leases, leases, REPORT_MOST);
    for (int i = 0; i < count; i++)
        if (leases[i].kind != DHCP_LEASE_OFFERED)
            json_array_append_new(list, lease_to_json(&leases[i]));
    if (json_array_size(list))
        params = json_pack("{s:O}", "leases", list);
    json_decref(list);
    free(leases);
    return params;
}

void dhcp_give_back_changes(struct dhcp *dhcp, const json_t *params)
{
    const json_t *list = json_object_get(params, "leases"), *item;
    size_t i;
    json_array_foreach (list, i, item) {
        ip4 address;
        const char *text = json_string_value(json_object_get(item, "address"));
        if (text && ip4_parse(text, &address))
            dhcp_leases_mark(dhcp->service.leases, address);
    }
}

void dhcp_write_metrics(const struct dhcp *dhcp, struct spool *spool)
{
    int open = 0;
    for (int i = 0; i < dhcp->socket_count; i++)
        open += dhcp_socket_is_open(dhcp->socket[i]);
    dhcp_service_metrics(&dhcp->service, spool);
    spool_printf(spool,
                 "# HELP gantry_dhcp_interfaces Interfaces that are served.\n"
                 "# TYPE gantry_dhcp_interfaces gauge\ngantry_dhcp_interfaces %d\n",
                 open);
}

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
#include "src/rack/dhcp_term.h"

enum { REPORT_MOST = 256, LOG_EVERY_S = 60, RENEW_S = 60 };

struct dhcp {
    struct loop *loop;
    struct fence_link *fence;
    void (*hungry)(void);
    struct dhcp_service service;
    struct dhcp_lease_file file;
    struct dhcp_commit *commit;
    struct interfaces interfaces;
    int socket_count;
    struct dhcp_socket *socket[LIMIT_INTERFACES];
    struct dhcp_term term;
    struct dhcp_save config; /* the last good document */
    uint64_t sequence;       /* of the last lease on disk */
    struct {                 /* how the document in use is confirmed: confirms() */
        uint64_t put, done;  /* leases on their way to disk, and those that came to an end */
        uint64_t put_goal;   /* those before the document was taken */
        uint64_t told, goal; /* changes: told to a region; to be told, 0 = not known yet */
        int64_t number;      /* that a region has heard */
        int64_t refused;     /* the last document that could not be taken */
    } confirm;
    struct log_gate gates[DHCP_REASON_COUNT], malformed_gate, full_gate, socket_gate, disk_gate;
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
    for (const struct dhcp_pending *pending = batch; pending; pending = pending->next)
        dhcp->confirm.done++;
    if (err) {
        char text[sizeof(err->text) + 64];
        snprintf(text, sizeof(text), "leases are not given: %s", err->text);
        log_gated(&dhcp->disk_gate, LOG_ERROR, text);
        return;
    }
    dhcp->sequence = dhcp->file.sequence; /* the thread waits for its next batch */
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
    struct dhcp_arrival arrival = {bytes, size, interface, to, dhcp_term_now_s(&dhcp->term)};
    dhcp_service_receive(&dhcp->service, &arrival, &outcome);
    log_outcome(dhcp, &outcome, interface);
    if (dhcp->hungry && dhcp_service_is_hungry(&dhcp->service))
        dhcp->hungry();
    if (outcome.durable) {
        if (dhcp_commit_put(dhcp->commit, &outcome, interface->index)) {
            dhcp->confirm.put++;
        } else {
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
    enum error_code code = dhcp_config_load(dhcp->config.path, &config, &err);
    dhcp->config.kept = !code;
    if (!code)
        dhcp_service_configure(&dhcp->service, config);
    else if (code != ERR_NOT_FOUND)
        log_error("dhcp: the last configuration is not usable, the region's next one will be: %s",
                  err.text);
}

enum error_code dhcp_new(const struct dhcp_settings *settings, struct dhcp **out, struct error *err)
{
    char path[LIMIT_PATH], term[LIMIT_PATH];
    uint64_t now_s = clock_real_ms() / 1000; /* what is long dead is left out */
    struct dhcp *dhcp = calloc(1, sizeof(*dhcp));
    ASSERT(dhcp);
    dhcp->loop = settings->loop;
    dhcp->fence = settings->fence;
    dhcp->hungry = settings->hungry;
    dhcp_service_init(&dhcp->service);
    dhcp->config = (struct dhcp_save){.loop = dhcp->loop, .what = "the configuration"};
    snprintf(dhcp->config.path, LIMIT_PATH, "%s/dhcp.json", settings->data_dir);
    snprintf(path, sizeof(path), "%s/dhcp.leases", settings->data_dir);
    enum error_code code =
        dhcp_lease_file_open(&dhcp->file, path, now_s, dhcp->service.leases, err);
    snprintf(term, sizeof(term), "%s/dhcp.term", settings->data_dir);
    if (!code &&
        (code = dhcp_term_open(&dhcp->term, dhcp->loop, term, &dhcp->file, &dhcp->service, err)))
        dhcp_lease_file_close(&dhcp->file);
    if (code) {
        dhcp_service_close(&dhcp->service);
        free(dhcp);
        return error_wrap(err, "leases");
    }
    if (dhcp->file.found[0])
        log_warning("dhcp: %s: %s", path, dhcp->file.found);
    dhcp->sequence = dhcp->file.sequence;
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
    dhcp_save_close(&dhcp->config);
    dhcp_term_close(&dhcp->term);
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

/* The region hears that a document is in use once no restart brings back the one before, and it
 * knows of all leases that were given by that one. */
static bool confirms(struct dhcp *dhcp)
{
    if (!dhcp->service.config || !dhcp->config.kept || dhcp->confirm.done < dhcp->confirm.put_goal)
        return false;
    if (!dhcp->confirm.goal)
        dhcp->confirm.goal = dhcp_leases_marked(dhcp->service.leases) + 1;
    return dhcp->confirm.told + 1 >= dhcp->confirm.goal;
}

bool dhcp_wants_config(struct dhcp *dhcp)
{
    return !dhcp_term_is_bound(&dhcp->term) ||
           (confirms(dhcp) && dhcp->confirm.number != dhcp->service.config->number);
}

json_t *dhcp_config_question(struct dhcp *dhcp, struct dhcp_asked *asked)
{
    asked->owner = dhcp->term.owner;
    asked->number = confirms(dhcp) ? dhcp->service.config->number : dhcp->confirm.number;
    json_t *params = json_pack("{s:s, s:I, s:I, s:I}", "version", dhcp_version(dhcp), "number",
                               (json_int_t)asked->number, "owner", (json_int_t)asked->owner,
                               "refused", (json_int_t)dhcp->confirm.refused);
    ASSERT(params);
    return params;
}

static enum error_code take_document(struct dhcp *dhcp, const json_t *document, struct error *err)
{
    struct dhcp_config *config;
    enum error_code code = dhcp_config_parse(document, &config, err);
    if (code) {
        json_int_t number = json_integer_value(json_object_get(document, "number"));
        dhcp->confirm.refused = number > 0 ? number : 0;
        return error_wrap(err, "DHCP document");
    }
    dhcp_service_configure(&dhcp->service, config);
    dhcp->confirm.put_goal = dhcp->confirm.put;
    dhcp->confirm.goal = 0;
    dhcp_save_put(&dhcp->config, json_dumps(document, JSON_COMPACT));
    fit_sockets(dhcp);
    log_info("dhcp: configuration %.12s with %d networks", config->version, config->count);
    return ERR_OK;
}

/* Is it the one in use, named by its version or told in whole once more? */
static bool is_in_use(const struct dhcp *dhcp, const json_t *document)
{
    const struct dhcp_config *config = dhcp->service.config;
    const json_t *number = json_object_get(document, "number");
    const char *version = json_string_value(json_object_get(document, "version"));
    bool whole = json_object_get(document, "networks") != NULL;
    return config && version && !strcmp(version, config->version) &&
           (number ? json_integer_value(number) == config->number : !whole);
}

enum error_code dhcp_configure(struct dhcp *dhcp, const json_t *document,
                               const struct dhcp_asked *asked, struct error *err)
{
    dhcp->confirm.number = asked->number;
    enum error_code code = is_in_use(dhcp, document) ? ERR_OK : take_document(dhcp, document, err);
    if (!code)
        dhcp_term_bind(&dhcp->term, asked->owner);
    return code;
}

static json_t *lease_to_json(const struct dhcp_lease *lease)
{
    char mac[MAC_TEXT], address[IP4_TEXT];
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "mac", mac_format(lease->mac, mac), "address",
                  ip4_format(lease->address, address), "hostname", lease->hostname, "expires_s",
                  (json_int_t)lease->expires_s, "duration_s", (json_int_t)lease->duration_s, "gone",
                  lease->kind != DHCP_LEASE_BOUND);
    ASSERT(json);
    return json;
}

json_t *dhcp_take_changes(struct dhcp *dhcp)
{
    struct dhcp_lease *leases = calloc(REPORT_MOST, sizeof(*leases));
    json_t *list = json_array(), *params = NULL;
    ASSERT(leases && list);
    dhcp->confirm.told = dhcp_leases_taken(dhcp->service.leases); /* else it was given back */
    int count = dhcp_leases_take_marked(dhcp->service.leases, leases, REPORT_MOST);
    for (int i = 0; i < count; i++)
        if (leases[i].kind != DHCP_LEASE_OFFERED)
            json_array_append_new(list, lease_to_json(&leases[i]));
    if (json_array_size(list))
        params = json_pack("{s:O, s:I, s:s, s:I}", "leases", list, "now_s",
                           (json_int_t)dhcp_term_now_s(&dhcp->term), "store", dhcp->term.store,
                           "sequence", (json_int_t)dhcp->sequence);
    json_decref(list);
    free(leases);
    return params;
}

void dhcp_give_back_changes(struct dhcp *dhcp, const json_t *params)
{
    const json_t *list = json_object_get(params, "leases"), *item;
    size_t i;
    dhcp->confirm.goal = 0;
    json_array_foreach (list, i, item) {
        ip4 address;
        const char *text = json_string_value(json_object_get(item, "address"));
        if (text && ip4_parse(text, &address))
            dhcp_leases_mark(dhcp->service.leases, address);
    }
}

/* ---- blocks, and what other racks gave ---- */

bool dhcp_wants_blocks(const struct dhcp *dhcp)
{
    return dhcp_service_is_hungry(&dhcp->service);
}

bool dhcp_has_news(const struct dhcp *dhcp)
{
    return dhcp->sequence != dhcp->term.confirmed;
}

int dhcp_renew_s(const struct dhcp *dhcp)
{
    uint32_t quarter_s = dhcp->term.term_s / 4;
    return quarter_s < RENEW_S ? (int)quarter_s : RENEW_S;
}

void dhcp_give_back(struct dhcp *dhcp)
{
    dhcp_term_give_back(&dhcp->term);
    if (dhcp->term.back.count)
        log_info("dhcp: %d blocks of addresses are not needed any more", dhcp->term.back.count);
}

void dhcp_calm(struct dhcp *dhcp)
{
    dhcp_service_calm(&dhcp->service);
}

json_t *dhcp_question(struct dhcp *dhcp, uint64_t *sequence)
{
    *sequence = dhcp->sequence;
    return dhcp_term_question(&dhcp->term, dhcp->sequence);
}

enum error_code dhcp_take_blocks(struct dhcp *dhcp, const json_t *answer, uint64_t asked_ns,
                                 uint64_t sequence, struct error *err)
{
    int before = dhcp->service.blocks.count;
    enum error_code code = dhcp_term_take(&dhcp->term, answer, asked_ns, sequence, err);
    if (!code && dhcp->service.blocks.count != before)
        log_info("dhcp: %d blocks of addresses to give from", dhcp->service.blocks.count);
    return code;
}

void dhcp_resume(struct dhcp *dhcp)
{
    dhcp_term_resume(&dhcp->term);
}

bool dhcp_is_behind(const struct dhcp *dhcp, const json_t *answer)
{
    json_int_t known = json_integer_value(json_object_get(answer, "known"));
    return known > 0 &&
           (uint64_t)known > dhcp->sequence; /* else they were told after the question */
}

void dhcp_take_new_store(struct dhcp *dhcp)
{
    log_warning("dhcp: a region knows of leases that are missing here: going on as a new store, "
                "with other addresses");
    dhcp_term_take_new_store(&dhcp->term, &dhcp->file);
}

void dhcp_set_lost(struct dhcp *dhcp, bool (*lost)(void *subject, const char *rack), void *subject)
{
    struct dhcp_service *service = &dhcp->service;
    for (int i = 0; service->config && i < service->config->count; i++) {
        const struct dhcp_network *network = &service->config->network[i];
        bool alone = network->partner[0] && lost(subject, network->partner);
        if (alone != service->pool[i].alone && !network->primary)
            log_info("dhcp: the first rack of a network, %s, is %s", network->partner,
                     alone ? "lost: this one answers at once" : "back");
        service->pool[i].alone = alone;
    }
}

enum error_code dhcp_take_partner(struct dhcp *dhcp, const json_t *leases, uint64_t asked_ns,
                                  struct error *err)
{
    const json_t *item;
    size_t i;
    uint64_t asked_s = dhcp_term_at_s(&dhcp->term, asked_ns);
    json_array_foreach (leases, i, item) {
        struct dhcp_lease lease = {.kind = DHCP_LEASE_BOUND};
        const char *mac = json_string_value(json_object_get(item, "mac"));
        const char *address = json_string_value(json_object_get(item, "address"));
        json_int_t duration_s = json_integer_value(json_object_get(item, "duration_s"));
        json_int_t left_s = json_integer_value(json_object_get(item, "left_s"));
        if (!mac || !mac_parse(mac, &lease.mac) || !address ||
            !ip4_parse(address, &lease.address) || duration_s < 0 ||
            duration_s > DHCP_LEASE_MOST_S || left_s > duration_s)
            return error_set(err, ERR_BAD_INPUT, "partner_leases: leases[%zu] is malformed", i);
        lease.duration_s = (uint32_t)duration_s;
        dhcp_lease_lend(&lease, asked_s, left_s);
        if (dhcp_leases_put(dhcp->service.partner, &lease, asked_s, err))
            return ERR_LIMIT;
    }
    return ERR_OK;
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

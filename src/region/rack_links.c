/*
 * Linked racks: see rack_links.h. A rack's row lives as long as its link; what others know of racks
 * is copied under a lock.
 */
#include "src/region/rack_links.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"
#include "src/region/rack_hello.h"
#include "src/region/rack_seen.h"
#include "src/region/rack_store.h"
#include "src/wire/ca.h"
#include "src/wire/tls_listener.h"

enum { STREAMS_MAX = 2 * LIMIT_RACKS, HANDSHAKE_MS = 5000, TICK_MS = 1000, VLANS_S = 30 };

/* One connection; a rack once it has said a good hello. */
struct peer {
    struct peer *next;
    struct call_link *link;
    bool established, linked, welcomed; /* the answer to hello is on its way */
    uint64_t since_ns;                  /* established */
    struct rack_hello hello;
    struct rack_peer facts;
    json_t *said;              /* params of hello with the newest interfaces, for the database */
    bool kept, keeping, again; /* the database has it; is on it; must have it once more */
    bool registered;           /* it has it since hello: from then on only the interfaces change */
    int waiting;               /* answers of the pool */
    uint64_t vlans_ns;         /* when to look again on which VLANs it is */
    char *told;                /* the linked racks, as it was last told */
};

/* A call that the pool answers. */
struct asked {
    struct peer *peer;
    struct call_link_request *request; /* NULL: for ourselves, to keep what hello said */
};

static struct {
    struct rack_links_setup setup;
    struct tls_listener *listener;
    struct rack_pool *pool;
    struct loop_timer tick;
    struct peer *peers;
    bool open;
    uint64_t told[LIMIT_REGIONS]; /* ids of the regions that racks know of */
} links;

/* For threads that knock at the door. */
static struct {
    pthread_mutex_t lock;
    struct loop *loop; /* NULL = not open */
} door = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void open_door(struct loop *loop)
{
    pthread_mutex_lock(&door.lock);
    door.loop = loop;
    pthread_mutex_unlock(&door.lock);
}

bool rack_links_loop(struct loop **loop)
{
    pthread_mutex_lock(&door.lock);
    *loop = door.loop;
    pthread_mutex_unlock(&door.lock);
    return *loop != NULL;
}

static void show(const struct peer *peer)
{
    uint64_t silent_ns = peer->link ? call_link_silent_ms(peer->link) * CLOCK_MS : 0;
    rack_seen_show(&peer->hello, peer->linked, peer->link ? clock_boot_ns() - silent_ns : 0);
}

void rack_links_metrics(struct spool *spool)
{
    spool_text(spool, "# HELP gantry_rack_linked The link of this rack is up.\n"
                      "# TYPE gantry_rack_linked gauge\n");
    for (const struct peer *peer = links.peers; peer; peer = peer->next)
        if (peer->linked)
            spool_printf(spool, "gantry_rack_linked{rack=\"%s\"} 1\n", peer->hello.name);
}

/* ---- peers ---- */

static void free_if_done(struct peer *peer)
{
    if (peer->link || peer->waiting)
        return;
    json_decref(peer->said);
    free(peer->told);
    free(peer);
}

/* Every rack hears which racks this region hears of: who serves a network with one that is lost
 * answers at once. */
static void tell_racks(void)
{
    struct error why;
    json_t *linked = json_array();
    for (const struct peer *peer = links.peers; peer; peer = peer->next)
        if (peer->linked)
            json_array_append_new(linked, json_string(peer->hello.system_id));
    json_t *params = json_pack("{ss so}", "region", links.setup.region, "linked", linked);
    char *text = json_dumps(params, JSON_COMPACT);
    ASSERT(text);
    for (struct peer *peer = links.peers; peer; peer = peer->next) {
        if (!peer->linked || !peer->welcomed || (peer->told && !strcmp(peer->told, text)))
            continue;
        if (call_link_note(peer->link, "racks", params, &why))
            continue; /* again at the next tick */
        free(peer->told);
        peer->told = strdup(text);
    }
    json_decref(params);
    free(text);
}

static void on_closed(void *owner, const struct error *why)
{
    struct peer *peer = owner;
    for (struct peer **at = &links.peers; *at; at = &(*at)->next) {
        if (*at != peer)
            continue;
        *at = peer->next;
        break;
    }
    if (peer->linked)
        log_info("rack %s: the link ended: %s", peer->hello.name,
                 why->text[0] ? why->text : "closed by us");
    else if (peer->established && why->code)
        log_warning("rack link: %s", why->text);
    bool was_linked = peer->linked;
    peer->linked = false;
    peer->link = NULL;
    if (was_linked) {
        show(peer);
        if (links.open)
            tell_racks();
    }
    free_if_done(peer);
}

static void on_established(void *owner)
{
    struct peer *peer = owner;
    peer->established = true;
    peer->since_ns = clock_boot_ns();
}

static struct peer *linked_peer(const char *system_id)
{
    for (struct peer *peer = links.peers; peer; peer = peer->next)
        if (peer->linked && !strcmp(peer->hello.system_id, system_id))
            return peer;
    return NULL;
}

/* ---- what hello said, into the database ---- */

static void keep_hello(struct peer *peer);

static void on_kept(void *subject, json_t *result, const struct error *why)
{
    struct asked *asked = subject;
    struct peer *peer = asked->peer;
    (void)result;
    free(asked);
    peer->waiting--;
    peer->keeping = false;
    peer->vlans_ns = 0;
    peer->registered = peer->registered || !why->code;
    peer->kept = !peer->again && !error_retryable(why->code);
    if (why->code)
        log_write(error_retryable(why->code) ? LOG_DEBUG : LOG_ERROR,
                  "rack %s: what it says of itself is not kept: %s", peer->hello.name, why->text);
    if (peer->again && peer->linked)
        keep_hello(peer);
    free_if_done(peer);
}

static void keep_hello(struct peer *peer)
{
    const struct rack_call_row *row = rack_call_find(peer->registered ? "interfaces" : "hello");
    peer->again = peer->keeping;
    if (!row || peer->keeping)
        return;
    struct asked *asked = calloc(1, sizeof(*asked));
    ASSERT(asked);
    asked->peer = peer;
    peer->keeping = true;
    peer->waiting++;
    struct rack_pool_call call = {row, &peer->facts, peer->said};
    rack_pool_run(links.pool, &call, on_kept, asked);
}

static void on_vlans(void *subject, json_t *result, const struct error *why)
{
    struct asked *asked = subject;
    struct peer *peer = asked->peer;
    free(asked);
    peer->waiting--;
    if (!why->code) /* else it is asked again in time */
        rack_seen_vlans(peer->hello.system_id, json_object_get(result, "vlans"));
    free_if_done(peer);
}

static void look_at_vlans(struct peer *peer, uint64_t now)
{
    struct asked *asked = calloc(1, sizeof(*asked));
    ASSERT(asked);
    asked->peer = peer;
    peer->vlans_ns = now + VLANS_S * CLOCK_S;
    peer->waiting++;
    struct rack_pool_call call = {&rack_store_vlans_row, &peer->facts, NULL};
    rack_pool_run(links.pool, &call, on_vlans, asked);
}

/* ---- calls of racks ---- */

/* The one link of a rack is the newest: an older one is of a process that is gone, or half dead. */
static void end_older_link(const struct peer *peer)
{
    struct peer *older = linked_peer(peer->hello.system_id);
    struct error why;
    if (!older)
        return;
    error_set(&why, ERR_CONFLICT, "it came anew from %s", call_link_address(peer->link));
    call_link_reset(older->link, &why);
    older->linked = false;
}

static enum error_code take_hello(struct peer *peer, json_t *params, json_t **welcome,
                                  struct error *err)
{
    struct cluster_view view;
    struct rack_hello hello;
    if (peer->linked)
        return error_set(err, ERR_BAD_INPUT, "hello was said already");
    cluster_read(&view);
    enum error_code code = rack_hello_parse(params, &hello, err);
    code = code ? code : rack_hello_check(&hello, call_link_peer(peer->link), &view, err);
    if (code)
        return code;
    peer->hello = hello;
    end_older_link(peer);
    snprintf(peer->facts.system_id, sizeof(peer->facts.system_id), "%s", hello.system_id);
    snprintf(peer->facts.name, sizeof(peer->facts.name), "%s", hello.name);
    snprintf(peer->facts.version, sizeof(peer->facts.version), "%s", hello.version);
    snprintf(peer->facts.address, sizeof(peer->facts.address), "%s", call_link_address(peer->link));
    peer->facts.region = links.setup.region;
    peer->facts.images = links.setup.images;
    json_decref(peer->said);
    peer->said = json_deep_copy(params);
    peer->linked = true;
    peer->kept = false;
    show(peer);
    keep_hello(peer);
    log_info("rack %s: linked from %s, version %s", hello.name, peer->facts.address, hello.version);
    *welcome = rack_hello_welcome(&view, links.setup.region);
    return ERR_OK;
}

static enum error_code take_interfaces(struct peer *peer, json_t *params, struct error *err)
{
    enum error_code code = rack_hello_interfaces(params, &peer->hello, err);
    if (code)
        return code;
    /* The pool may be reading the old object: never change it. */
    json_t *said = json_deep_copy(peer->said);
    json_object_set_new(said, "interfaces", json_deep_copy(json_object_get(params, "interfaces")));
    json_decref(peer->said);
    peer->said = said;
    peer->kept = false;
    show(peer);
    keep_hello(peer);
    return ERR_OK;
}

static void on_answered(void *subject, json_t *result, const struct error *why)
{
    struct asked *asked = subject;
    if (why->code)
        call_link_refuse(asked->request, why);
    else
        call_link_answer(asked->request, result);
    asked->peer->waiting--;
    free_if_done(asked->peer);
    free(asked);
}

static void ask_pool(struct peer *peer, const struct rack_call_row *row, json_t *params,
                     struct call_link_request *request)
{
    struct asked *asked = calloc(1, sizeof(*asked));
    ASSERT(asked);
    *asked = (struct asked){peer, request};
    struct rack_pool_call call = {row, &peer->facts, params};
    peer->waiting++;
    rack_pool_run(links.pool, &call, on_answered, asked);
}

static void on_called(void *owner, const char *method, json_t *params,
                      struct call_link_request *request)
{
    struct peer *peer = owner;
    struct error why = {0};
    json_t *result = NULL;
    bool is_hello = !strcmp(method, "hello");
    const struct rack_call_row *row = is_hello ? NULL : rack_call_find(method);
    if (is_hello) {
        why.code = take_hello(peer, params, &result, &why);
    } else if (!peer->linked) {
        error_set(&why, ERR_FORBIDDEN, "say hello first");
    } else if (!strcmp(method, "interfaces")) {
        why.code = take_interfaces(peer, params, &why);
    } else if (row) {
        ask_pool(peer, row, params, request);
        return;
    } else if (strcmp(method, "ping") != 0) {
        error_set(&why, ERR_NOT_FOUND, "this region has no method %s", method);
    }
    if (is_hello && why.code)
        log_warning("rack link from %s: hello is refused: %s", call_link_address(peer->link),
                    why.text);
    if (why.code)
        call_link_refuse(request, &why);
    else
        call_link_answer(request, result);
    json_decref(result);
    if (is_hello && !why.code) {
        peer->welcomed = true;
        tell_racks();
    }
}

static const struct call_link_events peer_events = {on_established, on_called, NULL, on_closed};

static void *on_accepted(void *subject, struct tls_stream *stream, struct tls_events *events)
{
    (void)subject;
    struct peer *peer = calloc(1, sizeof(*peer));
    ASSERT(peer);
    peer->link = call_link_accept(links.setup.loop, stream, events, &peer_events, peer);
    peer->next = links.peers;
    links.peers = peer;
    return peer->link;
}

/* ---- time ---- */

static void check_peer(struct peer *peer, uint64_t now)
{
    struct error why;
    uint64_t silent_ms = call_link_silent_ms(peer->link);
    if (!peer->linked && now - peer->since_ns > RACK_LINKS_HELLO_MS * CLOCK_MS) {
        error_set(&why, ERR_TIMEOUT, "%s: no hello in time", call_link_address(peer->link));
        call_link_reset(peer->link, &why);
    } else if (silent_ms > RACK_LINKS_SILENCE_MS) {
        error_set(&why, ERR_TIMEOUT, "silent for %llu ms", (unsigned long long)silent_ms);
        call_link_reset(peer->link, &why);
    } else if (peer->linked) {
        show(peer);
        if (!peer->kept)
            keep_hello(peer);
        else if (now >= peer->vlans_ns)
            look_at_vlans(peer, now);
    }
}

static void on_tick(struct loop_timer *timer)
{
    (void)timer;
    uint64_t now = clock_boot_ns();
    for (struct peer *peer = links.peers; peer; peer = peer->next)
        if (peer->established)
            check_peer(peer, now);
    tell_racks();
}

/* A rack learns of the regions when it says hello, and when they change. */
static void tell_regions(const struct cluster_view *view)
{
    uint64_t ids[LIMIT_REGIONS] = {0};
    for (int i = 0; i < view->facts.members_count; i++)
        ids[i] = view->facts.members[i].id; /* stands for name and address, for ever */
    if (!memcmp(links.told, ids, sizeof(ids)))
        return;
    memcpy(links.told, ids, sizeof(ids));
    json_t *regions = rack_hello_regions(view);
    rack_links_note("regions", regions);
    json_decref(regions);
}

void rack_links_look(const struct cluster_view *view)
{
    struct error why;
    if (!links.open || !view->known)
        return;
    tell_regions(view);
    for (struct peer *peer = links.peers; peer; peer = peer->next)
        if (peer->linked && rack_hello_check(&peer->hello, call_link_peer(peer->link), view, &why))
            call_link_reset(peer->link, &why);
    rack_seen_keep(&view->facts);
}

/* ---- for the door ---- */

static int rank_of(const struct peer *peer, const char *rack, const char *bmc_address)
{
    ip4 ip;
    if (rack && !strcmp(rack, peer->hello.system_id))
        return 0;
    if (bmc_address && ip4_parse(bmc_address, &ip))
        for (int i = 0; i < peer->hello.nets_count; i++)
            if (ip4_net_contains(peer->hello.nets[i], ip))
                return 1;
    return 2;
}

void rack_links_choose(const char *rack, const char *bmc_address, struct rack_links_choice *choice)
{
    choice->count = 0;
    for (int rank = 0; rank <= 2; rank++)
        for (const struct peer *peer = links.peers; peer; peer = peer->next)
            if (peer->linked && rank_of(peer, rack, bmc_address) == rank &&
                choice->count < RACK_LINKS_MAX)
                strcpy(choice->system_id[choice->count++], peer->hello.system_id);
}

struct unlinked_call {
    call_link_done *done;
    void *subject;
    struct error why;
};

static void answer_unlinked(void *subject)
{
    struct unlinked_call *call = subject;
    call->done(call->subject, NULL, &call->why);
    free(call);
}

void rack_links_call(const char *system_id, const struct call_link_call *call, call_link_done *done,
                     void *subject)
{
    struct peer *peer = linked_peer(system_id);
    if (peer) {
        call_link_call(peer->link, call, done, subject);
        return;
    }
    struct unlinked_call *unlinked = calloc(1, sizeof(*unlinked));
    ASSERT(unlinked);
    *unlinked = (struct unlinked_call){.done = done, .subject = subject};
    error_set(&unlinked->why, ERR_UNAVAILABLE, "rack %s is not linked", system_id);
    loop_post(links.setup.loop, answer_unlinked, unlinked);
}

void rack_links_note(const char *method, json_t *params)
{
    struct error why;
    for (const struct peer *peer = links.peers; peer; peer = peer->next)
        if (peer->linked && call_link_note(peer->link, method, params, &why))
            log_warning("rack %s: %s is not told: %s", peer->hello.name, method, why.text);
}

/* ---- open and close ---- */

enum error_code rack_links_open(const struct rack_links_setup *setup, struct error *err)
{
    ASSERT(!links.open);
    struct tls_listen listen = {setup->address, setup->port, CA_ROLE_RACK, STREAMS_MAX,
                                HANDSHAKE_MS,   on_accepted, NULL};
    enum error_code code =
        tls_listener_open(setup->loop, setup->credentials, &listen, &links.listener, err);
    if (code)
        return code;
    links.setup = *setup;
    links.open = true;
    struct rack_pool_setup pool = {setup->loop, 0, setup->subject, setup->epoch_valid};
    links.pool = rack_pool_start(&pool);
    loop_timer_init(setup->loop, &links.tick, on_tick);
    loop_timer_start(&links.tick, TICK_MS, TICK_MS);
    rack_seen_open(setup->region);
    open_door(setup->loop);
    return ERR_OK;
}

void rack_links_close(void)
{
    if (!links.open)
        return;
    links.open = false;
    open_door(NULL);
    tls_listener_close(links.listener);
    rack_pool_stop(links.pool);
    for (struct peer *peer = links.peers; peer; peer = peer->next)
        call_link_close(peer->link);
    loop_timer_close(&links.tick, NULL);
}

int rack_links_port(void)
{
    return tls_listener_port(links.listener);
}

void rack_links_primary(const char *conninfo, uint64_t epoch)
{
    rack_pool_primary(links.pool, conninfo, epoch);
}

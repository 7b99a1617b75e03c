/*
 * The racks that are linked to this region: accepts their links (mutual TLS), checks their hello
 * against the cluster's facts, answers their calls through the pool, and calls them. Loop thread,
 * unless a function says otherwise. Contract: docs/rack-protocol.md.
 */
#pragma once

#include <jansson.h>

#include "raft/cluster_door.h"
#include "src/base/spool.h"
#include "src/region/rack_pool.h"
#include "src/wire/call_link.h"

enum {
    RACK_LINKS_HELLO_MS = 5000,   /* a link that has not said hello by then is ended */
    RACK_LINKS_SILENCE_MS = 5000, /* a silent link is dead */
};

struct rack_links_setup {
    struct loop *loop;
    struct tls_credentials *credentials;                /* of this region */
    const char *address;                                /* to listen on, numeric */
    int port;                                           /* 0 = any */
    const char *region, *images;                        /* as in rack_peer; must outlive */
    void *subject;                                      /* of the function below */
    bool (*epoch_valid)(void *subject, uint64_t epoch); /* as in rack_pool.h */
};

/** Listen. One per process. Errors: IO (port in use), BAD_INPUT. */
enum error_code rack_links_open(const struct rack_links_setup *setup, struct error *err);

/** Close all links; outstanding calls end. */
void rack_links_close(void);
int rack_links_port(void);

/** The facts may have changed: end the links of racks that are no longer the cluster's. */
void rack_links_look(const struct cluster_view *view);

/** Where the primary is; NULL = there is none. */
void rack_links_primary(const char *conninfo, uint64_t epoch);

/** Which racks are linked, for /metrics. */
void rack_links_metrics(struct spool *spool);

/* ---- for rack_door.c ---- */

enum { RACK_LINKS_MAX = LIMIT_RACKS };

/** The linked racks in the order in which to ask them for a BMC: the one named (system_id, may be
 * NULL), those with an address in the same network, the others. */
struct rack_links_choice {
    char system_id[RACK_LINKS_MAX][LIMIT_NAME];
    int count;
};
void rack_links_choose(const char *rack, const char *bmc_address, struct rack_links_choice *choice);

/** Call a rack; done as call_link_call, also when it is not linked. */
void rack_links_call(const char *system_id, const struct call_link_call *call, call_link_done *done,
                     void *subject);

/** A note to every linked rack. */
void rack_links_note(const char *method, json_t *params);

/** Is there an open rack_links? Any thread: then *loop is its loop. */
bool rack_links_loop(struct loop **loop);

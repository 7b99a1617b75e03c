/*
 * One warm link from this rack to one region: dials, says hello, pings each second, holds a silent
 * link for dead, dials again after a pause that grows. Loop thread only.
 * Contract: docs/rack-protocol.md.
 */
#pragma once

#include "src/rack/membership.h"
#include "src/wire/call_link.h"

enum {
    DIAL_PING_MS = 1000,
    DIAL_SILENCE_MS = 3000, /* then the link is dead */
    DIAL_HELLO_MS = 5000,   /* for connecting, and for the answer to hello */
    DIAL_PAUSE_FIRST_MS = 100,
    DIAL_PAUSE_MOST_MS = 5000,
};

struct region_dial;

/* What the owner hears, and what it is asked for. */
struct region_dial_events {
    json_t *(*hello)(void *owner); /* a new object: the params of hello */
    void (*linked)(void *owner, struct region_dial *dial, json_t *welcome);
    void (*unlinked)(void *owner, struct region_dial *dial, const struct error *why);
    void (*called)(void *owner, const char *method, json_t *params,
                   struct call_link_request *request);
    void (*noted)(void *owner, const char *method, json_t *params);
};

/** Begin to dial. events and credentials must outlive it. */
struct region_dial *region_dial_open(struct loop *loop, struct tls_credentials *credentials,
                                     const struct membership_region *region,
                                     const struct region_dial_events *events, void *owner);

/** Close; the owner hears nothing any more, and the dial is gone when the loop comes round. */
void region_dial_close(struct region_dial *dial);

const struct membership_region *region_dial_region(const struct region_dial *dial);

/** Is the link up and hello answered? When not, why not ("" = not tried yet). */
bool region_dial_linked(const struct region_dial *dial);
const char *region_dial_problem(const struct region_dial *dial);

/** As call_link_call; UNAVAILABLE without a link. */
void region_dial_call(struct region_dial *dial, const struct call_link_call *call,
                      call_link_done *done, void *subject);

/** How long to pause before the next attempt, after failures of them in a row; jitter 0..999.
 * Pure. */
unsigned region_dial_pause_ms(unsigned failures, unsigned jitter);

/*
 * The virtual addresses this controller holds: put on the interface with a short lifetime that is
 * refreshed while the lease runs, announced by ARP, removed at the lease's end, and muted by the
 * guard at that moment whether this process lives or not. A note on disk and
 * a mark in the kernel let a restarted fenced remove what an earlier one left.
 */
#pragma once

#include "src/base/address.h"
#include "src/base/limits.h"
#include "src/fence/guard.h"
#include "src/wire/fence_message.h"

enum {
    HELD_VALID_S = 2, /* lifetime in the kernel */
    HELD_REFRESH_MS = 500,
    HELD_PROBE_MS = 150, /* three probes go out in this time */
};

struct held_address {
    struct ip4_net address; /* prefix -1 = free slot */
    char text[FENCE_NET], interface[FENCE_INTERFACE];
    uint64_t epoch, deadline_ns;
    int arp;               /* socket, -1 */
    bool probing, guarded; /* guarded: both hooks of the guard are in force */
    uint64_t drained_ns;   /* it is given up in an orderly way, by then at the latest; 0 = not */
    int step;              /* of the probe or announcement schedule */
    bool often;            /* is announced: somebody may come back who was cut off */
    uint64_t next_step_ns, next_refresh_ns;
    bool link_down;      /* at the last refresh */
    uint64_t contest_ns; /* when somebody else's use of it was answered last */
    uint32_t request;    /* number to answer when probing, or giving it up, ends */
};

struct held {
    int netlink;
    struct guard *guard; /* NULL = this kernel cannot: addresses only expire */
    const char *state_dir;
    struct held_address slots[LIMIT_VIPS];
    uint64_t due_ns; /* when something else is due in this process */
    void (*answer)(uint32_t request, enum error_code code, const char *text);
    void (*dropped)(const char *address); /* its lease ended */
};

/** Open the netlink socket, remove what an earlier fenced left, make the guard. */
enum error_code held_init(struct held *held, const char *state_dir, struct error *err);

/**
 * A request ADDRESS_ADD; answered through held->answer, at once or after the probe. Of one that is
 * held: renewed.
 */
void held_add(struct held *held, const struct fence_request *request);

/**
 * ADDRESS_DROP; answered through held->answer when it is gone: at once, or, with a deadline, when
 * nobody waits for an answer any more who asked before.
 */
void held_drop(struct held *held, const struct fence_request *request);

/** LEASE of an address. Errors: NOT_FOUND, CONFLICT (older epoch), IO. */
enum error_code held_renew(struct held *held, const struct fence_request *request,
                           struct error *err);

/** Every lease has ended: all is dropped, and no renewal brings it back. False = nothing is held.
 */
bool held_lapse(struct held *held);

/**
 * NUDGE: make clients that wait for an earlier holder's answer speak, see nudge.h. Errors:
 * NOT_FOUND, CONFLICT (held under another epoch), TIMEOUT (its lease has ended), IO.
 */
enum error_code held_nudge(const struct held *held, const struct fence_request *request,
                           struct error *err);

/** An ARP frame is there on a slot's socket: who else says that it has the address is answered. */
void held_hear(struct held *held, int arp);

/**
 * Do what is due; returns when to call again (BOOTTIME ns, UINT64_MAX = never). due_ns: when
 * something else is due, for which the ending of connections makes way.
 */
uint64_t held_run(struct held *held, uint64_t now_ns, uint64_t due_ns);

/**
 * Remove all: nobody renews their leases any more. Who asks now gets no answer, and asks the next
 * holder by itself, instead of a refusal.
 */
void held_give_up(struct held *held);

/** Remove all, and the guard: at the end of fenced. */
void held_drop_all(struct held *held);

/** For the answer to FENCE_QUERY. */
void held_report(const struct held *held, struct fence_report *report);

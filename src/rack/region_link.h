/*
 * This rack's links to all regions as one: calls go to the region it prefers, or to another one
 * that is linked. Loop thread only. Contract: docs/rack-protocol.md.
 */
#pragma once

#include "src/base/spool.h"
#include "src/rack/region_dial.h"

struct region_link;

struct region_link_setup {
    struct loop *loop;
    struct tls_credentials *credentials;
    const char *data_dir; /* where the list of regions is kept; must outlive the link */
    const struct membership *membership;
    void *owner;
    /** The interfaces as the contract has them: a new list. */
    json_t *(*interfaces)(void *owner);
    /** A region was linked: what it may have changed meanwhile is to be asked for. May be NULL. */
    void (*linked)(void *owner);
};

/** Dial every region of the membership; the list then follows what regions say. */
struct region_link *region_link_open(const struct region_link_setup *setup);

/** Close all; outstanding calls end with an error. Gone when the loop comes round. */
void region_link_close(struct region_link *link);

/** What regions ask of this rack: answered by call_link_answer or call_link_refuse, then or later.
 * At most REGION_LINK_METHODS of both kinds; before the loop runs. method: static. */
enum { REGION_LINK_METHODS = 16 };
typedef void region_link_served(void *subject, json_t *params, struct call_link_request *request);
typedef void region_link_heard(void *subject, json_t *params);
void region_link_serve(struct region_link *link, const char *method, region_link_served *served,
                       void *subject);
void region_link_hear(struct region_link *link, const char *method, region_link_heard *heard,
                      void *subject);

/**
 * Call a method of a region; params (NULL = none) are borrowed. When that region fails, is lost or
 * does not answer in half the time, and another one is linked, it is asked there once more: every
 * call must be harmless when done twice. done is called once, not from within.
 * Errors told by done: those of the region; UNAVAILABLE "no region can be reached: ..."; TIMEOUT.
 */
void region_link_call(struct region_link *link, const struct call_link_call *call,
                      call_link_done *done, void *subject);

/** The interfaces changed: tell every linked region. */
void region_link_announce(struct region_link *link);

/** The regions as they are known now, and the one that calls go to (NULL = none is linked). */
const struct membership *region_link_membership(const struct region_link *link);
const char *region_link_preferred(const struct region_link *link);

/** For health: is this region (by its place in the membership) linked; if not, why not. */
bool region_link_up(const struct region_link *link, int region, const char **problem);

/** Which regions are linked, for /metrics. */
void region_link_metrics(const struct region_link *link, struct spool *spool);

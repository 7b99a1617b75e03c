/*
 * What this region knows of the racks that are or were linked to it, copied for those who ask:
 * status. Any thread.
 */
#pragma once

#include "raft/cluster_state.h"
#include "src/region/rack_hello.h"

/** Forget everything; region is this region's name and must outlive. */
void rack_seen_open(const char *region);

/** How a rack is now; heard_ns (BOOTTIME) when it was last heard of, 0 = as before. */
void rack_seen_show(const struct rack_hello *hello, bool linked, uint64_t heard_ns);

/** Is this rack linked to this region now? */
bool rack_seen_linked(const char *system_id);

/** Is any rack linked to this region now? */
bool rack_seen_any_linked(void);

/** Seconds for which this region has not been linked to it, since it began to serve racks at most;
 * 0 while it is. */
int64_t rack_seen_lost_s(const char *system_id);

/** The system_ids of the racks that are linked to this region: a new list. */
json_t *rack_seen_linked_list(void);

/** The VLANs that its interfaces are on: a list of ids, borrowed. */
void rack_seen_vlans(const char *system_id, json_t *vlans);

/** Racks that left the cluster make room for others. */
void rack_seen_keep(const struct cluster_state *facts);

/** To each of the status's "racks" (by system_id) that was linked here add "region" while it is,
 * "last_seen_ms", "vlans" (ids) and the "subnets" it is on. */
void rack_seen_status(json_t *status);

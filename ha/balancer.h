/*
 * The region's front door: HAProxy (src/wire/haproxy.h) on the virtual addresses and on the port
 * for racks and other regions, as the cluster's facts say. Loop thread.
 */
#pragma once

#include "ha/ha_settings.h"
#include "raft/cluster_state.h"
#include "src/base/loop.h"
#include "src/wire/fence_link.h"

struct balancer;

struct balancer *balancer_new(struct loop *loop, struct fence_link *fence,
                              const struct ha_settings *settings, void (*changed)(void *owner),
                              void *owner);

/** Ends HAProxy; the balancer is gone when the loop comes round. */
void balancer_free(struct balancer *balancer);

/** Start it when it should run and does not; start it again when the addresses changed. */
void balancer_look(struct balancer *balancer, const struct cluster_state *facts);

bool balancer_runs(const struct balancer *balancer);

/** The last trouble, "" = none. */
const char *balancer_problem(const struct balancer *balancer);

/*
 * HAProxy: child of regiond, with a generated configuration and listening sockets that fenced
 * opened (fd@N), so that it needs no rights and an address need not be here yet. Loop thread.
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

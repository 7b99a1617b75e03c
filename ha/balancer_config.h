/* The text of HAProxy's configuration. Pure, but for the listening sockets' numbers. */
#pragma once

#include "ha/ha_settings.h"
#include "raft/cluster_state.h"
#include "src/base/spool.h"
#include "src/wire/haproxy.h"

enum { BALANCER_SOCKETS = 2 * LIMIT_VIPS + 1 };

/** One listening socket: what it is for, where, and the descriptor it has in HAProxy. */
enum balancer_door { BALANCER_HTTP, BALANCER_HTTPS, BALANCER_HOP };
struct balancer_socket {
    enum balancer_door door;
    struct haproxy_socket socket;
};

/** The sockets for these facts, in the order of their descriptors. Returns how many. */
int balancer_config_sockets(const struct cluster_state *facts, const struct ha_settings *settings,
                            struct balancer_socket sockets[BALANCER_SOCKETS]);

/** The whole configuration file. */
void balancer_config_write(struct spool *out, const struct cluster_state *facts,
                           const struct balancer_socket *sockets, int count,
                           const struct ha_settings *settings);

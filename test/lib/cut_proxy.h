/*
 * A TCP proxy on this host that carries bytes both ways between two ports, and can be cut. On the
 * loop of the test.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cut_proxy_wire;

struct cut_proxy {
    uv_tcp_t tcp;
    int from, to;        /* ports, of own_host() */
    uint64_t carried_ns; /* when it carried something last */
    bool cut;
    struct cut_proxy_wire *wires;
};

/** Asserts that the port is free. */
void cut_proxy_open(struct cut_proxy *proxy, uv_loop_t *loop);

/** Ends what goes through it, and lets nothing in until it is not cut any more. */
void cut_proxy_cut(struct cut_proxy *proxy, bool cut);

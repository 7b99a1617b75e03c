/*
 * The health listener of regiond and rackd: HTTP/1.1, GET only, one answer a connection, on the
 * control loop, so that it tells whether that loop turns and never waits for anything else. Loop
 * thread only. Source: RFC 9112.
 */
#pragma once

#include "src/base/loop.h"
#include "src/base/spool.h"

struct health_listener;

/**
 * Answer path ("/livez") and query ("lag=100", "" = none): write text into body, return the status;
 * 404 for what there is not. Must not block.
 */
typedef int health_answer(void *owner, const char *path, const char *query, struct spool *body);

struct health_listen {
    const char *address; /* numeric IPv4 */
    int port;
    health_answer *answer;
    void *owner;
};

/** Errors: CONFLICT (port in use), BAD_INPUT (address not of this host), IO. */
enum error_code health_listener_open(struct loop *loop, const struct health_listen *listen,
                                     struct health_listener **listener, struct error *err);

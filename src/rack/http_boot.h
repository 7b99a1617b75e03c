/*
 * Boot files and images over HTTP, port 5248 of each provisioning interface: GET, HEAD, ranges,
 * kept connections. libmicrohttpd's threads carry the bytes; what a name stands for is asked of
 * boot_source on the loop, while the connection is parked. Loop thread only. Source: RFC 9110.
 */
#pragma once

#include "src/base/loop.h"
#include "src/rack/boot_source.h"

struct http_boot;
struct http_boot_listener;

struct http_boot_counts {
    uint64_t requests, not_found;
    uint64_t refused; /* names and methods that are not served */
    uint64_t failed;  /* no region, no image */
    uint64_t bytes;   /* of bodies that were promised */
};

/** source must outlive it. */
struct http_boot *http_boot_new(struct loop *loop, struct boot_source *source);

/** Closes its listeners; it is gone when they are: see http_boot_listener_close. */
void http_boot_free(struct http_boot *http);

/** Serve a listening TCP socket, taken over (closed on failure). Errors: IO. */
enum error_code http_boot_listen(struct http_boot *http, int fd, struct http_boot_listener **out,
                                 struct error *err);

/**
 * Take no new connections; requests that wait for an answer of boot_source get it, then every
 * connection is closed. Ends on a thread, so the loop has to run on.
 */
void http_boot_listener_close(struct http_boot_listener *listener);

struct http_boot_counts http_boot_counts(const struct http_boot *http);

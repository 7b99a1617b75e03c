/*
 * Bytes that are known by their SHA-256, from a web server into a folder: resumed, verified,
 * durable before they get their name. Blocking; never on the loop.
 */
#pragma once

#include "src/wire/http_client.h"

struct blob_fetch {
    const char *url;
    const char *sha256; /* lower-case hex: what it must be, and its name in the folder */
    uint64_t size;
    struct http_client_tls tls;
    const char *proxy;      /* URL, or NULL = straight */
    bool ours;              /* a server of this project: its ETag is the SHA-256 */
    int connect_timeout_ms; /* 0 = 5 s */
    int stall_s;            /* 0 = 30 s */
    int dead_s;             /* see http_client_request */
    /** Bytes that are there so far; false gives up (what came stays). May be NULL. */
    bool (*goes_on)(void *subject, uint64_t bytes);
    void *subject;
};

/**
 * The bytes become folder/SHA256 when all of them are there and right; until then they are
 * folder/SHA256.part, which a later call goes on with. One call at a time for one SHA-256.
 * Errors: as http_client_run and _expect, CORRUPT (another SHA-256 or size: what came is thrown
 * away), IO, GONE (goes_on said so).
 */
enum error_code blob_fetch_run(struct http_client *client, const struct blob_fetch *fetch,
                               const char *folder, struct error *err);

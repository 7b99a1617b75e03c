/*
 * Which nodes a request means: MAAS's filters as one statement. Runs inside the caller's
 * transaction; pool threads.
 */
#pragma once

#include "src/region/api.h"

/** Node types, as bits 1 << type. */
enum {
    NODE_MACHINES = 1 << 0,
    NODE_DEVICES = 1 << 1,
    NODE_RACKS = 1 << 2 | 1 << 4,
    NODE_REGIONS = 1 << 3 | 1 << 4,
    NODE_ALL = 0x1f
};

/** Further conditions that do not come from the request's parameters. */
struct node_filter {
    unsigned types;
    const char *tag;    /* has this one, or NULL */
    const char *status; /* "{10}" numbers, or NULL */
    int64_t owner_id;   /* belongs to this account, or 0 */
    bool only_ids;      /* of the parameters only `id` counts */
    bool allocating;    /* `name` is a host name, plain or with its domain; agent_name is none */
};

/**
 * "{1,2}": rows of the nodes that the request's parameters (hostname, mac_address, zone, pool,
 * tags, status, ... and their not_ twins) leave, and that its user may see. Unknown parameters are
 * ignored. Errors: BAD_INPUT with field errors in the reply (no such zone, pool or tag; malformed
 * MAC, status or number).
 */
enum error_code node_filter_ids(struct api_request *request, struct api_reply *reply,
                                const struct node_filter *filter, const char **ids,
                                struct error *err);

/** Does the request name any filter? Then events are about those nodes only. */
bool node_filter_given(const struct api_request *request);

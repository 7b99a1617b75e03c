/*
 * What the actions of machines, controllers and nodes have in common: find, list, show, power
 * parameters, delete. Runs inside the request's transaction; pool threads. names: node_reply_
 */
#pragma once

#include "src/region/machine_store.h"

/** The node that the path's system_id names. Errors: as machine_store_find. */
enum error_code node_reply_find(struct api_request *request, unsigned types,
                                struct machine *machine, struct error *err);

/** All that the filter and the request's parameters leave. Errors: as node_filter_ids. */
enum error_code node_reply_list(struct api_request *request, struct api_reply *reply,
                                const struct node_filter *filter, struct error *err);

/** The one that the path names. */
enum error_code node_reply_one(struct api_request *request, struct api_reply *reply, unsigned types,
                               struct error *err);

/** Power parameters with their secrets: of the one that the path names; of all of the types, or
 * those that the parameter `id` names. */
enum error_code node_reply_power(struct api_request *request, struct api_reply *reply,
                                 unsigned types, struct error *err);
enum error_code node_reply_power_all(struct api_request *request, struct api_reply *reply,
                                     unsigned types, struct error *err);

/**
 * Delete it, with an event, and say 204. Who may is the caller's to check. A rack hands its VLANs
 * over first. Errors: FORBIDDEN (it is locked); BAD_INPUT (a VLAN would be without DHCP, and the
 * request does not say `force`).
 */
enum error_code node_reply_delete(struct api_request *request, struct api_reply *reply,
                                  const struct machine *machine, struct error *err);

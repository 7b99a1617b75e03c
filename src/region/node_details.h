/*
 * What lshw and lldpd said of a node when it was commissioned: the action `details` of all kinds of
 * nodes. Inside the request's transaction; pool threads.
 */
#pragma once

#include "src/region/api.h"

/**
 * Answer for the node that the path names: {"lshw": bytes or null, "lldp": bytes or null} as
 * application/bson. Errors: NOT_FOUND.
 */
enum error_code node_details_reply(struct api_request *request, struct api_reply *reply,
                                   unsigned types, struct error *err);

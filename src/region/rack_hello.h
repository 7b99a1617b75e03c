/*
 * What a rack says of itself, taken apart and checked against its certificate and the cluster's
 * facts; and the answer. Pure; any thread.
 */
#pragma once

#include <jansson.h>

#include "raft/cluster_door.h"
#include "src/base/address.h"
#include "src/wire/certificate.h"

enum { RACK_HELLO_PROTOCOL = 1, RACK_HELLO_NETS = 64 };

struct rack_hello {
    char system_id[LIMIT_NAME], name[LIMIT_NAME], version[32], incarnation[40];
    struct ip4_net nets[RACK_HELLO_NETS]; /* of its interfaces that are up */
    int nets_count;
};

/** Errors: BAD_INPUT. */
enum error_code rack_hello_parse(json_t *params, struct rack_hello *hello, struct error *err);

/** The interfaces of hello or of a later call: checks the list and takes the nets. Errors:
 * BAD_INPUT, nothing is changed then. */
enum error_code rack_hello_interfaces(json_t *params, struct rack_hello *hello, struct error *err);

/** Is it the rack that it says, and one of the cluster? Errors: FORBIDDEN; UNAVAILABLE (the facts
 * are not known yet). */
enum error_code rack_hello_check(const struct rack_hello *hello,
                                 const struct certificate *certificate,
                                 const struct cluster_view *view, struct error *err);

/** The regions as the facts have them, and how new these are: a new object, the note "regions". */
json_t *rack_hello_regions(const struct cluster_view *view);

/** The answer: a new object with the same in it. */
json_t *rack_hello_welcome(const struct cluster_view *view, const char *region);

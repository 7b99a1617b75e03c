/*
 * Does this region answer clients? Its API is asked through its own socket, and HAProxy through
 * its: one that is frozen is there and answers nothing. Three failures in a row, and the region is
 * not fit to hold virtual IPs; its votes are no matter of this. Loop thread; asks on threads.
 */
#pragma once

#include "ha/ha_settings.h"
#include "src/base/loop.h"

enum {
    ENDPOINT_MISSES = 3,
    ENDPOINT_DOOR_MS = 200,       /* between questions to HAProxy; it has as long to answer */
    ENDPOINT_API_MS = 500,        /* between questions to the API */
    ENDPOINT_API_ANSWER_MS = 2000 /* a busy one is not a dead one */
};

struct endpoint_check;

struct endpoint_check *endpoint_check_new(struct loop *loop, const struct ha_settings *settings);

/** Gone when the last question is over. */
void endpoint_check_free(struct endpoint_check *check);

/** Ask what is due. Call it often. */
void endpoint_check_look(struct endpoint_check *check);

/** Not before both have answered once. */
bool endpoint_check_fit(const struct endpoint_check *check);

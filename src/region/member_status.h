/*
 * What each region says of itself when another asks ("status" over member_calls.h), and what was
 * last heard of all: for `gantry status`. Kept fresh by a question each second, which also finds
 * dead streams.
 */
#pragma once

#include <jansson.h>

#include "src/region/region.h"

/** Loop: this region now, a new object. */
json_t *member_status_own(struct region *region);

/** Loop: ask the others each second. */
void member_status_look(struct region *region, const struct cluster_view *view);

/** Ask all others and wait until they have answered, or wait_ms. Any thread but the loop's. */
void member_status_ask(struct region *region, unsigned wait_ms);

/**
 * What a member (also this one) last said, a new object, NULL = nothing yet. *ago_ms: how long ago,
 * -1 = never; *reachable: its last answer came in time. Any thread.
 */
json_t *member_status_of(uint64_t member, bool *reachable, int64_t *ago_ms);

/** A primary serves, but too few members that vote on data have a copy for a write to end. */
bool member_status_writes_wait(const struct cluster_view *view);

/*
 * Does fenced answer? Counted in time that this process ran itself: what it did not read while it
 * stood still, fenced does not owe. Pure (BOOTTIME comes in). Loop thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { FENCED_WATCH_STEP_MS = 100 }; /* a longer time between two looks is a pause of our own */

struct fenced_watch {
    uint64_t looked_ns, owed_ns; /* the last look; for how long, in our time, answers are owed */
    bool gone;
};

/** owed_ms: for how long, by the clock, the oldest answer is owed, 0 = none. Returns gone. */
bool fenced_watch_look(struct fenced_watch *watch, uint64_t now_ns, uint64_t owed_ms,
                       uint64_t limit_ms);

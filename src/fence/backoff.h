/* When to start a child again after it ended. Pure. */
#pragma once

#include <stdint.h>

enum { BACKOFF_FIRST_MS = 200, BACKOFF_MOST_MS = 10000, BACKOFF_STEADY_MS = 30000 };

struct backoff {
    uint32_t wait_ms; /* the next wait; 0 = never failed */
};

/** The child ended after having lived alive_ms: how long to wait before the next start. */
uint32_t backoff_next_ms(struct backoff *backoff, uint64_t alive_ms);

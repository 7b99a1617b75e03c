/* When to start a child again: see backoff.h. */
#include "src/fence/backoff.h"

uint32_t backoff_next_ms(struct backoff *backoff, uint64_t alive_ms)
{
    if (alive_ms >= BACKOFF_STEADY_MS || backoff->wait_ms == 0)
        backoff->wait_ms = BACKOFF_FIRST_MS;
    else if (backoff->wait_ms * 2 < BACKOFF_MOST_MS)
        backoff->wait_ms *= 2;
    else
        backoff->wait_ms = BACKOFF_MOST_MS;
    return backoff->wait_ms;
}

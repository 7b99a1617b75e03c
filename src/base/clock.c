/* The only clocks: see clock.h. */
#include "src/base/clock.h"

#include <time.h>

#include "src/base/error.h"

uint64_t clock_boot_ns(void)
{
    struct timespec ts;
    int rv = clock_gettime(CLOCK_BOOTTIME, &ts);
    ASSERT(rv == 0);
    return (uint64_t)ts.tv_sec * CLOCK_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_real_ms(void)
{
    struct timespec ts;
    int rv = clock_gettime(CLOCK_REALTIME, &ts);
    ASSERT(rv == 0);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / CLOCK_MS;
}

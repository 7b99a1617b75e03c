/* How long a right lasts: see lease.h. */
#include "ha/lease.h"

#include "src/base/clock.h"

uint64_t lease_holder_end_ns(uint64_t asked_ns, uint32_t lease_ms)
{
    return asked_ns + lease_ms * CLOCK_MS * (100 - LEASE_DRIFT_PERCENT) / 100;
}

uint64_t lease_promise_end_ns(uint64_t received_ns, uint32_t lease_ms)
{
    return received_ns + lease_ms * CLOCK_MS * (100 + LEASE_DRIFT_PERCENT) / 100;
}

uint64_t lease_restart_wait_ns(uint32_t lease_ms_max)
{
    return lease_ms_max * CLOCK_MS * (100 + LEASE_DRIFT_PERCENT) / (100 - LEASE_DRIFT_PERCENT);
}

uint32_t lease_renew_ms(uint32_t lease_ms)
{
    return lease_ms / 8 > 20 ? lease_ms / 8 : 20;
}

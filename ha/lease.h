/*
 * How long a right lasts. Pure arithmetic on BOOTTIME; clocks may run apart by LEASE_DRIFT.
 * A holder owns the resource until (time before its request was sent) + D(1-drift); an acceptor
 * keeps its promise until (receipt) + D(1+drift). fenced is told an earlier end, by a margin.
 */
#pragma once

#include <stdint.h>

enum {
    LEASE_DRIFT_PERCENT = 1,
    LEASE_MARGIN_ADDRESS_MS = 20,
    LEASE_MARGIN_POSTGRES_MS = 100,
};

/** End of what a request sent at asked_ns grants its holder. */
uint64_t lease_holder_end_ns(uint64_t asked_ns, uint32_t lease_ms);

/** End of the promise of an acceptor that received it at received_ns. */
uint64_t lease_promise_end_ns(uint64_t received_ns, uint32_t lease_ms);

/** After a start an acceptor grants nothing for this long: it may have promised before. */
uint64_t lease_restart_wait_ns(uint32_t lease_ms_max);

/** How often a holder renews. */
uint32_t lease_renew_ms(uint32_t lease_ms);

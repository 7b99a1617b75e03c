/*
 * The only clocks. Tests replace clock.c at the link (test/lib/fake_clock.c).
 * Any thread.
 */
#pragma once

#include <stdint.h>

#define CLOCK_MS ((uint64_t)1000000)
#define CLOCK_S  ((uint64_t)1000000000)

/** Time since boot with suspend counted (CLOCK_BOOTTIME), ns: for leases and every deadline. */
uint64_t clock_boot_ns(void);

/** Wall clock, ms since 1970: for people and stored timestamps only. */
uint64_t clock_real_ms(void);

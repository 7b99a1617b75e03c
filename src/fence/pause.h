/*
 * A host that stood still (a hypervisor's pause) without its own clock's knowing: BOOTTIME stood
 * with it, so every lease here looks live that has long ended elsewhere. Whoever sets the wall
 * clock right afterwards tells. Pure. names: pause_
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PAUSE_MS = 100 }; /* more than a clock that is slewed gains between two looks */

struct pause {
    int64_t apart_ms; /* how far the clocks were apart at the last look */
    bool looked;
};

/** Has the wall clock leapt forward against BOOTTIME since the last look? */
bool pause_seen(struct pause *pause, uint64_t real_ms, uint64_t boot_ns);

/*
 * When the power of machines is looked at, and how many looks may be under way: pure. Machines
 * whose BMC did not answer last time have places of their own, so that they never keep others
 * waiting. Any thread. names: power_schedule_
 */
#pragma once

#include <stdbool.h>

#include "src/base/error.h"

enum {
    POWER_SCHEDULE_PERIOD_S = 300, /* between looks, as in MAAS */
    POWER_SCHEDULE_SPREAD_S = 60,  /* so far apart are machines that were looked at together */
    POWER_SCHEDULE_AGAIN_S = 60,   /* after a first failure */
    POWER_SCHEDULE_SLOWEST_S = 900,
    POWER_SCHEDULE_PLACES = 12,         /* looks under way */
    POWER_SCHEDULE_FAILING_PLACES = 3,  /* of these, at BMCs that failed last time */
    POWER_SCHEDULE_FAILURES_MAX = 1000, /* counted no further */
};

/** What follows from one look. */
struct power_schedule_next {
    int failures;    /* in a row */
    int wait_s;      /* until the next look */
    bool tells;      /* it says something of the machine: its power, or */
    bool is_failure; /* that it cannot be known */
};

/**
 * code: of the look; failures: in a row before it; roll: any number, evenly spread. A rack that has
 * no time says nothing of the machine; one lost answer is none; refusals are certain at once.
 */
struct power_schedule_next power_schedule_after(enum error_code code, int failures, unsigned roll);

/** How many more looks may begin beside those under way of the same sort. */
int power_schedule_room(bool failing, int under_way);

/*
 * How much a machine may have noted of itself: a thousand events at once and five thousand a day,
 * of each region; the rest is not kept. Bounds what one that posts without end costs the disks of
 * the database. In memory of the program, which forgets it when it ends. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { EVENT_QUOTA_BURST = 1000, EVENT_QUOTA_A_DAY = 5000 };

/**
 * May one more event be noted at now_ns (any clock that does not go back) for this machine; "" is
 * all that nobody knows. True takes one of its share.
 */
bool event_quota_take(const char *system_id, uint64_t now_ns);

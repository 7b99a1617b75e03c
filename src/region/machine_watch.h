/*
 * Machines that were started and are not heard of, because what they booted from died under them:
 * the leader's duty. Inside the caller's transaction; any thread with a database connection.
 */
#pragma once

#include "src/region/machine_life.h"

/**
 * How long a machine may be silent, and how often it is started again for one wish. Firmware takes
 * minutes and is never counted: what counts is the time since it was powered on while the rack that
 * it would ask is lost, or since it was told what to boot.
 */
enum {
    MACHINE_WATCH_RACK_LOST_S = 45, /* nobody hears the rack that it booted from, and */
    MACHINE_WATCH_LOST_S = 60,      /* it said nothing since, in the ephemeral system */
    MACHINE_WATCH_DISK_S = 300,     /* the same, on its way to its own disk */
    MACHINE_WATCH_SILENT_S = 600,   /* told what to boot, whatever is with the rack */
    MACHINE_WATCH_MOST = 3,
};

/** For how many seconds nobody hears this rack (system_id); 0 = it is heard. */
typedef int64_t machine_watch_lost_s(const char *rack);

/** Start again (off, on) what is silent for too long; each with an event. */
enum error_code machine_watch_look(const struct machine_life *life, machine_watch_lost_s *lost_s,
                                   struct error *err);

/*
 * Which machines' power is to be looked at now, and what looks said, in the database. Inside the
 * caller's transaction; any thread with a connection.
 */
#pragma once

#include <jansson.h>

#include "src/base/limits.h"
#include "src/model/power_schedule.h"
#include "src/region/machine_power.h"

enum { POWER_WATCH_BMC = 320, POWER_WATCH_SEEN = 48 };

/** One look, from the machine's row to what came of it. */
struct power_watch_look {
    char system_id[LIMIT_NAME], type[32];
    char bmc[POWER_WATCH_BMC];   /* one look at a time for each */
    char seen[POWER_WATCH_SEEN]; /* power_seen of the row then, "" = never */
    int failures;                /* in a row, before this look */
    json_t *parameters;          /* secrets in clear; owned; NULL: *why says why not */
    const char *power;           /* "on", "off", "unknown"; static; NULL: *why */
    struct error why;
};

/** Zero it before use, close each look. */
struct power_watch_looks {
    struct power_watch_look list[POWER_SCHEDULE_PLACES];
    int count;
};
void power_watch_look_close(struct power_watch_look *look);

/**
 * The machines that are due, longest first, one for each BMC: at most POWER_SCHEDULE_PLACES, of
 * both sorts as power_schedule_room says. Not those with an open operation, Broken ones, those
 * whose power was seen within the last minutes, and none at BMCs ("{...}", bmc of looks) under way.
 */
struct power_watch_wish {
    const char *bmcs;
    int room, failing_room;
};
enum error_code power_watch_due(struct db *db, const struct seal_ring *ring,
                                const struct power_watch_wish *wish, struct arena *arena,
                                struct power_watch_looks *looks, struct error *err);

/**
 * Record what came of looks, with an event for each machine whose power is another than before. A
 * look counts for nothing when the machine's power was seen by somebody else meanwhile, an
 * operation has begun or its power type was changed.
 */
enum error_code power_watch_record(struct db *db, const struct power_watch_looks *looks,
                                   unsigned roll, struct arena *arena, struct error *err);

/*
 * What the cluster itself tells its administrators, and takes back when it is not so any more: a
 * duty of the leader. Any thread with a database connection. Source: MAAS API 2.0, notifications.
 */
#pragma once

#include <jansson.h>

#include "src/base/limits.h"
#include "src/db/db.h"

enum { NOTIFICATION_DUTY_PERIOD_S = 10 };

/** What one look remembers for the next. Zero it before the first. */
struct notification_duty {
    char missing[LIMIT_RACKS][LIMIT_NAME]; /* racks that were not linked */
    int missing_count;
};

/**
 * Look, and raise or take back what has changed, in transactions of its own; most of the time that
 * only reads. linked: the system_ids of the racks that are linked to this region, borrowed; racks
 * link to all regions, so one that two looks in a row do not find is dead. What somebody dismissed
 * stays so until its reason has gone. Errors: those of the database.
 */
enum error_code notification_duty_look(struct notification_duty *duty, struct db *db,
                                       const json_t *linked, struct error *err);

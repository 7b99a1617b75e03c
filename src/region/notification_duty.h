/*
 * What the cluster itself tells its administrators, and takes back when it is not so any more: a
 * duty of the leader. Any thread with a database connection. Source: MAAS API 2.0, notifications.
 */
#pragma once

#include "src/db/db.h"

enum { NOTIFICATION_DUTY_PERIOD_S = 10, NOTIFICATION_DUTY_DEAD_S = 15 };

/** For how many seconds nobody hears this rack (system_id); 0 = it is heard. */
typedef int64_t notification_duty_lost_s(const char *rack);

/**
 * Look, and raise or take back what has changed, in transactions of its own; most of the time that
 * only reads. A rack is dead when it was lost for DEAD_S. What somebody dismissed stays so until
 * its reason has gone. Errors: those of the database.
 */
enum error_code notification_duty_look(struct db *db, notification_duty_lost_s *lost_s,
                                       struct error *err);

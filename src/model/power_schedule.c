/* When the power of machines is looked at: see power_schedule.h. */
#include "src/model/power_schedule.h"

static int spread(int wait_s, unsigned roll)
{
    return wait_s - POWER_SCHEDULE_SPREAD_S / 2 + (int)(roll % (POWER_SCHEDULE_SPREAD_S + 1));
}

/* Of the rack or the way to it, not of the BMC. */
static bool says_nothing(enum error_code code)
{
    return code == ERR_BUSY || code == ERR_LIMIT || code == ERR_UNKNOWN_OUTCOME;
}

static bool is_certain(enum error_code code)
{
    return code == ERR_FORBIDDEN || code == ERR_BAD_INPUT || code == ERR_NOT_FOUND;
}

struct power_schedule_next power_schedule_after(enum error_code code, int failures, unsigned roll)
{
    struct power_schedule_next next = {failures, POWER_SCHEDULE_AGAIN_S, false, false};
    if (says_nothing(code))
        return next;
    if (!code)
        return (struct power_schedule_next){0, spread(POWER_SCHEDULE_PERIOD_S, roll), true, false};
    next.failures =
        failures < POWER_SCHEDULE_FAILURES_MAX ? failures + 1 : POWER_SCHEDULE_FAILURES_MAX;
    if (next.failures == 1 && !is_certain(code))
        return next;
    next.tells = next.is_failure = true;
    int wait_s = POWER_SCHEDULE_PERIOD_S * next.failures;
    next.wait_s =
        spread(wait_s < POWER_SCHEDULE_SLOWEST_S ? wait_s : POWER_SCHEDULE_SLOWEST_S, roll);
    return next;
}

int power_schedule_room(bool failing, int under_way)
{
    int places = failing ? POWER_SCHEDULE_FAILING_PLACES
                         : POWER_SCHEDULE_PLACES - POWER_SCHEDULE_FAILING_PLACES;
    return under_way < places ? places - under_way : 0;
}

/* What drivers have in common: see power_steps.h. */
#include "src/rack/power_steps.h"

#include <time.h>

#include "src/base/clock.h"

enum {
    LOOK_MS = 500,  /* between looks whether the machine followed */
    LAST_MS = 1000, /* no further look with less than this left */
};

static enum error_code wait_until(const struct power_steps *steps, enum power_seen wanted,
                                  enum power_seen *seen, struct error *err)
{
    enum error_code code;
    while (!(code = steps->query(steps->subject, seen, err)) && *seen != wanted) {
        if (clock_boot_ns() + (LOOK_MS + LAST_MS) * CLOCK_MS >= steps->deadline_ns)
            return error_set(err, ERR_TIMEOUT,
                             "the BMC at %s took the order, but the machine is still %s",
                             power_order_where(steps->order), power_order_seen_word(*seen));
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * (long)CLOCK_MS}, NULL);
    }
    return code;
}

static enum error_code turn_on(const struct power_steps *steps, enum power_seen *seen,
                               struct error *err)
{
    enum error_code code = steps->turn_on(steps->subject, err);
    return code ? code : wait_until(steps, POWER_SEEN_ON, seen, err);
}

static enum error_code turn_off(const struct power_steps *steps, enum power_seen *seen,
                                struct error *err)
{
    enum error_code code = steps->turn_off(steps->subject, err);
    return code ? code : wait_until(steps, POWER_SEEN_OFF, seen, err);
}

static enum error_code restart(const struct power_steps *steps, enum power_seen *seen,
                               struct error *err)
{
    enum error_code code =
        steps->restart ? steps->restart(steps->subject, err) : turn_off(steps, seen, err);
    if (code)
        return code;
    return steps->restart ? wait_until(steps, POWER_SEEN_ON, seen, err) : turn_on(steps, seen, err);
}

/* BMCs refuse to turn off what is off, or to cycle it: look first. */
enum error_code power_steps_run(const struct power_steps *steps, enum power_seen *seen,
                                struct error *err)
{
    enum power_action action = steps->order->action;
    enum error_code code = steps->query(steps->subject, seen, err);
    if (code || action == POWER_QUERY)
        return code;
    if (*seen == POWER_SEEN_OFF)
        return action == POWER_OFF ? ERR_OK : turn_on(steps, seen, err);
    if (*seen == POWER_SEEN_ON && action == POWER_ON)
        return ERR_OK;
    if (action == POWER_ON)
        return turn_on(steps, seen, err);
    return action == POWER_OFF ? turn_off(steps, seen, err) : restart(steps, seen, err);
}

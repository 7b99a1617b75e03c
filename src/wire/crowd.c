/* Bounds for strangers: see crowd.h. */
#include "src/wire/crowd.h"

#include <string.h>

#include "src/base/clock.h"
#include "src/base/error.h"

static const int64_t credit_most_ns = CROWD_CREDIT_MS * (int64_t)CLOCK_MS;

void crowd_init(struct crowd *crowd, uint64_t now_ns)
{
    *crowd = (struct crowd){.credit_ns = credit_most_ns, .counted_ns = now_ns};
}

void crowd_spend(struct crowd *crowd, uint64_t ns)
{
    crowd->credit_ns -= (int64_t)ns;
    if (crowd->credit_ns < -credit_most_ns)
        crowd->credit_ns = -credit_most_ns;
}

bool crowd_may_take(struct crowd *crowd, uint64_t now_ns)
{
    int64_t earned_ns = (int64_t)((now_ns - crowd->counted_ns) / CROWD_SHARE);
    crowd->counted_ns = now_ns;
    crowd->credit_ns += earned_ns;
    if (crowd->credit_ns > credit_most_ns)
        crowd->credit_ns = credit_most_ns;
    return crowd->credit_ns > 0;
}

static int count_of(const struct crowd *crowd, const char *caller)
{
    int count = 0;
    for (int i = 0; i < crowd->count; i++)
        count += !strcmp(crowd->seats[i].caller, caller);
    return count;
}

static void remove_seat(struct crowd *crowd, int at)
{
    crowd->count--;
    memmove(&crowd->seats[at], &crowd->seats[at + 1],
            (size_t)(crowd->count - at) * sizeof(crowd->seats[0]));
}

static void *make_room(struct crowd *crowd)
{
    int most = 0, at = 0;
    for (int i = 0; i < crowd->count; i++) {
        int count = count_of(crowd, crowd->seats[i].caller);
        if (count <= most)
            continue;
        most = count;
        at = i;
    }
    void *who = crowd->seats[at].who;
    remove_seat(crowd, at);
    return who;
}

bool crowd_enter(struct crowd *crowd, void *who, const char *caller, void **out)
{
    *out = NULL;
    if (count_of(crowd, caller) >= CROWD_OF_CALLER)
        return false;
    if (crowd->count == CROWD_MOST)
        *out = make_room(crowd);
    struct crowd_seat *seat = &crowd->seats[crowd->count++];
    seat->who = who;
    ASSERT(strlen(caller) < sizeof(seat->caller));
    strcpy(seat->caller, caller);
    return true;
}

void crowd_leave(struct crowd *crowd, const void *who)
{
    for (int i = 0; i < crowd->count; i++) {
        if (crowd->seats[i].who != who)
            continue;
        remove_seat(crowd, i);
        return;
    }
}

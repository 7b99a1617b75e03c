/* Raft's members as the facts have them: see member_duty.h. */
#include "src/region/member_duty.h"

#include "src/base/clock.h"
#include "src/base/log.h"

enum {
    ANSWERED_MS = 2500, /* who answered since may get a vote */
    PAUSE_MS = 500,     /* after a change that failed */
    FAREWELL_MS = 1000, /* who left hears of it before it is cut off */
};

static struct {
    bool busy;
    enum member_duty_step step;
    uint64_t member, wait_until_ns, leaver, leaves_ns;
} duty;

static const struct replica_server *server_of(const struct cluster_view *view, uint64_t id)
{
    for (int i = 0; i < view->servers_count; i++)
        if (view->servers[i].id == id)
            return &view->servers[i];
    return NULL;
}

/* Removals last: a cluster that loses one and gains one has the new vote first. */
enum member_duty_step member_duty_decide(const struct cluster_view *view,
                                         bool (*answers)(void *owner, uint64_t member), void *owner,
                                         uint64_t *member)
{
    const struct cluster_state *facts = &view->facts;
    for (int i = 0; i < facts->members_count; i++) {
        *member = facts->members[i].id;
        const struct replica_server *known = server_of(view, *member);
        if (!known)
            return MEMBER_DUTY_ADD;
        if (!known->votes && answers(owner, *member))
            return MEMBER_DUTY_PROMOTE;
    }
    for (int i = 0; i < view->servers_count; i++) {
        *member = view->servers[i].id;
        if (!cluster_state_member(facts, *member))
            return *member == view->self ? MEMBER_DUTY_HAND_OVER : MEMBER_DUTY_REMOVE;
    }
    return MEMBER_DUTY_NONE;
}

static bool answers(void *owner, uint64_t member)
{
    const struct region *region = owner;
    uint64_t heard_ns = member_calls_heard_ns(region->members, member);
    return member_calls_up(region->members, member) && heard_ns &&
           clock_boot_ns() - heard_ns < ANSWERED_MS * CLOCK_MS;
}

static void on_changed(void *subject, enum error_code code, const char *reason)
{
    static const char *const words[] = {"", "add", "give the vote to", "take out", ""};
    struct region *region = subject;
    duty.busy = false;
    if (code) {
        log_warning("consensus: %s member %llu: %s", words[duty.step],
                    (unsigned long long)duty.member, reason);
        duty.wait_until_ns = clock_boot_ns() + PAUSE_MS * CLOCK_MS;
    }
    region_changed(region);
}

/* Has it had the time to hear that it left? */
static bool said_farewell(uint64_t member)
{
    uint64_t now_ns = clock_boot_ns();
    if (duty.leaver != member)
        duty.leaves_ns = now_ns;
    duty.leaver = member;
    return now_ns - duty.leaves_ns > FAREWELL_MS * CLOCK_MS;
}

static void take_step(struct region *region, const struct cluster_view *view)
{
    struct replica *replica = region->replica;
    duty.busy = true;
    if (duty.step == MEMBER_DUTY_ADD) {
        const struct cluster_member *member = cluster_state_member(&view->facts, duty.member);
        log_info("consensus: %s is added, without a vote yet", member->name);
        replica_add(replica, member, on_changed, region);
    } else if (duty.step == MEMBER_DUTY_PROMOTE) {
        log_info("consensus: member %llu is to vote", (unsigned long long)duty.member);
        replica_promote(replica, duty.member, on_changed, region);
    } else {
        log_info("consensus: member %llu is taken out", (unsigned long long)duty.member);
        replica_remove(replica, duty.member, on_changed, region);
    }
}

void member_duty_look(struct region *region, const struct cluster_view *view)
{
    if (duty.busy || clock_boot_ns() < duty.wait_until_ns)
        return;
    duty.step = member_duty_decide(view, answers, region, &duty.member);
    if (duty.step == MEMBER_DUTY_HAND_OVER) {
        if (said_farewell(duty.member))
            replica_step_down(region->replica);
    } else if (duty.step == MEMBER_DUTY_ADD || duty.step == MEMBER_DUTY_PROMOTE) {
        take_step(region, view);
    } else if (duty.step == MEMBER_DUTY_REMOVE && said_farewell(duty.member)) {
        take_step(region, view);
    }
}

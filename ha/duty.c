/* The leader's duty: see duty.h. */
#include "ha/duty.h"

#include <stdlib.h>

#include "ha/failover_decide.h"
#include "src/base/clock.h"
#include "src/base/log.h"

static const struct lease_resource resource = {CLUSTER_LEASE_DUTY, 0};

struct duty {
    struct duty_setup setup;
    struct failover_watch watch;
    struct lease_hold hold;
    struct cluster_state facts;
    bool leads, busy, closing;
    uint64_t term;
    const char *why;
};

struct duty *duty_new(const struct duty_setup *setup)
{
    struct duty *duty = calloc(1, sizeof(*duty));
    ASSERT(duty);
    duty->setup = *setup;
    duty->why = "";
    return duty;
}

void duty_free(struct duty *duty)
{
    leases_forget(duty->setup.leases, &duty->hold);
    duty->leads = false;
    duty->closing = true;
    if (!duty->busy)
        free(duty);
}

static void on_answer(void *subject, enum error_code code, const char *reason)
{
    struct duty *duty = subject;
    duty->busy = false;
    if (duty->closing) {
        free(duty);
        return;
    }
    if (code)
        log_debug("a proposal was refused: %s", reason);
    duty->setup.changed(duty->setup.owner);
}

static void propose(struct duty *duty, const struct command *command, const char *why)
{
    log_info("proposes %s in epoch %llu: %s", command_name((int)command->kind),
             (unsigned long long)duty->facts.primary.epoch, why);
    duty->busy = true;
    duty->setup.propose(duty->setup.owner, command, on_answer, duty);
}

static void take_up(struct duty *duty, bool leads, uint64_t term)
{
    bool same = duty->leads == leads && (!leads || duty->term == term);
    if (same)
        return;
    leases_release(duty->setup.leases, &duty->hold);
    duty->leads = leads;
    duty->term = term;
    duty->why = "";
    if (!leads)
        return;
    failover_watch_start(&duty->watch, clock_boot_ns());
    leases_want(duty->setup.leases, &duty->hold, resource, term,
                duty->facts.lease_ms[CLUSTER_LEASE_DUTY]);
}

void duty_look(struct duty *duty, const struct cluster_state *facts, bool leads, uint64_t term)
{
    struct command command;
    const char *why = "";
    duty->facts = *facts;
    take_up(duty, leads && facts->name[0], term);
    if (!duty->leads)
        return;
    failover_watch_facts(&duty->watch, clock_boot_ns(), facts);
    if (duty->busy)
        return;
    if (!lease_hold_live(&duty->hold, term)) {
        duty->why = "waiting for the duty's lease";
        return;
    }
    bool wants = failover_decide(facts, &duty->watch, &command, &why);
    duty->why = why;
    if (wants)
        propose(duty, &command, why);
}

void duty_heard(struct duty *duty, uint64_t member, const struct member_status *status)
{
    if (duty->leads)
        failover_watch_heard(&duty->watch, clock_boot_ns(), member, status);
    else
        failover_watch_seen(&duty->watch, member, clock_boot_ns());
}

/* Only in its own name, and a virtual IP only anew to who has it already. */
static bool may_ask(const struct cluster_state *facts, uint64_t member,
                    const struct command *command)
{
    const struct cluster_vip *vip;
    switch (command->kind) {
    case COMMAND_SERVING:
        return command->serving.member == member;
    case COMMAND_DECLINE:
        return command->decline.member == member;
    case COMMAND_VIP_ASSIGN:
        vip = cluster_state_vip(facts, command->vip_assign.net);
        return vip && vip->holder == member && command->vip_assign.holder == member &&
               vip->epoch == command->vip_assign.epoch;
    default:
        return false;
    }
}

void duty_asked(struct duty *duty, uint64_t member, const struct command *command)
{
    if (duty->leads && may_ask(&duty->facts, member, command))
        duty->setup.propose(duty->setup.owner, command, NULL, NULL);
}

void duty_switch(struct duty *duty, uint64_t member, const struct switch_word *change)
{
    const struct cluster_primary *primary = &duty->facts.primary;
    if (!duty->leads || primary->member != member || primary->epoch != change->epoch ||
        primary->phase != CLUSTER_SERVING)
        return;
    duty->watch.switch_to = change->to;
    duty->watch.switch_ready = true;
    duty->setup.changed(duty->setup.owner);
}

const char *duty_why(const struct duty *duty)
{
    return duty->why;
}

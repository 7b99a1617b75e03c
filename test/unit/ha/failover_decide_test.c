/* The leader's next proposal, from facts and from what it heard. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ha/failover_decide.h"
#include "ha/lease_core.h"
#include "src/base/clock.h"

#define MS(ms) ((uint64_t)(ms)*CLOCK_MS)

static struct cluster_state facts;
static struct failover_watch watch;
static struct member_status heard[3];
static uint64_t now_ns;

static int set_up(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    memset(heard, 0, sizeof(heard));
    snprintf(facts.name, sizeof(facts.name), "test");
    facts.members_count = 3;
    for (int i = 0; i < 3; i++)
        facts.members[i] =
            (struct cluster_member){.id = (uint64_t)i + 1, .data_voter = true, .acceptor = true};
    facts.member_next = 4;
    facts.voters_version = facts.acceptors_version = 3;
    facts.lease_ms_max = 800;
    facts.primary = (struct cluster_primary){.epoch = 5,
                                             .phase = CLUSTER_SERVING,
                                             .member = 1,
                                             .timeline = 7,
                                             .lease_ms = 800,
                                             .timeline_reserved = 7,
                                             .served_epoch = 5,
                                             .served_member = 1};
    now_ns = MS(1000000);
    failover_watch_start(&watch, now_ns);
    failover_watch_facts(&watch, now_ns, &facts);
    return 0;
}

static void later(int ms)
{
    now_ns += MS(ms);
    failover_watch_facts(&watch, now_ns, &facts);
}

static void hear(int member)
{
    heard[member - 1].acceptors = facts.acceptors_version;
    failover_watch_heard(&watch, now_ns, (uint64_t)member, &heard[member - 1]);
}

static void promise(int member, bool live)
{
    heard[member - 1].promised_count = 1;
    heard[member - 1].promised[0] =
        (struct lease_promised){{CLUSTER_LEASE_PRIMARY, 0}, facts.primary.epoch, live};
    hear(member);
}

static void report(int member, uint32_t timeline, uint64_t lsn)
{
    heard[member - 1].pg.reported = facts.primary.epoch;
    heard[member - 1].pg.timeline = timeline;
    heard[member - 1].pg.lsn = lsn;
    hear(member);
}

/* 0 = nothing is proposed. */
static int decide(struct command *command)
{
    const char *why = NULL;
    bool any = failover_primary(&facts, &watch, command, &why);
    assert_non_null(why);
    return any ? (int)command->kind : 0;
}

static void test_a_serving_primary_is_left_alone(void **state)
{
    (void)state;
    struct command command;
    assert_int_equal(decide(&command), 0); /* nothing heard: no evidence */
    later(10);
    promise(1, true);
    promise(2, true);
    promise(3, false);
    assert_int_equal(decide(&command), 0); /* one acceptor alone is none either */
    promise(2, false);
    assert_int_equal(decide(&command), COMMAND_FENCE);
    assert_int_equal(command.fence.epoch, 5);
    assert_int_equal(command.fence.phase, CLUSTER_SERVING);
    later(FAILOVER_HEARD_MS + 1); /* what was said has grown old */
    assert_int_equal(decide(&command), 0);
}

static void test_a_reported_death_needs_nobody_else(void **state)
{
    (void)state;
    struct command command;
    heard[0].pg.died = 4;
    hear(1);
    assert_int_equal(decide(&command), 0); /* of an older epoch */
    heard[0].pg.died = 5;
    hear(1);
    assert_int_equal(decide(&command), COMMAND_FENCE);
}

static void test_a_living_one_is_replaced_only_if_somebody_can(void **state)
{
    (void)state;
    struct command command;
    heard[0].pg.failed = 5;
    hear(1);
    assert_int_equal(decide(&command), 0);
    hear(2);
    assert_int_equal(decide(&command), COMMAND_FENCE);
}

static void test_reports_of_a_majority(void **state)
{
    (void)state;
    struct command command;
    facts.primary.phase = CLUSTER_FENCED;
    facts.primary.member = 0;
    report(3, 6, 500);
    assert_int_equal(decide(&command), 0);
    heard[1].pg = (struct pg_status){.reported = 4, .timeline = 9, .lsn = 900};
    hear(2); /* a report of another epoch */
    assert_int_equal(decide(&command), 0);
    report(1, 7, 100);
    assert_int_equal(decide(&command), COMMAND_SET);
    assert_int_equal(command.set.member, 1); /* timeline before position */
    assert_int_equal(command.set.timeline, 8);
    assert_string_equal(command.set.standby_names, "ANY 1 (repl_2, repl_3)");
    facts.members[0].data_voter = false; /* its report counts no more, two of two must report */
    assert_int_equal(decide(&command), 0);
    report(2, 6, 500);
    assert_int_equal(decide(&command), COMMAND_SET);
    assert_int_equal(command.set.member, 2); /* equal positions: the lower id */
    heard[2].pg.priority = 1;
    hear(3);
    decide(&command);
    assert_int_equal(command.set.member, 3);
}

/* Promotes in vain leave something behind each: after many of them there is time between. */
static void test_many_epochs_in_vain_come_later(void **state)
{
    (void)state;
    struct command command;
    facts.primary.phase = CLUSTER_FENCED;
    facts.primary.member = 0;
    facts.primary.epoch = facts.primary.served_epoch + FAILOVER_IN_VAIN;
    later(10);
    report(2, 7, 100);
    report(3, 7, 100);
    assert_int_equal(decide(&command), COMMAND_SET);
    facts.primary.epoch += 3;
    later(10);
    report(2, 7, 100);
    report(3, 7, 100);
    assert_int_equal(decide(&command), 0);
    later(2999);
    assert_int_equal(decide(&command), 0);
    later(2);
    assert_int_equal(decide(&command), COMMAND_SET);
    facts.primary.epoch += 1000;
    later(10);
    report(2, 7, 100);
    report(3, 7, 100);
    later(FAILOVER_REST_MS - 1);
    assert_int_equal(decide(&command), 0);
    later(1);
    assert_int_equal(decide(&command), COMMAND_SET);
}

static void test_the_preferred_one_is_waited_for(void **state)
{
    (void)state;
    struct command command;
    facts.primary.phase = CLUSTER_FENCED;
    facts.primary.member = 0;
    facts.primary.prefer = 3;
    later(0);
    report(1, 7, 100);
    report(2, 7, 100);
    assert_int_equal(decide(&command), 0);
    report(3, 7, 100);
    decide(&command);
    assert_int_equal(command.set.member, 3);
    report(2, 7, 101); /* a better position wins over a wish */
    decide(&command);
    assert_int_equal(command.set.member, 2);
    heard[2].pg.reported = 0;
    hear(3);
    later(FAILOVER_PREFER_MS + 1);
    assert_int_equal(decide(&command), COMMAND_SET);
}

/* What became of the switchover, the next failure of the primary is not held up by it. */
static void test_a_switchover_is_of_one_epoch(void **state)
{
    (void)state;
    struct command command;
    watch.switch_to = 3;
    watch.switch_ready = true;
    later(10);
    promise(1, false);
    promise(2, false);
    assert_int_equal(decide(&command), COMMAND_FENCE);
    assert_int_equal(command.fence.prefer, 3);
    facts.members[2].data_voter = false; /* its data must be made anew */
    assert_int_equal(decide(&command), COMMAND_FENCE);
    assert_int_equal(command.fence.prefer, 0);
    facts.members[2].data_voter = true;
    facts.primary.epoch = facts.primary.served_epoch = 6; /* another one was better */
    facts.primary.member = facts.primary.served_member = 2;
    later(10);
    promise(1, false);
    promise(2, false);
    assert_int_equal(decide(&command), COMMAND_FENCE);
    assert_int_equal(command.fence.prefer, 0);
}

static void test_set_is_given_up(void **state)
{
    (void)state;
    struct command command;
    facts.primary.phase = CLUSTER_SET;
    later(0);
    promise(1, false);
    promise(2, false);
    promise(3, false);
    later(FAILOVER_SET_MS);
    assert_int_equal(decide(&command), 0); /* missing promises mean nothing yet */
    later(1);
    assert_int_equal(decide(&command), COMMAND_FENCE);
    facts.primary.epoch++;
    later(0);
    assert_int_equal(decide(&command), 0);
    facts.primary.declined = true;
    assert_int_equal(decide(&command), COMMAND_FENCE);
}

/* Every other voter's data went another way: the marker waits for one that copies anew. */
static void test_set_waits_for_a_copy(void **state)
{
    (void)state;
    struct command command;
    facts.primary.phase = CLUSTER_SET;
    later(0);
    heard[1].pg.copies = facts.primary.epoch;
    for (int s = 0; s < 60; s++) {
        later(1000);
        hear(1);
        hear(2);
        assert_int_equal(decide(&command), 0);
    }
    hear(2);
    later(FAILOVER_HEARD_MS + 1); /* the one that is copied from is gone */
    hear(2);
    assert_int_equal(decide(&command), COMMAND_FENCE);
    hear(1);
    assert_int_equal(decide(&command), 0);
    later(10);
    heard[1].pg.copies = 0; /* done: it starts, follows and acknowledges now */
    hear(2);
    assert_int_equal(decide(&command), 0);
    later(FAILOVER_SET_MS - 100);
    hear(1);
    hear(2);
    assert_int_equal(decide(&command), 0);
    later(200);
    hear(1);
    assert_int_equal(decide(&command), COMMAND_FENCE);
    heard[1].pg.copies = facts.primary.epoch; /* again: it failed, or another one does */
    hear(2);
    later(0);
    assert_int_equal(decide(&command), 0);
    later(FAILOVER_COPY_MS);
    hear(1);
    hear(2);
    later(0);
    assert_int_equal(decide(&command), COMMAND_FENCE);
}

/* It is not the data of this epoch that is copied, nor by one whose data counts. */
static void test_other_copies_do_not_count(void **state)
{
    (void)state;
    struct command command;
    facts.primary.phase = CLUSTER_SET;
    later(0);
    heard[1].pg.copies = facts.primary.epoch - 1;
    heard[2].pg.copies = facts.primary.epoch;
    facts.members[2].data_voter = false;
    for (int at = 1; at <= 3; at++)
        hear(at);
    later(FAILOVER_SET_MS + 1);
    for (int at = 1; at <= 3; at++)
        hear(at);
    assert_int_equal(decide(&command), COMMAND_FENCE);
}

/* Its region lives, and a copy is under way, which hangs as well. */
static void test_set_does_not_wait_for_a_frozen_one(void **state)
{
    (void)state;
    struct command command;
    facts.primary.phase = CLUSTER_SET;
    later(0);
    heard[1].pg.copies = facts.primary.epoch;
    hear(2);
    heard[0].pg.failed = facts.primary.epoch - 1;
    hear(1);
    later(10);
    assert_int_equal(decide(&command), 0);
    heard[0].pg.failed = facts.primary.epoch;
    hear(1);
    assert_int_equal(decide(&command), COMMAND_FENCE);
}

static void test_data_voters_one_at_a_time(void **state)
{
    (void)state;
    struct command command;
    const char *why = "";
    facts.members[2].data_voter = false;
    heard[0].pg = (struct pg_status){.serves = 5, .in_force = 2, .ready_voter = 3};
    hear(1);
    assert_false(failover_sets(&facts, &watch, &command, &why)); /* the last is not in force */
    heard[0].pg.in_force = 3;
    hear(1);
    facts.leaving = 3;
    assert_false(failover_sets(&facts, &watch, &command, &why)); /* it is on its way out */
    facts.leaving = 0;
    assert_true(failover_sets(&facts, &watch, &command, &why));
    assert_true(command.kind == COMMAND_DATA_VOTERS && command.data_voters.add);
    assert_true(command.data_voters.member == 3 && command.data_voters.version == 3);
    heard[0].pg.ready_voter = 0;
    heard[1].pg.asks_out = true;
    hear(1);
    hear(2);
    assert_false(failover_sets(&facts, &watch, &command, &why)); /* of two, both must report */
    facts.members[2].data_voter = true;
    assert_true(failover_sets(&facts, &watch, &command, &why));
    assert_false(command.data_voters.add);
    later(FAILOVER_HEARD_MS + 1); /* it may have been made anew since it said so */
    hear(1);
    assert_false(failover_sets(&facts, &watch, &command, &why));
}

static void test_acceptors_wait(void **state)
{
    (void)state;
    struct command command;
    const char *why = "";
    facts.members[2].acceptor = false;
    hear(1);
    later(0);
    later(1616);
    hear(3);
    assert_false(failover_sets(&facts, &watch, &command, &why)); /* one of two reported */
    hear(2);
    later(0);
    later(1615);
    hear(3);
    assert_false(failover_sets(&facts, &watch, &command, &why));
    later(1);
    facts.leaving = 3;
    assert_false(failover_sets(&facts, &watch, &command, &why));
    facts.leaving = 0;
    assert_true(failover_sets(&facts, &watch, &command, &why));
    assert_true(command.kind == COMMAND_ACCEPTORS && command.acceptors.member == 3);
}

/* A member that is not heard may come back with the program it had. */
static void test_the_level_is_the_slowest_members(void **state)
{
    (void)state;
    struct command command;
    const char *why = "";
    facts.schema_level = 1;
    for (int i = 0; i < 3; i++) {
        heard[i].level = COMMAND_LEVEL;
        heard[i].pg.serves = i ? 0 : 5;
        promise(i + 1, true);
    }
    heard[2].level = 1;
    hear(3);
    assert_false(failover_decide(&facts, &watch, &command, &why));
    heard[2].level = COMMAND_LEVEL + 7; /* newer than this one */
    hear(3);
    assert_true(failover_decide(&facts, &watch, &command, &why));
    assert_int_equal(command.kind, COMMAND_SCHEMA);
    assert_int_equal(command.schema.level, COMMAND_LEVEL);
    facts.schema_level = COMMAND_LEVEL;
    assert_false(failover_decide(&facts, &watch, &command, &why));
    facts.schema_level = 1;
    later(FAILOVER_HEARD_MS + 1);
    hear(1);
    hear(2);
    assert_false(failover_decide(&facts, &watch, &command, &why));
}

static struct cluster_vip vip(int number, uint64_t holder)
{
    struct cluster_vip made = {
        .holder = holder, .epoch = holder ? (uint64_t)number : 0, .lease_ms = 800};
    snprintf(made.net, sizeof(made.net), "10.0.0.%d/24", number);
    return made;
}

static void test_vips_are_spread(void **state)
{
    (void)state;
    struct command command;
    const char *why = "";
    uint64_t holders[3] = {0};
    facts.vips_count = 3;
    for (int i = 0; i < 3; i++) {
        facts.vips[i] = vip(i + 1, 0);
        heard[i].fit = true;
        hear(i + 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(failover_vips(&facts, &watch, &command, &why));
        assert_string_equal(command.vip_assign.net, facts.vips[i].net);
        holders[i] = facts.vips[i].holder = command.vip_assign.holder;
        facts.vips[i].epoch = ++facts.vip_epoch;
    }
    assert_true(holders[0] != holders[1] && holders[1] != holders[2] && holders[0] != holders[2]);
    assert_false(failover_vips(&facts, &watch, &command, &why));
}

static void test_vips_move_and_come_back(void **state)
{
    (void)state;
    struct command command;
    const char *why = "";
    facts.vips_count = 2;
    facts.vips[0] = vip(1, 1);
    facts.vips[1] = vip(2, 2);
    later(0);
    for (int i = 0; i < 2; i++) {
        heard[i].fit = true;
        hear(i + 1);
    }
    later(500);
    hear(2); /* member 1 is not heard any more */
    facts.leaving = 2;
    assert_false(failover_vips(&facts, &watch, &command, &why)); /* not to one on its way out */
    facts.leaving = 0;
    assert_true(failover_vips(&facts, &watch, &command, &why));
    assert_int_equal(command.vip_assign.holder, 2);
    facts.vips[0].holder = 2;
    facts.vip_epoch = facts.vips[0].epoch = 3;
    later(0);
    hear(1); /* back, but who knows for how long */
    later(100);
    hear(2);
    assert_false(failover_vips(&facts, &watch, &command, &why));
    for (int s = 0; s < 65; s++) {
        later(1000);
        hear(1);
        hear(2);
    }
    assert_true(failover_vips(&facts, &watch, &command, &why));
    assert_int_equal(command.vip_assign.holder, 1);
}

static int assign(struct command *command)
{
    const char *why = "";
    if (!failover_vips(&facts, &watch, command, &why))
        return 0;
    for (int i = 0; i < facts.vips_count; i++)
        if (!strcmp(facts.vips[i].net, command->vip_assign.net)) {
            facts.vips[i].holder = command->vip_assign.holder;
            facts.vips[i].epoch = ++facts.vip_epoch;
        }
    later(1);
    return (int)command->vip_assign.holder;
}

/* Each of them waits for itself: the second is not held up because the first has just moved. */
static void test_all_vips_of_a_lost_holder_move(void **state)
{
    (void)state;
    struct command command;
    facts.vips_count = 3;
    facts.vip_epoch = 3;
    for (int i = 0; i < 3; i++) {
        facts.vips[i] = vip(i + 1, 1);
        heard[i].fit = true;
        hear(i + 1);
    }
    later(0);
    later(401);
    hear(2);
    hear(3);
    assert_int_equal(assign(&command), 2);
    assert_int_equal(assign(&command), 3);
    assert_int_equal(assign(&command), 2);
    assert_int_equal(assign(&command), 0);
    heard[1].fit = false; /* who has just got them is given the time to take them */
    hear(2);
    assert_int_equal(assign(&command), 0);
    later(400);
    hear(2);
    hear(3);
    assert_int_equal(assign(&command), 3);
}

/* The only address is member 1's, who was seen a moment ago by a member that did not lead. */
static void one_vip_of_one_seen(void)
{
    facts.vips_count = 1;
    facts.vip_epoch = 1;
    facts.vips[0] = vip(1, 1);
    memset(&watch, 0, sizeof(watch));
    failover_watch_seen(&watch, 1, now_ns);
}

/* It has been silent for as long, whoever led meanwhile; but who is there is to be heard first. */
static void test_a_new_leader_knows_who_is_silent(void **state)
{
    (void)state;
    struct command command;
    struct member_status ours = {.fit = true};
    one_vip_of_one_seen();
    failover_watch_seen(&watch, 3, now_ns);
    now_ns += MS(600);
    failover_watch_start(&watch, now_ns);
    later(0);
    failover_watch_heard(&watch, now_ns, 2, &ours);
    assert_int_equal(assign(&command), 0);
    later(FAILOVER_GATHER_MS);
    failover_watch_heard(&watch, now_ns, 2, &ours);
    assert_int_equal(assign(&command), 2);
    facts.vips[0] = vip(1, 3); /* one that was never heard of gets its time */
    failover_watch_start(&watch, now_ns);
    watch.count = 0;
    later(0);
    later(FAILOVER_GATHER_MS);
    failover_watch_heard(&watch, now_ns, 2, &ours);
    assert_int_equal(assign(&command), 0);
    later(400);
    failover_watch_heard(&watch, now_ns, 2, &ours);
    assert_int_equal(assign(&command), 2);
}

/* It was heard a moment before this member led, and has not said since whether it is fit: it has as
 * long as any. */
static void test_a_new_leader_waits_for_a_holder(void **state)
{
    (void)state;
    struct command command;
    struct member_status ours = {.fit = true};
    one_vip_of_one_seen();
    failover_watch_start(&watch, now_ns);
    later(0);
    later(400);
    failover_watch_heard(&watch, now_ns, 2, &ours);
    assert_int_equal(assign(&command), 0);
    later(1);
    assert_int_equal(assign(&command), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_serving_primary_is_left_alone, set_up),
        cmocka_unit_test_setup(test_a_reported_death_needs_nobody_else, set_up),
        cmocka_unit_test_setup(test_a_living_one_is_replaced_only_if_somebody_can, set_up),
        cmocka_unit_test_setup(test_reports_of_a_majority, set_up),
        cmocka_unit_test_setup(test_many_epochs_in_vain_come_later, set_up),
        cmocka_unit_test_setup(test_the_preferred_one_is_waited_for, set_up),
        cmocka_unit_test_setup(test_a_switchover_is_of_one_epoch, set_up),
        cmocka_unit_test_setup(test_set_is_given_up, set_up),
        cmocka_unit_test_setup(test_set_waits_for_a_copy, set_up),
        cmocka_unit_test_setup(test_other_copies_do_not_count, set_up),
        cmocka_unit_test_setup(test_set_does_not_wait_for_a_frozen_one, set_up),
        cmocka_unit_test_setup(test_data_voters_one_at_a_time, set_up),
        cmocka_unit_test_setup(test_acceptors_wait, set_up),
        cmocka_unit_test_setup(test_the_level_is_the_slowest_members, set_up),
        cmocka_unit_test_setup(test_vips_are_spread, set_up),
        cmocka_unit_test_setup(test_vips_move_and_come_back, set_up),
        cmocka_unit_test_setup(test_all_vips_of_a_lost_holder_move, set_up),
        cmocka_unit_test_setup(test_a_new_leader_knows_who_is_silent, set_up),
        cmocka_unit_test_setup(test_a_new_leader_waits_for_a_holder, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A member's next step, row by row: facts, what it sees, what follows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ha/member_decide.h"

enum { NEVER, FENCED, SET, SERVING };

/* Self is member 2 of three data voters; the epoch is 5. */
static struct cluster_state facts_of(int phase, uint64_t member)
{
    struct cluster_state facts = {.members_count = 3, .name = "test"};
    for (int i = 0; i < 3; i++)
        facts.members[i] = (struct cluster_member){.id = (uint64_t)i + 1, .data_voter = true};
    facts.primary = (struct cluster_primary){.epoch = 5,
                                             .phase = phase,
                                             .member = member,
                                             .timeline = member ? 8 : 0,
                                             .served_epoch = 4};
    return facts;
}

#define STANDBY \
    .has_data = true, .running = true, .answers = true, .in_recovery = true, .started_for = 3
#define PRIMARY .has_data = true, .running = true, .answers = true, .promoted = true, .timeline = 8
#define READY   STANDBY, .reported = 5, .at_report = true, .names_set = true

static const struct row {
    const char *what;
    int phase;
    uint64_t member;
    struct member_observed seen;
    enum member_step step;
} rows[] = {
    {"fenced: an old primary ends at once", FENCED, 0, {PRIMARY, .started_for = 4}, MEMBER_STOP},
    {"fenced: a standby lets go", FENCED, 0, {STANDBY, .source = 4}, MEMBER_FREEZE},
    {"fenced: a receiver that still lives", FENCED, 0, {STANDBY, .receiving = true}, MEMBER_FREEZE},
    {"fenced: then it reports", FENCED, 0, {STANDBY}, MEMBER_REPORT},
    {"fenced: one that a SET named and that runs since",
     FENCED,
     0,
     {STANDBY, .named = 4},
     MEMBER_STOP},
    {"fenced: one that was started after that", FENCED, 0, {STANDBY, .named = 2}, MEMBER_REPORT},
    {"fenced: stopped is as good", FENCED, 0, {.has_data = true}, MEMBER_REPORT},
    {"fenced: reported", FENCED, 0, {READY}, MEMBER_WAIT},
    {"fenced: reported and stopped, it starts ahead",
     FENCED,
     0,
     {.has_data = true, .reported = 5},
     MEMBER_START},
    {"fenced: amnesia says nothing", FENCED, 0, {STANDBY, .amnesia = true}, MEMBER_WAIT},
    {"fenced: a half rewound one has no position",
     FENCED,
     0,
     {.has_data = true, .rewinding = true},
     MEMBER_WAIT},
    {"fenced: the first member makes the database",
     FENCED,
     0,
     {.may_initialise = true},
     MEMBER_INITIALISE},

    {"below its floor nothing is reported", FENCED, 0, {STANDBY, .floor = 6}, MEMBER_WAIT},
    {"below its floor nobody is followed", SERVING, 1, {STANDBY, .floor = 6}, MEMBER_WAIT},
    {"below its floor nothing is promoted", SET, 2, {READY, .leased = 5, .floor = 6}, MEMBER_WAIT},
    {"at its floor it goes on", FENCED, 0, {STANDBY, .floor = 5}, MEMBER_REPORT},

    {"set: no promote without the lease", SET, 2, {READY}, MEMBER_LEASE},
    {"set: promote", SET, 2, {READY, .leased = 5}, MEMBER_PROMOTE},
    {"set: a lease of another epoch is none", SET, 2, {READY, .leased = 4}, MEMBER_LEASE},
    {"set: restarted with its data moved",
     SET,
     2,
     {STANDBY, .reported = 5, .names_set = true, .leased = 5},
     MEMBER_DECLINE},
    {"set: other names in force",
     SET,
     2,
     {STANDBY, .reported = 5, .at_report = true, .leased = 5},
     MEMBER_DECLINE},
    {"set: its data is gone", SET, 2, {.reported = 5}, MEMBER_DECLINE},
    {"set: never reported", SET, 2, {STANDBY, .leased = 5}, MEMBER_DECLINE},
    {"set: it still receives", SET, 2, {READY, .leased = 5, .receiving = true}, MEMBER_DECLINE},
    {"set: along a timeline that it never reached", SET, 2, {READY, .short_of = true}, MEMBER_STOP},
    {"set: an epoch has one promote", SET, 2, {READY, .leased = 5, .tried = 5}, MEMBER_DECLINE},
    {"set: promoted, still in recovery",
     SET,
     2,
     {PRIMARY, .started_for = 5, .leased = 5, .in_recovery = true},
     MEMBER_WAIT},
    {"set: on another timeline",
     SET,
     2,
     {.has_data = true,
      .running = true,
      .answers = true,
      .promoted = true,
      .timeline = 7,
      .started_for = 5,
      .leased = 5},
     MEMBER_STOP},
    {"set: the lease has ended", SET, 2, {PRIMARY, .started_for = 5}, MEMBER_STOP},
    {"set: mark", SET, 2, {PRIMARY, .started_for = 5, .leased = 5}, MEMBER_MARK},
    {"set: serve", SET, 2, {PRIMARY, .started_for = 5, .leased = 5, .marked = true}, MEMBER_SERVE},
    {"set: it died after the promote",
     SET,
     2,
     {.has_data = true, .promoted = true, .started_for = 5},
     MEMBER_WAIT},
    {"set: others follow the named one", SET, 1, {STANDBY}, MEMBER_FOLLOW},
    {"set: not while one of an older epoch is named",
     SET,
     1,
     {STANDBY, .source = 4},
     MEMBER_FREEZE},
    {"set: following", SET, 1, {STANDBY, .source = 5}, MEMBER_FOLLOWING},
    {"set: an old primary ends", SET, 1, {PRIMARY, .started_for = 4}, MEMBER_STOP},
    {"set: refused, and its data stays until the copy is whole",
     SET,
     1,
     {.has_data = true, .diverged = true},
     MEMBER_CLONE},
    {"set: no data: wait until it serves", SET, 1, {0}, MEMBER_WAIT},

    {"serving: open", SERVING, 2, {PRIMARY, .started_for = 5, .leased = 5}, MEMBER_OPEN},
    {"serving: steady",
     SERVING,
     2,
     {PRIMARY, .started_for = 5, .leased = 5, .open = true},
     MEMBER_STEADY},
    {"serving: the lease has ended",
     SERVING,
     2,
     {PRIMARY, .started_for = 5, .open = true},
     MEMBER_STOP},
    {"serving: a standby of this name is no primary",
     SERVING,
     2,
     {STANDBY, .leased = 5},
     MEMBER_STOP},
    {"serving: it died", SERVING, 2, {.has_data = true}, MEMBER_WAIT},
    {"serving: rewind only what is stopped",
     SERVING,
     1,
     {STANDBY, .diverged = true, .source = 5},
     MEMBER_STOP},
    {"serving: rewind", SERVING, 1, {.has_data = true, .diverged = true}, MEMBER_REWIND},
    {"serving: a rewind that did not end",
     SERVING,
     1,
     {.has_data = true, .rewinding = true},
     MEMBER_REWIND},
    {"serving: amnesia keeps its vote until it is taken",
     SERVING,
     1,
     {STANDBY, .amnesia = true},
     MEMBER_ASK_OUT},
    {"serving: start before following", SERVING, 1, {.has_data = true}, MEMBER_START},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cluster_state facts = facts_of(rows[i].phase, rows[i].member);
        enum member_step step = member_decide(&facts, 2, &rows[i].seen);
        if (step != rows[i].step)
            fail_msg("%s: %s, expected %s", rows[i].what, member_decide_word(step),
                     member_decide_word(rows[i].step));
    }
}

static void test_without_a_vote(void **state)
{
    (void)state;
    struct cluster_state facts = facts_of(SERVING, 1);
    struct member_observed empty = {0}, spoilt = {STANDBY, .amnesia = true};
    facts.members[1].data_voter = false;
    assert_int_equal(member_decide(&facts, 2, &empty), MEMBER_CLONE);
    assert_int_equal(member_decide(&facts, 2, &spoilt), MEMBER_STOP);
    spoilt.running = false;
    assert_int_equal(member_decide(&facts, 2, &spoilt), MEMBER_CLONE);
    facts.primary.phase = FENCED;
    facts.primary.member = 0;
    struct member_observed standby = {STANDBY};
    assert_int_equal(member_decide(&facts, 2, &standby),
                     MEMBER_WAIT); /* it has nothing to report */
}

/* Whatever is seen, nothing is promoted without lease, report, names, in any phase but SET. */
static void test_no_promote_by_accident(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 1u << 12; bits++) {
        struct member_observed seen = {.has_data = bits & 1,
                                       .running = bits & 2,
                                       .answers = bits & 4,
                                       .at_report = bits & 8,
                                       .names_set = bits & 16,
                                       .receiving = bits & 32,
                                       .amnesia = bits & 64,
                                       .rewinding = bits & 128,
                                       .short_of = bits & 256,
                                       .reported = bits & 512 ? 5 : 4,
                                       .leased = bits & 1024 ? 5 : 4,
                                       .source = bits & 2048 ? 5 : 0,
                                       .started_for = 3};
        for (int phase = FENCED; phase <= SERVING; phase++) {
            struct cluster_state facts = facts_of(phase, phase == FENCED ? 0 : 2);
            if (member_decide(&facts, 2, &seen) != MEMBER_PROMOTE)
                continue;
            assert_int_equal(phase, SET);
            assert_true(seen.running && seen.answers && seen.at_report && seen.names_set);
            assert_true(seen.reported == 5 && seen.leased == 5 && !seen.source && !seen.receiving);
            assert_true(!seen.amnesia && !seen.rewinding && !seen.short_of);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_without_a_vote),
        cmocka_unit_test(test_no_promote_by_accident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The table of next steps: every situation of a lone member, and that it always ends well. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ha/pg_decide.h"
#include "src/base/container.h"

enum { SELF = 1, OTHER = 2 };

static struct cluster_state facts_in(int phase)
{
    struct cluster_state facts;
    cluster_state_init(&facts);
    strcpy(facts.name, "site");
    facts.members_count = 1;
    facts.members[0].id = SELF;
    facts.members[0].data_voter = true;
    facts.primary.phase = phase;
    facts.primary.epoch = phase == CLUSTER_NEVER ? 0 : 5;
    facts.primary.member = phase == CLUSTER_SET || phase == CLUSTER_SERVING ? SELF : 0;
    facts.primary.timeline = facts.primary.member ? 9 : 0;
    return facts;
}

#define DATA .has_data = true
#define RUNS DATA, .running = true
#define OURS RUNS, .started_for = 5

static const struct {
    int phase;
    bool follows; /* another leads */
    bool declined;
    struct pg_observed seen;
    enum pg_step step;
} rows[] = {
    /* no data yet */
    {CLUSTER_NEVER, .seen = {.may_initialise = true}, .step = PG_INITIALISE},
    {CLUSTER_NEVER, .seen = {.has_data = false}, .step = PG_WAIT},
    {CLUSTER_SERVING, .seen = {.has_data = false}, .step = PG_WAIT},
    {CLUSTER_SERVING, .seen = {.running = true}, .step = PG_STOP},
    /* the next epoch is the leader's to name */
    {CLUSTER_NEVER, .seen = {DATA}, .step = PG_FENCE},
    {CLUSTER_NEVER, .follows = true, .seen = {DATA}, .step = PG_WAIT},
    {CLUSTER_NEVER, .seen = {RUNS}, .step = PG_STOP},
    {CLUSTER_FENCED, .seen = {DATA}, .step = PG_SET},
    {CLUSTER_FENCED, .follows = true, .seen = {DATA}, .step = PG_WAIT},
    {CLUSTER_FENCED, .seen = {OURS}, .step = PG_STOP},
    /* named: started as a standby, promoted inside the lease, marked, served */
    {CLUSTER_SET, .seen = {DATA}, .step = PG_START},
    {CLUSTER_SET, .seen = {RUNS}, .step = PG_STOP},
    {CLUSTER_SET, .seen = {RUNS, .started_for = 4}, .step = PG_STOP},
    {CLUSTER_SET, .seen = {OURS}, .step = PG_WAIT},
    {CLUSTER_SET, .seen = {OURS, .answers = true, .in_recovery = true}, .step = PG_LEASE},
    {CLUSTER_SET, .seen = {OURS, .answers = true, .in_recovery = true, .leased = true},
     .step = PG_PROMOTE},
    {CLUSTER_SET,
     .seen = {OURS, .answers = true, .in_recovery = true, .leased = true, .promoted = true},
     .step = PG_WAIT},
    {CLUSTER_SET, .seen = {OURS, .answers = true, .timeline = 9, .leased = true, .promoted = true},
     .step = PG_MARK},
    {CLUSTER_SET, .seen = {OURS, .answers = true, .timeline = 8, .leased = true, .promoted = true},
     .step = PG_KILL},
    {CLUSTER_SET, .seen = {OURS, .answers = true, .timeline = 9, .promoted = true},
     .step = PG_KILL},
    {CLUSTER_SET,
     .seen = {OURS, .answers = true, .timeline = 9, .leased = true, .promoted = true,
              .marked = true},
     .step = PG_SERVE},
    /* it died: before the signal it is started again, after it the epoch is spent */
    {CLUSTER_SET, .seen = {DATA, .started_for = 5}, .step = PG_START},
    {CLUSTER_SET, .seen = {DATA, .started_for = 5, .promoted = true}, .step = PG_FENCE},
    {CLUSTER_SET, .declined = true, .seen = {DATA}, .step = PG_FENCE},
    {CLUSTER_SET, .declined = true, .seen = {OURS}, .step = PG_STOP},
    {CLUSTER_SET, .declined = true, .follows = true, .seen = {DATA}, .step = PG_WAIT},
    /* serving */
    {CLUSTER_SERVING, .seen = {OURS, .answers = true, .leased = true}, .step = PG_OPEN},
    {CLUSTER_SERVING, .seen = {OURS, .answers = true, .leased = true, .open = true},
     .step = PG_STEADY},
    {CLUSTER_SERVING, .seen = {OURS, .answers = true, .open = true}, .step = PG_STOP},
    {CLUSTER_SERVING, .seen = {RUNS, .leased = true}, .step = PG_STOP}, /* a regiond before us */
    {CLUSTER_SERVING, .seen = {DATA, .started_for = 5}, .step = PG_FENCE},
    {CLUSTER_SERVING, .follows = true, .seen = {DATA}, .step = PG_WAIT},
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct cluster_state facts = facts_in(rows[i].phase);
        facts.primary.declined = rows[i].declined;
        enum pg_step step = pg_decide(&facts, SELF, !rows[i].follows, &rows[i].seen);
        if (step != rows[i].step)
            fail_msg("row %zu: %s, expected %s", i, pg_decide_word(step),
                     pg_decide_word(rows[i].step));
    }
}

static void test_nothing_runs_without_a_cluster_or_a_vote(void **unused)
{
    (void)unused;
    const struct pg_observed idle = {DATA}, running = {OURS, .leased = true};
    struct cluster_state facts = facts_in(CLUSTER_SERVING);
    facts.name[0] = '\0';
    assert_int_equal(pg_decide(&facts, SELF, true, &idle), PG_WAIT);
    assert_int_equal(pg_decide(&facts, SELF, true, &running), PG_STOP);
    facts = facts_in(CLUSTER_SERVING);
    assert_int_equal(pg_decide(&facts, OTHER, true, &running), PG_STOP);
}

/* Whatever is seen, nothing is promoted or opened without the lease of the epoch it was started
 * for, and nothing serves that was not marked on the timeline that was named. */
static void test_no_state_allows_what_must_not_be(void **unused)
{
    (void)unused;
    for (int phase = 0; phase < CLUSTER_PHASES; phase++) {
        struct cluster_state facts = facts_in(phase);
        for (unsigned bits = 0; bits < 1u << 12; bits++) {
            struct pg_observed seen = {.has_data = bits & 1,
                                       .may_initialise = bits & 2,
                                       .running = bits & 4,
                                       .started_for = bits & 8 ? 5 : 4,
                                       .answers = bits & 16,
                                       .in_recovery = bits & 32,
                                       .timeline = bits & 64 ? 9 : 8,
                                       .promoted = bits & 128,
                                       .marked = bits & 256,
                                       .open = bits & 512,
                                       .leased = bits & 1024};
            enum pg_step step = pg_decide(&facts, SELF, bits & 2048, &seen);
            bool ours = seen.running && seen.started_for == facts.primary.epoch;
            if (step == PG_PROMOTE || step == PG_MARK || step == PG_SERVE || step == PG_OPEN)
                assert_true(ours && seen.leased && facts.primary.member == SELF);
            if (step == PG_MARK || step == PG_SERVE)
                assert_true(seen.promoted && seen.timeline == 9 && !seen.in_recovery);
            if (step == PG_SERVE)
                assert_true(seen.marked);
            if (step == PG_OPEN || step == PG_STEADY)
                assert_int_equal(phase, CLUSTER_SERVING);
            if (step == PG_FENCE || step == PG_SET)
                assert_false(seen.running);
            if (step == PG_START || step == PG_INITIALISE)
                assert_false(seen.running);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nothing_runs_without_a_cluster_or_a_vote),
        cmocka_unit_test(test_no_state_allows_what_must_not_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

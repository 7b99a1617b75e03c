/* The leader's steps from the facts' members to raft's: one at a time, and none without a cause. */
// rooms: region
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/region/member_duty.h"

static struct cluster_view view;
static uint64_t silent; /* the one that does not answer */

static bool answers(void *owner, uint64_t member)
{
    (void)owner;
    return member != silent;
}

static enum member_duty_step decide(uint64_t *member)
{
    return member_duty_decide(&view, answers, NULL, member);
}

/* Members and raft's servers 1..count, all of them voters; 1 leads. */
static void fill(int members, int known)
{
    memset(&view, 0, sizeof(view));
    silent = 0;
    view.self = 1;
    view.facts.members_count = members;
    view.servers_count = known;
    for (int i = 0; i < members; i++)
        view.facts.members[i].id = (uint64_t)i + 1;
    for (int i = 0; i < known; i++)
        view.servers[i] = (struct replica_server){.id = (uint64_t)i + 1, .votes = true};
}

static void test_nothing_to_do(void **unused)
{
    (void)unused;
    uint64_t member;
    fill(3, 3);
    assert_int_equal(decide(&member), MEMBER_DUTY_NONE);
}

static void test_a_new_one_is_added_and_votes_when_it_answers(void **unused)
{
    (void)unused;
    uint64_t member;
    fill(3, 2);
    assert_int_equal(decide(&member), MEMBER_DUTY_ADD);
    assert_int_equal(member, 3);
    fill(3, 3);
    view.servers[2].votes = false;
    silent = 3;
    assert_int_equal(decide(&member), MEMBER_DUTY_NONE);
    silent = 0;
    assert_int_equal(decide(&member), MEMBER_DUTY_PROMOTE);
    assert_int_equal(member, 3);
}

static void test_one_that_waits_holds_up_nobody(void **unused)
{
    (void)unused;
    uint64_t member;
    fill(3, 3);
    view.servers[1].votes = view.servers[2].votes = false;
    silent = 2;
    assert_int_equal(decide(&member), MEMBER_DUTY_PROMOTE);
    assert_int_equal(member, 3);
}

static void test_who_left_is_taken_out_by_another(void **unused)
{
    (void)unused;
    uint64_t member;
    fill(2, 3);
    assert_int_equal(decide(&member), MEMBER_DUTY_REMOVE);
    assert_int_equal(member, 3);
    view.self = 3;
    assert_int_equal(decide(&member), MEMBER_DUTY_HAND_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_a_new_one_is_added_and_votes_when_it_answers),
        cmocka_unit_test(test_one_that_waits_holds_up_nobody),
        cmocka_unit_test(test_who_left_is_taken_out_by_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

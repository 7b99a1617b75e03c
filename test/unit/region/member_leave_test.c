/* Who may leave: never the primary, the quorum, or a copy of the data that cannot be spared. */
// rooms: region
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "src/region/member_leave.h"

static struct cluster_view view;
static struct member_leave_look look;

/* Members 1..count, all of them well; 1 is the primary. */
static void fill(int count)
{
    memset(&view, 0, sizeof(view));
    look = (struct member_leave_look){.view = &view, .count = count};
    view.raft.quorum = true;
    view.facts.primary.member = 1;
    view.facts.members_count = view.servers_count = count;
    for (int i = 0; i < count; i++) {
        struct cluster_member *member = &view.facts.members[i];
        member->id = (uint64_t)i + 1;
        member->data_voter = true;
        snprintf(member->name, sizeof(member->name), "region%d", i + 1);
        view.servers[i] = (struct replica_server){.id = member->id, .votes = true};
        look.seen[i] = (struct member_leave_seen){member->id, true, true};
    }
}

static void expect(int leaver, enum error_code code, const char *words)
{
    struct error err = {.text = ""};
    assert_int_equal(member_leave_check(&look, &view.facts.members[leaver - 1], &err), code);
    assert_non_null(strstr(err.text, words));
}

static void test_one_of_three(void **unused)
{
    (void)unused;
    fill(3);
    expect(3, ERR_OK, "");
    expect(1, ERR_CONFLICT, "switchover");
    look.seen[2].answers = look.seen[2].has_copy = false; /* dead for good */
    expect(3, ERR_OK, "");
    expect(2, ERR_CONFLICT, "without region2 only 1 of 2");
}

static void test_one_of_two_and_the_last(void **unused)
{
    (void)unused;
    fill(2);
    expect(2, ERR_OK, "");
    fill(1);
    view.facts.primary.member = 0;
    expect(1, ERR_CONFLICT, "only region");
}

static void test_copies(void **unused)
{
    (void)unused;
    fill(3);
    look.seen[1].has_copy = false; /* it answers, and its database does not run */
    expect(3, ERR_CONFLICT, "of the other 2 only 1 is there");
    view.facts.members[2].data_voter = false; /* then the leaver's copy does not count */
    expect(3, ERR_OK, "");
}

static void test_no_quorum(void **unused)
{
    (void)unused;
    fill(3);
    view.raft.quorum = false;
    expect(3, ERR_UNAVAILABLE, "no quorum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_three),
        cmocka_unit_test(test_one_of_two_and_the_last),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_no_quorum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who gets which DHCP blocks, and when those of a rack that is gone are free. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ha/block_decide.h"
#include "src/base/clock.h"
#include "test/lib/sample_command.h"

#define STORE "00000000000000000000000000000001"

static struct cluster_state facts;
static struct command command;
static struct block_watch watch;

static int start(void **unused)
{
    (void)unused;
    cluster_state_init(&facts);
    memset(&watch, 0, sizeof(watch));
    sample_command(COMMAND_INIT, &command);
    cluster_state_apply(&facts, &command);
    for (int i = 0; i < 2; i++) {
        sample_command(COMMAND_RACK_ADD, &command);
        snprintf(command.rack_add.system_id, LIMIT_NAME, "rack%d", i);
        snprintf(command.rack_add.name, LIMIT_NAME, "rack%d", i);
        assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
    }
    return 0;
}

/* Ask until nothing is left to do: the blocks that were given, as "first+count ...". */
static const char *ask(const char *rack, uint64_t sequence, struct block_need *need)
{
    static char text[256];
    struct block_ask question = {.rack = rack,
                                 .store = STORE,
                                 .sequence = sequence,
                                 .term_s = 86400,
                                 .longest_s = 600,
                                 .needs = need,
                                 .needs_count = need ? 1 : 0};
    enum block_step step;
    text[0] = '\0';
    while ((step = block_decide(&facts, &question, &command)) == BLOCK_PROPOSE) {
        assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
        block_accepted(&question, &command);
        if (command.kind == COMMAND_BLOCK_GRANT)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%x+%u ",
                     command.block_grant.number, command.block_grant.count);
    }
    return step == BLOCK_REFUSE ? "refused" : text;
}

static void test_from_both_ends(void **unused)
{
    (void)unused;
    struct block_range range = {0x0a000064, 0x0a0000c7}; /* .100 to .199: 7 blocks */
    struct block_need need = {&range, 1, false, "rack1", 2};
    assert_string_equal(ask("rack0", 0, &need), "a00006+2 ");
    need = (struct block_need){&range, 1, true, "rack0", 2};
    assert_string_equal(ask("rack1", 0, &need), "a0000b+2 ");
    need = (struct block_need){&range, 1, false, "rack1", 64};
    assert_string_equal(ask("rack0", 0, &need), "a00008+3 ");
    assert_string_equal(ask("rack0", 0, &need), "");
    assert_int_equal(facts.block_owners[0].renewals, 3); /* one for each question of its own */
}

static void test_the_last_one_is_for_the_other_rack(void **unused)
{
    (void)unused;
    struct block_range range = {0x0a000020, 0x0a00003f}; /* two blocks */
    struct block_need need = {&range, 1, false, "rack1", 2};
    assert_string_equal(ask("rack0", 0, &need), "a00002+1 ");
    need = (struct block_need){&range, 1, true, "rack0", 2};
    assert_string_equal(ask("rack1", 0, &need), "a00003+1 ");
    struct block_range other = {0x0a000120, 0x0a00013f};
    need = (struct block_need){&other, 1, false, NULL, 2};
    assert_string_equal(ask("rack0", 0, &need), "a00012+2 ");
}

/* Ranges that meet within a block have it once; gaps between blocks are filled. */
static void test_ranges_and_gaps(void **unused)
{
    (void)unused;
    struct block_range ranges[] = {{0x0a000020, 0x0a000045}, {0x0a000048, 0x0a00006f}};
    struct block_need need = {ranges, 2, false, NULL, 2};
    assert_string_equal(ask("rack0", 0, &need), "a00002+2 ");
    need = (struct block_need){ranges, 2, true, NULL, 1};
    assert_string_equal(ask("rack1", 0, &need), "a00006+1 ");
    need = (struct block_need){ranges, 2, false, NULL, 9};
    assert_string_equal(ask("rack0", 0, &need), "a00004+1 a00005+1 ");
}

static void test_a_store_that_lost_leases(void **unused)
{
    (void)unused;
    assert_string_equal(ask("rack0", 10, NULL), "");
    assert_string_equal(ask("rack0", 12, NULL), "");
    assert_string_equal(ask("rack0", 11, NULL), "refused");
    assert_string_equal(ask("rack0", 12, NULL), "");
    assert_string_equal(ask("rack1", 3, NULL), ""); /* the same name in another rack */
    assert_int_equal(facts.block_owners_count, 2);
}

/* What its database heard of counts like what it confirmed. */
static void test_a_store_that_told_more(void **unused)
{
    (void)unused;
    struct block_ask question = {
        .rack = "rack0", .store = STORE, .sequence = 20, .told = 21, .term_s = 86400};
    assert_int_equal(block_decide(&facts, &question, &command), BLOCK_BEHIND);
    question.told = 20;
    assert_int_equal(block_decide(&facts, &question, &command), BLOCK_PROPOSE);
}

/* All numbers there are, a few times: as long as there are blocks, not as long as there are
 * numbers.
 */
static void test_given_back_in_bulk(void **unused)
{
    (void)unused;
    struct block_range range = {0x0a000020, 0x0a00009f}, back[64];
    struct block_need need = {&range, 1, false, NULL, 6};
    assert_string_equal(ask("rack0", 0, &need), "a00002+6 ");
    for (int i = 0; i < 64; i++)
        back[i] = (struct block_range){i < 63 ? 0xb00000 : 0, UINT32_MAX / CLUSTER_BLOCK_SIZE};
    struct block_ask question = {.rack = "rack0",
                                 .store = STORE,
                                 .term_s = 86400,
                                 .renewals = 1,
                                 .back = back,
                                 .back_count = 64};
    uint64_t start = clock_boot_ns();
    assert_int_equal(block_decide(&facts, &question, &command), BLOCK_PROPOSE);
    assert_int_equal(command.kind, COMMAND_BLOCK_RETURN);
    assert_int_equal(command.block_return.number, 0xa00002);
    assert_int_equal(command.block_return.count, 6);
    assert_true(clock_boot_ns() - start < CLOCK_S / 2);
}

static void test_given_back(void **unused)
{
    (void)unused;
    struct block_range range = {0x0a000020, 0x0a00009f}; /* blocks 2 to 9 */
    struct block_need need = {&range, 1, false, NULL, 6};
    assert_string_equal(ask("rack0", 0, &need), "a00002+6 ");
    need = (struct block_need){&range, 1, true, NULL, 1};
    assert_string_equal(ask("rack1", 0, &need), "a00009+1 ");
    struct block_range back[] = {{0xa00003, 0xa00004}, {0xa00006, 0xa0000a}};
    struct block_ask question = {.rack = "rack0",
                                 .store = STORE,
                                 .term_s = 86400,
                                 .renewals = 1,
                                 .back = back,
                                 .back_count = 2};
    /* Of what is back in its own hands only, run by run, and then the renewal. */
    const struct {
        uint32_t number, count;
    } runs[] = {{0xa00003, 2}, {0xa00006, 2}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(block_decide(&facts, &question, &command), BLOCK_PROPOSE);
        assert_int_equal(command.kind, COMMAND_BLOCK_RETURN);
        assert_int_equal(command.block_return.number, runs[i].number);
        assert_int_equal(command.block_return.count, runs[i].count);
        assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
        block_accepted(&question, &command);
    }
    assert_int_equal(block_decide(&facts, &question, &command), BLOCK_PROPOSE);
    assert_int_equal(command.kind, COMMAND_BLOCK_OWN);
    assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
    assert_int_equal(facts.blocks_count, 3);
    /* It has one of them again when the same question comes once more, late: nothing is returned.
     */
    need = (struct block_need){&range, 1, false, NULL, 1};
    assert_string_equal(ask("rack0", 0, &need), "a00003+1 ");
    assert_int_equal(block_decide(&facts, &question, &command), BLOCK_PROPOSE);
    assert_int_equal(command.kind, COMMAND_BLOCK_OWN);
}

/* A rack that left the cluster renews nothing, and its blocks are free after its term. */
static void test_a_removed_rack(void **unused)
{
    (void)unused;
    struct block_range range = {0x0a000020, 0x0a00003f};
    struct block_need need = {&range, 1, false, NULL, 2};
    ask("rack0", 0, &need);
    assert_false(block_watch_look(&watch, &facts, 0, &command));
    struct command removal = {.kind = COMMAND_RACK_REMOVE};
    snprintf(removal.rack_remove.system_id, LIMIT_NAME, "rack0");
    assert_int_equal(cluster_state_apply(&facts, &removal)->code, ERR_OK);
    assert_int_equal(facts.blocks_count, 2);
    struct block_ask question = {.rack = "rack0", .store = STORE, .term_s = 86400};
    assert_int_equal(block_decide(&facts, &question, &command), BLOCK_PROPOSE);
    assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_FORBIDDEN);
    uint64_t reclaim_s = block_reclaim_s(&facts.block_owners[0]);
    assert_false(block_watch_look(&watch, &facts, reclaim_s * CLOCK_S - 1, &command));
    assert_true(block_watch_look(&watch, &facts, reclaim_s * CLOCK_S, &command));
    assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
    assert_int_equal(facts.blocks_count + facts.block_owners_count, 0);
}

static void test_free_after_all_that_may_be(void **unused)
{
    (void)unused;
    ask("rack0", 1, NULL);
    uint64_t reclaim_s = block_reclaim_s(&facts.block_owners[0]);
    assert_true(reclaim_s >= 86400 + 864 + 3600 + 150 && reclaim_s < 86400 + 864 + 3600 + 160);
    assert_false(block_watch_look(&watch, &facts, 1000 * CLOCK_S, &command));
    ask("rack0", 1, NULL); /* renewed: it begins anew when that is seen */
    assert_false(block_watch_look(&watch, &facts, (999 + reclaim_s) * CLOCK_S, &command));
    assert_false(block_watch_look(&watch, &facts, (1000 + reclaim_s) * CLOCK_S, &command));
    uint64_t due_ns = (999 + 2 * reclaim_s) * CLOCK_S;
    assert_false(block_watch_look(&watch, &facts, due_ns - 1, &command));
    assert_true(block_watch_look(&watch, &facts, due_ns, &command));
    assert_int_equal(command.kind, COMMAND_BLOCK_EXPIRE);
    struct command expiry = command;
    ask("rack0", 1, NULL); /* renewed before the expiry is applied */
    assert_int_equal(cluster_state_apply(&facts, &expiry)->code, ERR_CONFLICT);
    assert_false(block_watch_look(&watch, &facts, due_ns, &command));
    /* A member that starts anew waits from its start. */
    memset(&watch, 0, sizeof(watch));
    assert_false(block_watch_look(&watch, &facts, due_ns + reclaim_s * CLOCK_S, &command));
    assert_true(block_watch_look(&watch, &facts, due_ns + 2 * reclaim_s * CLOCK_S, &command));
    assert_int_equal(cluster_state_apply(&facts, &command)->code, ERR_OK);
    assert_false(block_watch_look(&watch, &facts, due_ns + 3 * reclaim_s * CLOCK_S, &command));
    assert_int_equal(watch.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_from_both_ends, start),
        cmocka_unit_test_setup(test_the_last_one_is_for_the_other_rack, start),
        cmocka_unit_test_setup(test_ranges_and_gaps, start),
        cmocka_unit_test_setup(test_a_store_that_lost_leases, start),
        cmocka_unit_test_setup(test_a_store_that_told_more, start),
        cmocka_unit_test_setup(test_given_back, start),
        cmocka_unit_test_setup(test_given_back_in_bulk, start),
        cmocka_unit_test_setup(test_a_removed_rack, start),
        cmocka_unit_test_setup(test_free_after_all_that_may_be, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Frames as libraft writes them pass; each length, count and type that it would trust is held to
 * what it can be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "raft/frame_check.h"

static uint8_t frame[1024];
static size_t size;

static void load(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "test/fuzz/corpus/frame_check/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(frame, 1, sizeof(frame), file);
    fclose(file);
}

static bool is_good(void)
{
    size_t need = FRAME_PREAMBLE;
    while (need <= size) {
        size_t have = need;
        if (frame_check(frame, have, &need, NULL))
            return false;
        if (need == have)
            return have == size;
    }
    return false;
}

static const char *const all[] = {"pre_vote", "vote_result", "append",       "heartbeat",
                                  "snapshot", "timeout_now", "append_result"};

static void test_good_frames_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        load(all[i]);
        assert_true(is_good());
    }
}

static void test_type_version_and_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        load(all[i]);
        static const uint8_t places[] = {1, 3, 5, 8, 9, 12, 15};
        for (size_t k = 0; k < sizeof(places); k++) {
            frame[places[k]] ^= 0x41;
            assert_false(is_good());
            frame[places[k]] ^= 0x41;
        }
        frame[0] = 7;
        assert_false(is_good());
        frame[0] = 0;
        assert_false(is_good());
    }
}

static void test_counts_of_entries(void **state)
{
    (void)state;
    struct {
        size_t at;
        uint8_t value;
        const char *what;
    } changes[] = {
        {16 + 32, 4, "one entry more than there are heads"},
        {16 + 32, 2, "one entry less"},
        {16 + 39, 0x80, "a count that overflows"},
        {16 + 40 + 8, 0, "no type"},
        {16 + 40 + 8, 4, "a type there is not"},
        {16 + 40 + 12, 17, "a length that is not whole words"},
        {16 + 40 + 12, 0, "an entry of nothing"},
        {16 + 40 + 15, 0x40, "a length of a gigabyte"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        load("append");
        frame[changes[i].at] = changes[i].value;
        if (is_good())
            fail_msg("passed: %s", changes[i].what);
    }
}

static void test_configurations(void **state)
{
    (void)state;
    load("snapshot");
    size_t at = 16 + 40; /* format, count, then id, address, role */
    struct {
        size_t at;
        uint8_t value;
        const char *what;
    } changes[] = {
        {16 + 32, 8, "its length"},     {at, 2, "its format"},
        {at + 1, 0, "no server"},       {at + 1, 9, "more servers than there are"},
        {at + 8, 1, "count overflows"}, {at + 9, 0, "id 0"},
        {at + 23, 9, "role"},           {at + 24, 1, "the same id twice"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        load("snapshot");
        frame[changes[i].at] = changes[i].value;
        if (is_good())
            fail_msg("passed: %s", changes[i].what);
    }
    load("append"); /* the same configuration as an entry */
    frame[size - 17] = 9;
    assert_false(is_good());
}

static void test_term_of_a_pre_vote(void **state)
{
    (void)state;
    uint8_t term[FRAME_TERM_BYTES];
    load("pre_vote"); /* for term 6: its asker is in 5 */
    assert_int_equal(frame_term(frame, size, term), FRAME_TERM_BYTES);
    memcpy(frame, term, sizeof(term));
    assert_true(is_good());
    assert_int_equal(frame[16], 5);
    for (int i = 32; i < 56; i++)
        assert_int_equal(frame[i], 0);                  /* no log, no flags */
    assert_int_equal(frame_term(frame, size, term), 0); /* a vote, no pre-vote */
    load("append");
    assert_int_equal(frame_term(frame, size, term), 0);
}

static void test_commit_of_a_leader(void **state)
{
    (void)state;
    uint64_t term;
    load("heartbeat"); /* term 6, after entry 8 of term 5, 7 committed */
    assert_int_equal(frame_commit(frame, size, &term), 0);
    frame[16 + 16] = 6; /* entry 8 is of its term, yet not committed */
    assert_int_equal(frame_commit(frame, size, &term), 0);
    frame[16 + 24] = 8;
    assert_int_equal(frame_commit(frame, size, &term), 8);
    assert_int_equal(term, 6);
    frame[16 + 16] = 5; /* committed, but perhaps not all that an earlier leader has */
    assert_int_equal(frame_commit(frame, size, &term), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_frames_pass),   cmocka_unit_test(test_type_version_and_length),
        cmocka_unit_test(test_counts_of_entries),  cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_term_of_a_pre_vote), cmocka_unit_test(test_commit_of_a_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

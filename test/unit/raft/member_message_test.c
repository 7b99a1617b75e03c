/* Messages between members survive the wire, in pieces; what is malformed is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "raft/member_message.h"

static const struct member_message messages[] = {
    {.kind = MEMBER_LEASE_REQUEST,
     .claim = {{CLUSTER_LEASE_VIP, 0x0a000009}, 7, 3, 0x1234567890abcdef, 42, 800}},
    {.kind = MEMBER_LEASE_RELEASE, .release = {{CLUSTER_LEASE_PRIMARY, 0}, 7, 9}},
    {.kind = MEMBER_STATUS,
     .status = {.incarnation = 5,
                .applied = 99,
                .fit = true,
                .level = COMMAND_LEVEL,
                .pg = {.reported = 8, .timeline = 3, .lsn = 1 << 20, .system_id = 77},
                .promised_count = 2,
                .promised = {{{CLUSTER_LEASE_PRIMARY, 0}, 8, true},
                             {{CLUSTER_LEASE_VIP, 1}, 2, false}}}},
    {.kind = MEMBER_PROPOSE,
     .proposal = {.kind = COMMAND_SERVING, .serving = {8, 2, 5, 1 << 20, 77}}},
    {.kind = MEMBER_PROPOSE,
     .proposal = {.kind = COMMAND_VIP_ASSIGN, .vip_assign = {"10.0.0.9/24", 4, 2}}},
    {.kind = MEMBER_EPOCH_ANSWER, .epoch = {12, 8}},
    {.kind = MEMBER_SWITCH_ASK, .change = {8, 3}},
    {.kind = MEMBER_CALLERS,
     .callers = {2, {{0x0a000009, 0x0a000105, 5240, 40000}, {0x0a00000a, 0x0a000106, 5443, 1}}}},
};
enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static void test_round_trip_in_pieces(void **state)
{
    (void)state;
    struct record_out out = {0};
    struct member_message message;
    size_t taken, at = 0;
    for (int i = 0; i < MESSAGES; i++)
        member_message_encode(&messages[i], &out);
    for (int i = 0; i < MESSAGES; i++) {
        for (size_t size = 0; size < 4; size++) {
            assert_int_equal(member_message_decode(out.bytes + at, size, &message, &taken, NULL),
                             ERR_OK);
            assert_int_equal(taken, 0);
        }
        assert_int_equal(
            member_message_decode(out.bytes + at, out.size - at, &message, &taken, NULL), ERR_OK);
        assert_int_equal(message.kind, messages[i].kind);
        assert_memory_equal(&message.status, &messages[i].status, sizeof(message.status));
        at += taken;
    }
    assert_int_equal(at, out.size);
    record_out_free(&out);
}

/* What a newer program says more is left out, what an older one did not say is zero. */
static void test_two_versions_understand_each_other(void **state)
{
    (void)state;
    struct record_out out = {0};
    struct member_message message;
    struct error err;
    size_t taken;
    member_message_encode(&messages[1], &out); /* a release: one record */
    size_t size = out.size;
    out.bytes[4] -= 8; /* without its last field */
    out.bytes[0] = (uint8_t)(size - 8);
    assert_int_equal(member_message_decode(out.bytes, size - 8, &message, &taken, &err), ERR_OK);
    assert_int_equal(message.release.epoch, 7);
    assert_int_equal(message.release.incarnation, 0);
    record_put_number(&out, 0x4711, 8); /* with one more, and another record behind it */
    record_put_number(&out, 0x4712, 8);
    out.bytes[0] = (uint8_t)out.size;
    out.bytes[4] = (uint8_t)(size - 5 + 8);
    assert_int_equal(member_message_decode(out.bytes, out.size, &message, &taken, &err),
                     ERR_CORRUPT); /* ours has no such */
    out.bytes[2] = MEMBER_MESSAGE_VERSION + 1;
    assert_int_equal(member_message_decode(out.bytes, out.size, &message, &taken, &err), ERR_OK);
    assert_int_equal(taken, out.size);
    assert_int_equal(message.release.incarnation, 9);
    out.bytes[3] = 200; /* a kind of its own */
    assert_int_equal(member_message_decode(out.bytes, out.size, &message, &taken, &err), ERR_OK);
    assert_int_equal(message.kind, MEMBER_NOTHING);
    assert_int_equal(taken, out.size);
    record_out_free(&out);
}

static void test_every_change_of_the_head_is_refused(void **state)
{
    (void)state;
    struct record_out out = {0};
    struct member_message message;
    struct error err;
    size_t taken;
    member_message_encode(&messages[1], &out);
    for (size_t i = 0; i < 4; i++) { /* length, version, kind */
        if (i == 2)
            continue; /* of another version: see above */
        out.bytes[i] ^= 0x10;
        enum error_code code = member_message_decode(out.bytes, out.size, &message, &taken, &err);
        assert_true(code == ERR_CORRUPT || taken == 0);
        out.bytes[i] ^= 0x10;
    }
    out.bytes[2] = 1; /* had no lengths of records */
    assert_int_equal(member_message_decode(out.bytes, out.size, &message, &taken, &err),
                     ERR_CORRUPT);
    out.bytes[2] = MEMBER_MESSAGE_VERSION;
    out.bytes[5] = CLUSTER_LEASES; /* the resource's kind */
    assert_int_equal(member_message_decode(out.bytes, out.size, &message, &taken, &err),
                     ERR_CORRUPT);
    record_out_free(&out);
}

static void test_only_a_members_own_proposals_are_taken(void **state)
{
    (void)state;
    struct record_out out = {0};
    struct member_message message = {.kind = MEMBER_PROPOSE, .proposal = {.kind = COMMAND_FENCE}};
    struct error err;
    size_t taken;
    member_message_encode(&message, &out);
    assert_int_equal(member_message_decode(out.bytes, out.size, &message, &taken, &err),
                     ERR_CORRUPT);
    record_out_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_in_pieces),
        cmocka_unit_test(test_two_versions_understand_each_other),
        cmocka_unit_test(test_every_change_of_the_head_is_refused),
        cmocka_unit_test(test_only_a_members_own_proposals_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

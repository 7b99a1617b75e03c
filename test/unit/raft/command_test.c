/* The codec of commands: each kind survives, and nothing else is taken for a command. */
// rooms: raft
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "test/lib/sample_command.h"

static void encode(int kind, struct command *command, struct record_out *out)
{
    struct error err;
    sample_command(kind, command);
    if (command_encode(command, out, &err))
        fail_msg("%s: %s", command_name(kind), err.text);
}

static void test_every_kind_survives(void **unused)
{
    (void)unused;
    int count = 0;
    for (const int *kind = sample_command_kinds; *kind; kind++, count++) {
        struct command sent, seen;
        struct record_out out = {0};
        struct error err;
        encode(*kind, &sent, &out);
        assert_int_equal(out.bytes[0], COMMAND_VERSION);
        assert_int_equal(out.bytes[1], *kind);
        assert_int_equal(command_decode(out.bytes, out.size, &seen, &err), ERR_OK);
        assert_memory_equal(&sent, &seen, sizeof(sent));
        record_out_free(&out);
    }
    assert_int_equal(count, 27);
}

/* A kind gets its level once, for ever: programs of that level are out there. */
static void test_levels(void **unused)
{
    (void)unused;
    for (const int *kind = sample_command_kinds; *kind; kind++) {
        assert_in_range(command_level(*kind), 1, COMMAND_LEVEL);
        assert_int_equal(command_level(*kind), *kind <= COMMAND_BLOCK_EXPIRE ? 1 : 2);
    }
}

/* Cut anywhere or with a byte too many it is none; with a changed byte it is none or another one
 * that has exactly these bytes. */
static void test_one_value_has_one_form(void **unused)
{
    (void)unused;
    for (const int *kind = sample_command_kinds; *kind; kind++) {
        struct command command;
        struct record_out out = {0};
        struct error err;
        encode(*kind, &command, &out);
        for (size_t size = 0; size < out.size; size++) {
            uint8_t *exact = malloc(size + 1);
            memcpy(exact, out.bytes, size);
            assert_int_equal(command_decode(exact, size, &command, &err), ERR_CORRUPT);
            free(exact);
        }
        uint8_t *longer = calloc(1, out.size + 1);
        memcpy(longer, out.bytes, out.size);
        assert_int_equal(command_decode(longer, out.size + 1, &command, &err), ERR_CORRUPT);
        for (size_t at = 0; at < out.size; at++) {
            struct record_out again = {0};
            longer[at] ^= 0x81;
            if (command_decode(longer, out.size, &command, &err) == ERR_OK) {
                assert_int_equal(command_encode(&command, &again, &err), ERR_OK);
                assert_int_equal(again.size, out.size);
                assert_memory_equal(again.bytes, longer, out.size);
            }
            record_out_free(&again);
            longer[at] ^= 0x81;
        }
        free(longer);
        record_out_free(&out);
    }
}

static void test_a_newer_program_wrote_it(void **unused)
{
    (void)unused;
    struct command command;
    struct error err;
    const uint8_t newer[] = {COMMAND_VERSION + 1, COMMAND_FENCE, 0, 0}, kind[] = {1, 200};
    assert_int_equal(command_decode(newer, sizeof(newer), &command, &err), ERR_CONFLICT);
    assert_int_equal(command_decode(kind, sizeof(kind), &command, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "newer version"));
    uint8_t *huge = calloc(1, COMMAND_BYTES + 1);
    huge[0] = huge[1] = 1;
    assert_int_equal(command_decode(huge, COMMAND_BYTES + 1, &command, &err), ERR_CORRUPT);
    free(huge);
}

static void test_what_may_not_stand_is_refused(void **unused)
{
    (void)unused;
    struct command command;
    struct record_out out = {0};
    struct error err;
    sample_command(COMMAND_RACK_ADD, &command);
    strcpy(command.rack_add.name, "two words");
    assert_int_equal(command_encode(&command, &out, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "RACK_ADD: name"));
    sample_command(COMMAND_INIT, &command);
    strcpy(command.init.member.name, "");
    assert_int_equal(command_encode(&command, &out, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "INIT: member: name"));
    sample_command(COMMAND_VIP_DEFINE, &command);
    command.vip_define.http_port = 65536;
    assert_int_equal(command_encode(&command, &out, &err), ERR_BAD_INPUT);
    sample_command(COMMAND_FENCE, &command);
    command.fence.phase = CLUSTER_PHASES;
    assert_int_equal(command_encode(&command, &out, &err), ERR_BAD_INPUT);
    sample_command(COMMAND_SET, &command);
    memset(command.set.standby_names, 'x', sizeof(command.set.standby_names)); /* no end */
    assert_int_equal(command_encode(&command, &out, &err), ERR_BAD_INPUT);
    assert_int_equal(out.size, 0);
    record_out_free(&out);
}

static void test_names(void **unused)
{
    (void)unused;
    assert_string_equal(command_name(COMMAND_FENCE), "FENCE");
    assert_string_equal(command_name(99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_survives),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_one_value_has_one_form),
        cmocka_unit_test(test_a_newer_program_wrote_it),
        cmocka_unit_test(test_what_may_not_stand_is_refused),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

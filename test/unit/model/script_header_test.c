/* Headers of scripts: what is taken, and that every fault is named with its line or key. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/model/script_header.h"

#define START "# --- Start MAAS 1.0 script metadata ---\n"
#define END   "# --- End MAAS 1.0 script metadata ---\n"

static void reads_a_header(void **state)
{
    static const char script[] = "#!/bin/sh\n" START "# name: disk-check\n"
                                 "# title: Check disks\n"
                                 "# description: Reads all.\n"
                                 "# script_type: test\n"
                                 "# hardware_type: storage\n"
                                 "# parallel: instance\n"
                                 "# timeout: 1:02:03\n"
                                 "# tags: a, b\n"
                                 "# destructive: true\n"
                                 "# for_hardware: [pci:8086, 'usb:1d6b']\n"
                                 "# parameters:\n"
                                 "#   storage: {type: storage, argument_format: '{path}'}\n"
                                 "# packages: {apt: [fio]}\n" END "exit 0\n";
    struct arena *arena = arena_new();
    struct script_header header;
    struct error err = {0};
    (void)state;
    if (script_header_parse(script, strlen(script), arena, &header, &err))
        fail_msg("%s", err.text);
    assert_string_equal(header.name, "disk-check");
    assert_string_equal(header.title, "Check disks");
    assert_int_equal(header.type, SCRIPT_TESTING);
    assert_int_equal(header.hardware, SCRIPT_ON_STORAGE);
    assert_int_equal(header.parallel, SCRIPT_BESIDE_ITSELF);
    assert_int_equal(header.timeout_s, 3723);
    assert_int_equal(header.destructive, 1);
    assert_int_equal(header.may_reboot, -1);
    assert_int_equal(json_array_size(header.tags), 2);
    assert_string_equal(json_string_value(json_array_get(header.tags, 1)), "b");
    assert_string_equal(json_string_value(json_array_get(header.for_hardware, 0)), "pci:8086");
    assert_non_null(json_object_get(header.parameters, "storage"));
    assert_non_null(json_object_get(header.packages, "apt"));
    script_header_close(&header);
    arena_free(arena);
}

static void no_header_is_none(void **state)
{
    struct arena *arena = arena_new();
    struct script_header header;
    struct error err = {0};
    (void)state;
    assert_int_equal(script_header_parse("#!/bin/sh\nexit 0", 16, arena, &header, &err), ERR_OK);
    assert_null(header.name);
    assert_int_equal(header.type, -1);
    arena_free(arena);
}

static void refuses(void **state)
{
    static const struct {
        const char *script, *error;
    } bad[] = {
        {"x\n" START "# a: 1\n" END, "a: there is no such key"},
        {"x\n" START "# name: [\n" END, "line 4: did not find expected node content"},
        {"x\n" START "# name: a\nexit\n" END,
         "line 4: expected a comment: --- End MAAS 1.0 script metadata ---"},
        {START "# name: a\n", "line 2: the end is missing: --- End MAAS 1.0 script metadata ---"},
        {START "# - a\n" END, "the header: expected keys with their values"},
        {START "# name: 12\n" END,
         "name: expected letters, digits, dots, dashes and underscores (at most 255, not only "
         "digits)"},
        {START "# timeout: soon\n" END,
         "timeout: expected a time as 0:30:00 or seconds, at most 30 days"},
        {START "# script_type: cook\n" END, "script_type: 'cook' is none"},
        {START "# parallel: 7\n" END, "parallel: '7' is none"},
        {START "# may_reboot: perhaps\n" END, "may_reboot: expected true or false"},
        {START "# tags: {a: b}\n" END, "tags: expected a list of words"},
        {START "# packages: fio\n" END, "packages: expected names with their values"},
        {START "# parameters: {disk: {type: floppy}}\n" END,
         "parameters: disk: expected a type: storage, interface, url, runtime, string, password, "
         "boolean or choice"},
        {START "# parameters: {'a b': {type: url}}\n" END,
         "parameters: expected names of letters, digits, dashes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct arena *arena = arena_new();
        struct script_header header;
        struct error err = {0};
        assert_int_equal(
            script_header_parse(bad[i].script, strlen(bad[i].script), arena, &header, &err),
            ERR_BAD_INPUT);
        assert_string_equal(err.text, bad[i].error);
        script_header_close(&header);
        arena_free(arena);
    }
}

static void times(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"0", 0},          {"90", 90},        {"90s", 90},
        {"2:30", 150},     {"1:00:00", 3600}, {"720:00:00", SCRIPT_TIMEOUT_MOST_S},
        {"720:00:01", -1}, {"", -1},          {"1:", -1},
        {":1", -1},        {"1m", -1},        {"1:2s", -1},
        {"-5", -1},        {"1:2:3:4", -1},   {"12345678", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (script_timeout_parse(cases[i].text) != cases[i].seconds)
            fail_msg("'%s': %lld", cases[i].text, (long long)script_timeout_parse(cases[i].text));
}

static void names(void **state)
{
    (void)state;
    assert_true(script_name_ok("20-maas-03_x.sh"));
    assert_false(script_name_ok(""));
    assert_false(script_name_ok("123"));
    assert_false(script_name_ok("a/b"));
    assert_false(script_name_ok("../x"));
    assert_false(script_name_ok("-rf"));
    assert_int_equal(script_type_parse("Testing"), SCRIPT_TESTING);
    assert_int_equal(script_hardware_parse("disk"), SCRIPT_ON_STORAGE);
    assert_int_equal(script_parallel_parse("any"), SCRIPT_BESIDE_ANY);
    assert_int_equal(script_type_parse("installation"), -1);
#define OVER(identifier, number, name, over, failed) [SCRIPT_##identifier] = (over),
    static const bool over[] = {SCRIPT_STATUS_TABLE(OVER)};
#undef OVER
    assert_false(over[SCRIPT_INSTALLING]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_header), cmocka_unit_test(no_header_is_none),
        cmocka_unit_test(refuses),        cmocka_unit_test(times),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

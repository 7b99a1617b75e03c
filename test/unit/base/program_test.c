/* The command line of a controller's programs: what run gets, and what ends before it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/program.h"

static int runs, keys;
static bool checked;
static char path[64], first_set[64];
static int sets_count;

static void print_keys(void)
{
    keys++;
}

static int run(const struct config_source *source, bool check_only)
{
    runs++;
    checked = check_only;
    strcpy(path, source->path);
    sets_count = source->sets_count;
    strcpy(first_set, source->sets_count ? source->sets[0] : "");
    return 7;
}

static int start(int argc, char **argv)
{
    static const struct program program = {"gantry-x", "A program.", "/etc/x.conf", print_keys,
                                           run};
    runs = keys = 0;
    return program_main(&program, argc, argv);
}
#define START(...)                                                      \
    start((int)(sizeof((char *[]){"x", __VA_ARGS__}) / sizeof(char *)), \
          (char *[]){"x", __VA_ARGS__, NULL})

static void test_what_run_gets(void **unused)
{
    (void)unused;
    assert_int_equal(start(1, (char *[]){"x", NULL}), 7);
    assert_string_equal(path, "/etc/x.conf");
    assert_int_equal(sets_count, 0);
    assert_false(checked);
    assert_int_equal(START("--set", "a.b=1", "--check", "--config", "/f", "--set", "c.d=2"), 7);
    assert_string_equal(path, "/f");
    assert_string_equal(first_set, "a.b=1");
    assert_int_equal(sets_count, 2);
    assert_true(checked);
}

static void test_what_ends_before(void **unused)
{
    (void)unused;
    assert_int_equal(START("--help"), 0);
    assert_int_equal(START("--version"), 0);
    assert_int_equal(START("--help-config"), 0);
    assert_int_equal(keys, 1);
    assert_int_equal(START("--nonsense"), 2);
    assert_int_equal(START("--config"), 2);
    assert_int_equal(START("--check", "more"), 2);
    assert_int_equal(runs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_run_gets),
                                       cmocka_unit_test(test_what_ends_before)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Children that run to their end: output, status, input, limits, no inherited descriptors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/process.h"

static struct arena *arena;

static enum error_code run(const char *const *argv, const char *input, size_t limit, int timeout_ms,
                           struct process_result *result, struct error *err)
{
    struct process_run child = {.argv = argv,
                                .input = input,
                                .input_size = input ? strlen(input) : 0,
                                .output_limit = limit,
                                .timeout_ms = timeout_ms};
    return process_run(&child, arena, result, err);
}

static void test_output_and_status(void **unused)
{
    (void)unused;
    struct process_result result;
    const char *const argv[] = {"/bin/sh", "-c", "cat; echo err >&2; exit 3", NULL};
    assert_int_equal(run(argv, "hello ", 1000, 5000, &result, NULL), ERR_OK);
    assert_int_equal(result.status, 3);
    assert_string_equal(result.output, "hello err\n");
}

static void test_large_output_and_input(void **unused)
{
    (void)unused;
    static char input[300001];
    memset(input, 'x', 300000);
    struct process_result result;
    const char *const argv[] = {"/bin/cat", NULL};
    assert_int_equal(run(argv, input, 400000, 5000, &result, NULL), ERR_OK);
    assert_int_equal(result.output_size, 300000);
    assert_memory_equal(result.output, input, 300000);
    struct error err;
    assert_int_equal(run(argv, input, 1000, 5000, &result, &err), ERR_TOO_LARGE);
}

static void test_precedence_is_not_inherited(void **unused)
{
    (void)unused;
    struct process_result result;
    const char *const argv[] = {"/bin/sh", "-c", "sleep 0.05; exec nice", NULL};
    if (setpriority(PRIO_PROCESS, 0, -5)) /* needs the right to */
        skip();
    assert_int_equal(run(argv, NULL, 1000, 5000, &result, NULL), ERR_OK);
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 0), 0);
    assert_string_equal(result.output, "0\n");
}

static void test_missing_program_and_timeout(void **unused)
{
    (void)unused;
    struct process_result result;
    struct error err;
    const char *const missing[] = {"/nonexistent/program", NULL};
    assert_int_equal(run(missing, NULL, 10, 1000, &result, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/program"));
    const char *const slow[] = {"/bin/sh", "-c", "sleep 30 & wait", NULL};
    uint64_t start = clock_boot_ns();
    assert_int_equal(run(slow, NULL, 10, 200, &result, &err), ERR_TIMEOUT);
    assert_true(clock_boot_ns() - start < 5 * CLOCK_S);
    assert_int_equal(result.status, 128 + 9);
}

static void test_what_is_over_is_ended(void **unused)
{
    (void)unused;
    struct process_result result;
    struct error err;
    atomic_bool over = false;
    const char *const brief[] = {"/bin/echo", "here", NULL};
    const char *const slow[] = {"/bin/sh", "-c", "sleep 30 & wait", NULL};
    struct process_run run_it = {
        .argv = brief, .output_limit = 10, .timeout_ms = 60000, .over = &over};
    assert_int_equal(process_run(&run_it, arena, &result, &err), ERR_OK);
    assert_string_equal(result.output, "here\n");
    atomic_store(&over, true);
    run_it.argv = slow;
    uint64_t start = clock_boot_ns();
    assert_int_equal(process_run(&run_it, arena, &result, &err), ERR_UNAVAILABLE);
    assert_true(clock_boot_ns() - start < 5 * CLOCK_S);
}

static void test_no_descriptors_leak(void **unused)
{
    (void)unused;
    int leaked = dup(1); /* without close-on-exec */
    assert_true(leaked > 2);
    struct process_result result;
    const char *const argv[] = {"/bin/sh", "-c", "ls /proc/self/fd | wc -l", NULL};
    assert_int_equal(run(argv, NULL, 100, 5000, &result, NULL), ERR_OK);
    close(leaked);
    assert_string_equal(result.output, "4\n"); /* 0, 1, 2 and ls's own */
}

static void test_last_line(void **unused)
{
    (void)unused;
    char longer[1000] = "";
    assert_string_equal(process_last_line(arena, "one\n two \r\n\n \n"), "two");
    assert_string_equal(process_last_line(arena, "one"), "one");
    assert_string_equal(process_last_line(arena, ""), "(nothing)");
    assert_string_equal(process_last_line(arena, " \n\t\n"), "(nothing)");
    memset(longer, 'x', sizeof(longer) - 1);
    assert_int_equal(strlen(process_last_line(arena, longer)), 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_status),
        cmocka_unit_test(test_large_output_and_input),
        cmocka_unit_test(test_precedence_is_not_inherited),
        cmocka_unit_test(test_missing_program_and_timeout),
        cmocka_unit_test(test_what_is_over_is_ended),
        cmocka_unit_test(test_no_descriptors_leak),
        cmocka_unit_test(test_last_line),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}

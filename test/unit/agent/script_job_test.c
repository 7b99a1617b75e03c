/*
 * Scripts as children: their words on the command line, what they write, their time limit, and what
 * they leave behind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/agent/script_job.h"
#include "src/base/clock.h"
#include "src/base/file.h"

static char folder[] = "/tmp/script_job_test_XXXXXX";
static struct arena *arena;
static struct error err;

static void write_script(const char *name, const char *text)
{
    char *path = arena_printf(arena, "%s/testing/%s", folder, name);
    if (file_write(path, text, strlen(text), 0755, &err))
        fail_msg("%s", err.text);
}

/* The entry of index.json, with these keys too. */
static json_t *entry_of(const char *name, const char *more)
{
    json_t *entry = json_loads(
        arena_printf(arena,
                     "{\"name\": \"%s\", \"path\": \"testing/%s\", \"script_result_id\": 7%s}",
                     name, name, more),
        0, NULL);
    assert_non_null(entry);
    return entry;
}

/* Runs it to its end; returns after how many ms. */
static uint64_t run(struct script_job *job)
{
    uint64_t start = clock_boot_ns();
    struct script_job *jobs[] = {job};
    if (script_job_start(job, "/bin/true", arena, &err))
        fail_msg("%s", err.text);
    while (!job->over)
        script_job_wait(jobs, 1, 1000);
    return (clock_boot_ns() - start) / CLOCK_MS;
}

static void test_what_it_writes_and_is_told(void **state)
{
    (void)state;
    struct script_job job;
    write_script("words",
                 "#!/bin/sh\necho \"$@\"; echo oops >&2; [ -d \"$DOWNLOAD_PATH\" ] || exit 9\n"
                 "[ \"$BMC_CONFIG_PATH\" = \"$PWD/bmc.yaml\" ] || exit 8\n"
                 "echo \"$GANTRY_AGENT $RUNTIME\"; exit 3\n");
    json_t *entry = entry_of(
        "words",
        ", \"timeout_seconds\": 60, \"parameters\": {\"disk\": {\"type\": \"storage\", \"value\": "
        "{\"path\": \"/dev/sd a\", \"name\": \"sda\"}, \"argument_format\": \"-d {path} "
        "--n={name}\"},"
        " \"runtime\": {\"type\": \"runtime\", \"value\": \"5\"}}");
    assert_int_equal(script_job_read(entry, folder, arena, &job, &err), ERR_OK);
    assert_string_equal(job.argv[2], "/dev/sd a"); /* one word, whatever it holds */
    run(&job);
    assert_int_equal(job.exit_status, 3);
    spool_put(&job.stdout_bytes, "", 1);
    spool_put(&job.stderr_bytes, "", 1);
    assert_string_equal(job.stdout_bytes.bytes, "-d /dev/sd a --n=sda --runtime=5\n/bin/true 60\n");
    assert_string_equal(job.stderr_bytes.bytes, "oops\n");
    assert_int_equal(job.both.used, job.stdout_bytes.used + job.stderr_bytes.used - 2);
    script_job_close(&job);
    json_decref(entry);
}

static void test_its_time_ends_it(void **state)
{
    (void)state;
    struct script_job job;
    write_script("slow", "#!/bin/sh\nsleep 100 & sleep 100\n");
    json_t *entry = entry_of("slow", ", \"timeout_seconds\": 1");
    assert_int_equal(script_job_read(entry, folder, arena, &job, &err), ERR_OK);
    assert_in_range(run(&job), 900, 10000);
    assert_int_equal(job.exit_status, SCRIPT_JOB_TIMED_OUT);
    script_job_close(&job);
    json_decref(entry);
}

/* A daemon in a session of its own keeps the pipes open. */
static void test_what_it_leaves_behind_holds_nobody_up(void **state)
{
    (void)state;
    struct script_job job;
    write_script("daemon", "#!/bin/sh\necho here\nsetsid sleep 20 &\nexit 0\n");
    json_t *entry = entry_of("daemon", "");
    assert_int_equal(script_job_read(entry, folder, arena, &job, &err), ERR_OK);
    assert_in_range(run(&job), 0, 10000);
    assert_int_equal(job.exit_status, 0);
    assert_int_equal(job.both.used, 5);
    script_job_close(&job);
    json_decref(entry);
}

static void test_bad_entries(void **state)
{
    static const char *const bad[] = {
        ", \"path\": \"../etc/x\"",
        ", \"path\": \"testing/../x\"",
        ", \"name\": \"a b\"",
        ", \"timeout_seconds\": -1",
        ", \"script_result_id\": 0",
        ", \"parallel\": 4294967296", /* 0, if bits were cut off */
        ", \"parameters\": {\"disk\": {\"type\": \"storage\"}}",
        ", \"parameters\": {\"disk\": {\"value\": \"x\", \"argument_format\": \"{serial}\"}}",
        ", \"parameters\": {\"disk\": {\"value\": \"x\", \"argument_format\": \"{input\"}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct script_job job;
        json_t *entry = entry_of("x", bad[i]); /* the last of two keys counts */
        assert_int_equal(script_job_read(entry, folder, arena, &job, &err), ERR_BAD_INPUT);
        script_job_close(&job);
        json_decref(entry);
    }
}

/* Formats may name a value again and again: it ends where no program could be started. */
static void test_arguments_have_an_end(void **state)
{
    (void)state;
    struct script_job job;
    char value[4097] = "", format[7 * 17 + 1] = "";
    memset(value, 'v', sizeof(value) - 1);
    for (int words = 16; words <= 17; words++) {
        format[0] = '\0';
        for (int i = 0; i < words; i++)
            strcat(format, "{input}");
        json_t *entry = entry_of("x", arena_printf(arena,
                                                   ", \"parameters\": {\"p\": {\"value\": \"%s\", "
                                                   "\"argument_format\": \"%s\"}}",
                                                   value, format));
        enum error_code code = script_job_read(entry, folder, arena, &job, &err);
        assert_int_equal(code, words == 16 ? ERR_OK : ERR_BAD_INPUT);
        if (!code)
            assert_int_equal(strlen(job.argv[1]), 64 << 10);
        script_job_close(&job);
        json_decref(entry);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return mkdtemp(folder) && !mkdir(arena_printf(arena, "%s/testing", folder), 0700) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return file_remove_tree(folder, NULL) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_writes_and_is_told),
        cmocka_unit_test(test_its_time_ends_it),
        cmocka_unit_test(test_what_it_leaves_behind_holds_nobody_up),
        cmocka_unit_test(test_bad_entries),
        cmocka_unit_test(test_arguments_have_an_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

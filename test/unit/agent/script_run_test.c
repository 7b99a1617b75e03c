/* Scripts from a region's archive to its results: what goes on while packages are installed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/agent/script_run.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "test/lib/test_http.h"

#define INDEX                                                                                      \
    "{\"1.0\": {\"testing_scripts\": ["                                                            \
    "{\"name\": \"needy\", \"path\": \"testing/needy\", \"script_result_id\": 7, \"parallel\": 2," \
    " \"packages\": {\"apt\": [\"gantry-no-package\", \"-o\", \"Bad Name\"]}},"                    \
    "{\"name\": \"plain\", \"path\": \"testing/plain\", \"script_result_id\": 8, \"parallel\": "   \
    "2}]}}"

static char folder[] = "/tmp/script_run_test_XXXXXX";
static struct arena *arena;
static struct test_http http;
static char told[4096]; /* what the region heard: "STATUS name exit_status;" each */
static int archives;    /* how often they were asked for */

static const char *path_of(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static void write_program(const char *name, const char *text)
{
    struct error err;
    if (file_write(path_of(name), text, strlen(text), 0755, &err))
        fail_msg("%s", err.text);
}

/* A field of a multipart body, or "". */
static void copy_field(const struct test_http_exchange *exchange, const char *name, char *to)
{
    char key[64];
    snprintf(key, sizeof(key), "name=\"%s\"\r\n\r\n", name);
    const char *at = memmem(exchange->body, exchange->body_size, key, strlen(key));
    at = at ? at + strlen(key) : "";
    snprintf(to, 40, "%.*s", (int)strcspn(at, "\r"), at);
}

static void answer(struct test_http_exchange *exchange)
{
    char status[40], name[40], end[40];
    if (!strncmp(exchange->head, "GET", 3)) {
        exchange->status = archives++ ? 204 : 200;
        FILE *file = exchange->status == 200 ? fopen(path_of("archive"), "r") : NULL;
        exchange->answer = calloc(1, 1 << 16);
        if (file) {
            exchange->answer_size = fread(exchange->answer, 1, 1 << 16, file);
            fclose(file);
        }
        return;
    }
    copy_field(exchange, "status", status);
    copy_field(exchange, "name", name);
    copy_field(exchange, "exit_status", end);
    size_t used = strlen(told);
    snprintf(told + used, sizeof(told) - used, "%s %s %s;", status, name, end);
}

static void run_all(const char *apt_get)
{
    struct cmdline cmdline = {0};
    struct talk talk;
    struct error err = {0};
    write_program("apt-get", apt_get);
    struct task_packages none = {0};
    struct script_run_setup setup = {.packages = &none,
                                     .folder = path_of("scripts"),
                                     .apt_get = path_of("apt-get"),
                                     .alive_s = 1};
    archives = 0;
    *told = '\0';
    assert_int_equal(system(arena_printf(arena, "rm -rf %s/scripts", folder)), 0);
    talk_open(&talk, &cmdline, clock_boot_ns() + 60 * CLOCK_S);
    talk.preseed = (struct preseed){
        arena_printf(arena, "http://127.0.0.1:%d/MAAS/metadata/", http.port), "a", "b", "c"};
    if (script_run_all(&talk, &setup, &err))
        fail_msg("%s", err.text);
    talk_close(&talk);
}

static size_t place_of(const char *text)
{
    const char *found = strstr(told, text);
    if (!found)
        fail_msg("%s was not told: %s", text, told);
    return (size_t)(found - told);
}

static void test_all_goes_on_while_packages_are_installed(void **unused)
{
    (void)unused;
    run_all(arena_printf(arena, "#!/bin/sh\necho $* >> %s/apt\n[ $1 = update ] || sleep 2.5\n",
                         folder));
    assert_true(place_of("INSTALLING needy ;") < place_of("WORKING  ;")); /* still alive */
    assert_true(place_of("WORKING  ;") < place_of("WORKING needy ;"));
    assert_true(place_of("WORKING plain 0;") < place_of("WORKING needy ;"));
    place_of("WORKING needy 3;");
    char *text = NULL;
    assert_int_equal(file_read(arena, path_of("apt"), 4096, &text, NULL, NULL), ERR_OK);
    assert_string_equal(text,
                        "update -q\ninstall -q -y --no-install-recommends gantry-no-package\n");
}

static void test_packages_that_are_not_to_be_had(void **unused)
{
    (void)unused;
    run_all("#!/bin/sh\nexit 100\n");
    place_of("INSTALLING needy ;");
    place_of("WORKING needy 100;");
    place_of("WORKING plain 0;");
    assert_null(strstr(told, "WORKING needy ;"));
}

static int set_up(void **unused)
{
    (void)unused;
    arena = arena_new();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(path_of("testing"), 0755), 0);
    write_program("testing/needy", "#!/bin/sh\nexit 3\n");
    write_program("testing/plain", "#!/bin/sh\nexit 0\n");
    write_program("index.json", INDEX);
    test_http_open(&http, NULL, 0, answer);
    return system(arena_printf(arena, "cd %s && tar -cf archive index.json testing", folder));
}

static int tear_down(void **unused)
{
    (void)unused;
    test_http_close(&http);
    int rv = system(arena_printf(arena, "rm -rf %s", folder));
    arena_free(arena);
    return rv;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_goes_on_while_packages_are_installed),
        cmocka_unit_test(test_packages_that_are_not_to_be_had),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

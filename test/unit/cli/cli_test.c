/* Flags that hold for all commands, words of commands, secrets from files. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/cli/cli.h"

static int take(struct cli *cli, int argc, const char **words, struct error *err)
{
    return cli_take_flags(cli, argc, (char **)words, err);
}

static void test_flags_are_taken_from_anywhere(void **unused)
{
    (void)unused;
    struct cli cli = {0};
    struct error err = {0};
    const char *words[] = {"gantry", "--profile", "lab",         "machine", "--json",
                           "list",   "-h",        "--socket=/s", "a=b",     "--profiles"};
    assert_int_equal(take(&cli, 10, words, &err), 5);
    assert_string_equal(words[1], "machine");
    assert_string_equal(words[2], "list");
    assert_string_equal(words[3], "a=b");
    assert_string_equal(words[4], "--profiles");
    assert_true(cli.json && cli.help);
    assert_string_equal(cli.profile, "lab");
    assert_string_equal(cli.socket, "/s");
}

static void test_nothing_is_taken_after_two_dashes(void **unused)
{
    (void)unused;
    struct cli cli = {0};
    const char *words[] = {"gantry", "tag", "--", "--json"};
    assert_int_equal(take(&cli, 4, words, NULL), 3);
    assert_string_equal(words[2], "--json");
    assert_false(cli.json);
}

static void test_flag_without_value(void **unused)
{
    (void)unused;
    struct cli cli = {0};
    struct error err = {0};
    const char *words[] = {"gantry", "machine", "--profile"};
    assert_int_equal(take(&cli, 3, words, &err), -1);
    assert_int_equal(err.code, ERR_BAD_INPUT);
    assert_string_equal(err.text, "--profile needs a value");
}

static void test_words_of_a_command(void **unused)
{
    (void)unused;
    char *argv[] = {"cluster", "token", "create", "x"};
    assert_int_equal(cli_match_words("cluster token create", 4, argv), 3);
    assert_int_equal(cli_match_words("cluster", 4, argv), 1);
    assert_int_equal(cli_match_words("cluster tok", 4, argv), 0);
    assert_int_equal(cli_match_words("cluster token create", 2, argv), 0);
}

static void test_secret_from_a_file(void **unused)
{
    (void)unused;
    struct cli cli = {.arena = arena_new()};
    struct error err = {0};
    char path[] = "/tmp/cli_test_XXXXXX";
    close(mkstemp(path));
    const char *secret = NULL;
    assert_int_equal(file_write(path, "s3 cret\r\n", 9, 0600, &err), ERR_OK);
    assert_int_equal(cli_read_secret(&cli, path, &secret, &err), ERR_OK);
    assert_string_equal(secret, "s3 cret");
    assert_int_equal(file_write(path, "\n", 1, 0600, &err), ERR_OK);
    assert_int_equal(cli_read_secret(&cli, path, &secret, &err), ERR_BAD_INPUT);
    assert_int_equal(file_write(path, "a\0b", 3, 0600, &err), ERR_OK);
    assert_int_equal(cli_read_secret(&cli, path, &secret, &err), ERR_BAD_INPUT);
    unlink(path);
    assert_int_equal(cli_read_secret(&cli, path, &secret, &err), ERR_NOT_FOUND);
    arena_free(cli.arena);
}

static void test_usage_points_to_help(void **unused)
{
    (void)unused;
    struct error err = {0};
    assert_int_equal(cli_usage(&err, "login ", "%s is missing", "URL"), ERR_BAD_INPUT);
    assert_string_equal(err.text, "URL is missing; see: gantry login --help");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_are_taken_from_anywhere),
        cmocka_unit_test(test_nothing_is_taken_after_two_dashes),
        cmocka_unit_test(test_flag_without_value),
        cmocka_unit_test(test_words_of_a_command),
        cmocka_unit_test(test_secret_from_a_file),
        cmocka_unit_test(test_usage_points_to_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Flags of control commands become members of the request. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/cli/control_run.h"

static struct cli cli;
static json_t *request;

static int set_up(void **unused)
{
    (void)unused;
    cli = (struct cli){.arena = arena_new()};
    request = json_object();
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    json_decref(request);
    arena_free(cli.arena);
    return 0;
}

static const struct control_command sample = {
    .name = "thing make",
    .doc = "Make a thing.\n\n:param name: its name (needed)\n:param admin_user: whose\n",
    .example = "thing make --name x",
};

static enum error_code parse(int argc, const char **words, struct error *err)
{
    return control_run_parse(&cli, &sample, argc, (char **)words, request, err);
}

static const char *value_of(const char *name)
{
    return json_string_value(json_object_get(request, name));
}

static void test_flags(void **unused)
{
    (void)unused;
    const char *words[] = {"--admin-user=a=b", "--name", "lab"};
    assert_int_equal(parse(3, words, NULL), ERR_OK);
    assert_string_equal(value_of("command"), "thing make");
    assert_string_equal(value_of("name"), "lab");
    assert_string_equal(value_of("admin_user"), "a=b");
    assert_int_equal(json_object_size(request), 3);
}

static void test_a_bare_word_is_what_is_needed(void **unused)
{
    (void)unused;
    const char *words[] = {"--admin-user", "me", "lab"};
    assert_int_equal(parse(3, words, NULL), ERR_OK);
    assert_string_equal(value_of("name"), "lab");
    assert_string_equal(value_of("admin_user"), "me");
}

static void test_flag_from_a_file(void **unused)
{
    (void)unused;
    char path[] = "/tmp/control_run_test_XXXXXX";
    close(mkstemp(path));
    assert_int_equal(file_write(path, "secret\n", 7, 0600, NULL), ERR_OK);
    const char *words[] = {"--name-file", path};
    assert_int_equal(parse(2, words, NULL), ERR_OK);
    assert_string_equal(value_of("name"), "secret");
    unlink(path);
}

static void refuse(int argc, const char **words, const char *why)
{
    struct error err = {0};
    json_object_clear(request);
    assert_int_equal(parse(argc, words, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, why));
    assert_non_null(strstr(err.text, "gantry thing make --help"));
}

static void test_wrong_words(void **unused)
{
    (void)unused;
    refuse(0, NULL, "--name is missing");
    refuse(2, (const char *[]){"--nam", "x"}, "unknown word \"--nam\"");
    refuse(2, (const char *[]){"--admin_user", "x"}, "unknown word");
    refuse(2, (const char *[]){"lab", "other"}, "unknown word \"other\"");
    refuse(1, (const char *[]){"--name"}, "--name needs a value");
    refuse(4, (const char *[]){"--name", "a", "--name", "b"}, "--name is given twice");
    refuse(2, (const char *[]){"--name", "\377"}, "no UTF-8");
    refuse(2, (const char *[]){"--name-file", "/nonexistent/f"}, "/nonexistent/f");
}

static void test_longest_command_is_found(void **unused)
{
    (void)unused;
    int words;
    char *argv[] = {"cluster", "token", "create", "--role", "rack"};
    assert_string_equal(control_run_find(5, argv, &words)->name, "cluster token create");
    assert_int_equal(words, 3);
    assert_null(control_run_find(2, argv, &words));
    assert_true(control_run_is_group("cluster"));
    assert_true(control_run_is_group("status"));
    assert_false(control_run_is_group("clus"));
    assert_false(control_run_is_group("machine"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bare_word_is_what_is_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flag_from_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_longest_command_is_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

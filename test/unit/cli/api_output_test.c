/* What an API action answered, as a person sees it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/cli/api_output.h"

static struct cli cli;

static int set_up(void **unused)
{
    (void)unused;
    cli = (struct cli){.arena = arena_new()};
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    arena_free(cli.arena);
    return 0;
}

static const char *printed(const char *subject, const char *json)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    api_output_print(&cli, subject, value, out);
    fclose(out);
    json_decref(value);
    const char *copy = arena_strdup(cli.arena, text);
    free(text);
    return copy;
}

static void test_list_has_the_subjects_columns(void **unused)
{
    (void)unused;
    assert_string_equal(printed("zone", "[{\"name\": \"a\", \"id\": 1, \"description\": \"\","
                                        " \"resource_uri\": \"/x\"}]"),
                        "ID  NAME  DESCRIPTION\n1   a     -\n");
    assert_string_equal(printed("iprange", "[{\"id\": 7, \"type\": \"dynamic\", \"start_ip\": "
                                           "\"10.0.0.1\", \"end_ip\": \"10.0.0.9\", \"subnet\": "
                                           "{\"cidr\": \"10.0.0.0/24\"}, \"comment\": null}]"),
                        "ID  TYPE     START IP  END IP    SUBNET CIDR  COMMENT\n"
                        "7   dynamic  10.0.0.1  10.0.0.9  10.0.0.0/24  -\n");
}

static void test_unknown_subject_shows_its_plain_members(void **unused)
{
    (void)unused;
    assert_string_equal(printed("other", "[{\"b\": true, \"a\": 2, \"list\": [1], \"o\": {}, "
                                         "\"resource_uri\": \"/x\"}]"),
                        "B    A\nyes  2\n");
}

static void test_what_notifications_name_is_filled_in(void **unused)
{
    (void)unused;
    const char *text =
        printed("notification", "[{\"id\": 1, \"category\": \"error\", \"message\": \"{n} left\", "
                                "\"context\": {\"n\": 3}, \"user\": null, \"users\": false, "
                                "\"admins\": true}]");
    assert_string_equal(text, "ID  CATEGORY  MESSAGE  USER USERNAME  USERS  ADMINS\n"
                              "1   error     3 left   -              no     yes\n");
    assert_string_equal(printed("notification", "{\"message\": \"{lost}\", \"context\": {}}"),
                        "message  {lost}\ncontext  -\n");
}

static void test_long_cells_are_cut_between_characters(void **unused)
{
    (void)unused;
    const char *text =
        printed("other", "[{\"x\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\303\244bbbb\"}]");
    assert_string_equal(text, "X\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\n");
    static const char key[] =
        "aaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbb:cccccccccccccccccccccccccccccccc";
    text = arena_printf(cli.arena, "[{\"token\": \"%s\"}]", key);
    assert_non_null(strstr(printed("account", text), key));
}

static void test_object_is_lines(void **unused)
{
    (void)unused;
    assert_string_equal(printed("machine", "{\"hostname\": \"h\", \"tag_names\": [\"a\", \"b\"], "
                                           "\"zone\": {\"name\": \"z\"}, \"note\": \"x\\ny\", "
                                           "\"owner\": null}"),
                        "hostname   h\ntag_names  a,b\nzone       z\nnote       x\n"
                        "           y\nowner      -\n");
}

static void test_other_values(void **unused)
{
    (void)unused;
    assert_string_equal(printed("x", "[]"), "");
    assert_string_equal(printed("x", "[\"a\", 2]"), "a\n2\n");
    assert_string_equal(printed("x", "\"text\""), "text\n");
    assert_string_equal(printed("x", "12"), "12\n");
    cli.json = true;
    assert_string_equal(printed("zone", "[{\"b\": 1, \"a\": null}]"),
                        "[\n  {\n    \"b\": 1,\n    \"a\": null\n  }\n]\n");
}

static void test_errors_of_forms_and_texts(void **unused)
{
    (void)unused;
    struct arena *arena = cli.arena;
    assert_string_equal(api_output_error(arena, "{\"name\": [\"is long\", \"is odd\"], "
                                                "\"__all__\": [\"no\"], \"x\": \"y\"}"),
                        "name: is long; name: is odd; no; x: y");
    assert_string_equal(api_output_error(arena, "Not Found\n"), "Not Found");
    assert_string_equal(api_output_error(arena, "a\033[1m\n"), "a [1m");
    assert_string_equal(api_output_error(arena, ""), "no text");
    assert_string_equal(api_output_error(arena, "[1"), "[1");
}

static void test_codes_of_statuses(void **unused)
{
    (void)unused;
    assert_int_equal(api_output_code(400), ERR_BAD_INPUT);
    assert_int_equal(api_output_code(401), ERR_UNAUTHORIZED);
    assert_int_equal(api_output_code(404), ERR_NOT_FOUND);
    assert_int_equal(api_output_code(409), ERR_CONFLICT);
    assert_int_equal(api_output_code(500), ERR_INTERNAL);
    assert_int_equal(api_output_code(503), ERR_UNAVAILABLE);
    assert_int_equal(api_output_code(302), ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_list_has_the_subjects_columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_subject_shows_its_plain_members, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_notifications_name_is_filled_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_long_cells_are_cut_between_characters, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_object_is_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_of_forms_and_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_codes_of_statuses, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

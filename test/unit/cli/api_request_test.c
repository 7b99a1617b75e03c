/* One API call as bytes: URL, query, form, multipart, OAuth header. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/cli/api_request.h"

static struct cli cli;
static struct api_request request;
static struct api_request_bytes bytes;

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

/* Rows of a handler that the table has; methods and ops are the test's own. */
static const struct api_action get = {
    .handler_name = "UsersHandler", .method = API_GET, .op = "whoami", .name = "whoami"};
static const struct api_action post = {
    .handler_name = "UsersHandler", .method = API_POST, .name = "create"};

static enum error_code parse(const struct api_action *action, int argc, const char **words,
                             struct error *err)
{
    return api_request_parse(&cli, action, argc, (char **)words, &request, err);
}

static void render(void)
{
    assert_int_equal(
        api_request_render(&request, "http://h/MAAS/api/2.0/", cli.arena, &bytes, NULL), ERR_OK);
}

static void test_get_has_a_query(void **unused)
{
    (void)unused;
    const char *words[] = {"hostname=a b&c", "tags=x", "tags=\303\244", "empty="};
    assert_int_equal(parse(&get, 4, words, NULL), ERR_OK);
    render();
    assert_string_equal(bytes.method, "GET");
    assert_string_equal(bytes.url, "http://h/MAAS/api/2.0/users/?op=whoami&hostname=a%20b%26c&"
                                   "tags=x&tags=%C3%A4&empty=");
    assert_null(bytes.content_type);
    assert_null(bytes.form);
}

static void test_post_has_a_form(void **unused)
{
    (void)unused;
    const char *words[] = {"name=r=1", "n.o-t_e=+"};
    assert_int_equal(parse(&post, 2, words, NULL), ERR_OK);
    render();
    assert_string_equal(bytes.url, "http://h/MAAS/api/2.0/users/");
    assert_string_equal(bytes.content_type, "application/x-www-form-urlencoded");
    assert_string_equal(bytes.form, "name=r%3D1&n.o-t_e=%2B");
}

static void test_post_without_parameters_has_an_empty_form(void **unused)
{
    (void)unused;
    assert_int_equal(parse(&post, 0, NULL, NULL), ERR_OK);
    render();
    assert_string_equal(bytes.form, "");
    assert_non_null(bytes.content_type);
}

static void test_file_is_a_part(void **unused)
{
    (void)unused;
    char path[] = "/tmp/api_request_test_XXXXXX";
    close(mkstemp(path));
    assert_int_equal(file_write(path, "a\0b", 3, 0600, NULL), ERR_OK);
    const char *words[] = {arena_printf(cli.arena, "content@=%s", path), "name=x"};
    assert_int_equal(parse(&post, 2, words, NULL), ERR_OK);
    unlink(path);
    render();
    assert_true(bytes.has_file);
    assert_int_equal(strncmp(bytes.content_type, "multipart/form-data; boundary=", 30), 0);
    const struct spool *body = &bytes.multipart.body;
    const char *text = arena_strndup(cli.arena, body->bytes, body->used);
    assert_non_null(strstr(text, "form-data; name=\"content\"; filename=\"content\"\r\n"));
    assert_non_null(memmem(body->bytes, body->used, "\r\n\r\na\0b\r\n", 9));
    assert_non_null(memmem(body->bytes, body->used, "name=\"name\"", 11));
    assert_non_null(memmem(body->bytes, body->used, "\r\n\r\nx\r\n", 7));
    api_request_close(&bytes);
}

static void test_missing_file_is_named(void **unused)
{
    (void)unused;
    struct error err = {0};
    const char *words[] = {"content@=/nonexistent/x"};
    assert_int_equal(parse(&post, 1, words, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "content: "));
    assert_non_null(strstr(err.text, "/nonexistent/x"));
}

static void test_wrong_words(void **unused)
{
    (void)unused;
    struct error err = {0};
    const char *words[] = {"abc"};
    assert_int_equal(parse(&get, 1, words, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "one word too many: \"abc\""));
    assert_non_null(strstr(err.text, "gantry user whoami --help"));
    words[0] = "--force";
    assert_int_equal(parse(&get, 1, words, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "no flag --force"));
}

static void test_parts_are_counted(void **unused)
{
    (void)unused;
    char *words[] = {"abc", "a=b", "c@=d", "52:54:00:00:00:01", "=x"};
    assert_int_equal(api_request_count_parts(5, words), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get_has_a_query, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_post_has_a_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_post_without_parameters_has_an_empty_form, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_file_is_a_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_file_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts_are_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Forms as the clients of MAAS, browsers and Go write them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/limits.h"
#include "src/region/form.h"

static struct form form;
static struct error err;

static int start(void **unused)
{
    (void)unused;
    form = (struct form){.arena = arena_new()};
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    arena_free(form.arena);
    return 0;
}

static enum error_code urlencoded(const char *text)
{
    return form_urlencoded(&form, text, strlen(text), &err);
}

static enum error_code multipart(const char *type, const char *body)
{
    return form_multipart(&form, type, body, strlen(body), &err);
}

static void assert_param(int index, const char *name, const char *value)
{
    assert_true(index < form.params_count);
    assert_string_equal(form.params[index].name, name);
    assert_string_equal(form.params[index].value, value);
}

static void test_urlencoded(void **unused)
{
    (void)unused;
    assert_int_equal(urlencoded("a=1&b=two+words&n%61me=%C3%BC%26&empty=&alone&&=v&x=a=b&y=%zz%4"),
                     ERR_OK);
    assert_param(0, "a", "1");
    assert_param(1, "b", "two words");
    assert_param(2, "name", "ü&");
    assert_param(3, "empty", "");
    assert_param(4, "alone", "");
    assert_param(5, "", "v");
    assert_param(6, "x", "a=b");
    assert_param(7, "y", "%zz%4");
    assert_int_equal(form.params_count, 8);
    assert_string_equal(form_find(&form, "x"), "a=b");
    assert_null(form_find(&form, "nothing"));
    assert_string_equal(form_take(&form, "b"), "two words");
    assert_null(form_find(&form, "b"));
    assert_param(1, "name", "ü&");
}

static void test_urlencoded_limits(void **unused)
{
    (void)unused;
    assert_int_equal(urlencoded("a=%00"), ERR_BAD_INPUT);
    assert_int_equal(urlencoded("%00=a"), ERR_BAD_INPUT);
    assert_int_equal(form.params_count, 0);
    for (int i = 0; i < LIMIT_PARAMS; i++)
        assert_int_equal(urlencoded("a=1"), ERR_OK);
    assert_int_equal(urlencoded("a=1"), ERR_TOO_LARGE);
}

static void test_json(void **unused)
{
    (void)unused;
    static const char text[] = "{\"a\": \"x\", \"b\": [\"p\", 2, false], \"c\": null, \"d\": 1.5, "
                               "\"e\": {\"k\": [1]}, \"f\": true}";
    assert_int_equal(form_json(&form, text, strlen(text), &err), ERR_OK);
    assert_param(0, "a", "x");
    assert_param(1, "b", "p");
    assert_param(2, "b", "2");
    assert_param(3, "b", "false");
    assert_param(4, "c", "");
    assert_param(5, "d", "1.5");
    assert_param(6, "e", "{\"k\":[1]}");
    assert_param(7, "f", "true");
    assert_int_equal(form_json(&form, "[1]", 3, &err), ERR_BAD_INPUT);
    assert_int_equal(form_json(&form, "{", 1, &err), ERR_BAD_INPUT);
}

#define CLI_TYPE "multipart/form-data; boundary=\"===============3401234567890==\""
#define CLI_LINE "--===============3401234567890=="

/* Every part in base64, lines of 76 characters, no end of the last line. */
static void test_multipart_of_the_cli(void **unused)
{
    (void)unused;
    static const char body[] =
        CLI_LINE "\r\nContent-Type: text/plain; charset=\"utf-8\"\r\nMIME-Version: 1.0\r\n"
                 "Content-Transfer-Encoding: base64\r\n"
                 "Content-Disposition: form-data; name=\"hostname\"\r\n\r\n"
                 "bm9k\r\nZS0x\r\n\r\n" CLI_LINE "\r\nContent-Type: application/octet-stream\r\n"
                 "Content-Transfer-Encoding: base64\r\n"
                 "Content-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n"
                 "AAH/\r\n" CLI_LINE "--";
    assert_int_equal(multipart(CLI_TYPE, body), ERR_OK);
    assert_int_equal(form.params_count, 1);
    assert_param(0, "hostname", "node-1");
    assert_int_equal(form.files_count, 1);
    assert_string_equal(form.files[0].filename, "content");
    assert_int_equal(form.files[0].size, 3);
    assert_memory_equal(form.files[0].bytes, "\x00\x01\xff", 3);
}

static void test_multipart_raw(void **unused)
{
    (void)unused;
    assert_int_equal(multipart("Multipart/Form-Data; charset=utf-8; Boundary=B",
                               "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                               "\r\nline 1\r\n--Bx\r\nx--B\r\n\r\n--B \t\r\n"
                               "content-disposition: FORM-DATA; filename=\"f;\\\"1\\\".txt\";\r\n"
                               " name=b\r\n\r\n\r\n--B--\r\nepilogue"),
                     ERR_OK);
    assert_param(0, "a", "line 1\r\n--Bx\r\nx--B\r\n");
    assert_int_equal(form.files_count, 1);
    assert_string_equal(form.files[0].name, "b");
    assert_string_equal(form.files[0].filename, "f;\"1\".txt");
    assert_int_equal(form.files[0].size, 0);
}

static void test_multipart_with_bare_newlines(void **unused)
{
    (void)unused;
    assert_int_equal(multipart("multipart/form-data; boundary=B",
                               "--B\nContent-Disposition: form-data; name=\"a\"\n\nx\ny\n--B--"),
                     ERR_OK);
    assert_param(0, "a", "x\ny");
}

static void test_multipart_without_parts(void **unused)
{
    (void)unused;
    const char *type = "multipart/form-data; boundary=B";
    assert_int_equal(multipart(type, ""), ERR_OK);
    assert_int_equal(multipart(type, "--B--"), ERR_OK);
    assert_int_equal(multipart(type, "--B\r\n\r\n--B--"), ERR_OK);
    assert_int_equal(multipart(type, "--B\r\n--B--\r\n"), ERR_OK);
    assert_int_equal(form.params_count + form.files_count, 0);
}

static void test_multipart_malformed(void **unused)
{
    (void)unused;
    const char *type = "multipart/form-data; boundary=B";
    static const char with_nul[] =
        "--B\r\nContent-Disposition: form-data; name=a\r\n\r\na\0b\r\n--B--";
    assert_int_equal(multipart("multipart/form-data", "--B--"), ERR_BAD_INPUT);
    assert_int_equal(multipart("multipart/form-data; boundary=\"\"", "--B--"), ERR_BAD_INPUT);
    assert_int_equal(multipart(type, "--C--"), ERR_BAD_INPUT);
    assert_int_equal(multipart(type, "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1"),
                     ERR_BAD_INPUT);
    assert_int_equal(multipart(type, "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                                     "Content-Transfer-Encoding: base64\r\n\r\n!\r\n--B--"),
                     ERR_BAD_INPUT);
    assert_int_equal(form_multipart(&form, type, with_nul, sizeof(with_nul) - 1, &err),
                     ERR_BAD_INPUT);
    assert_int_equal(form.params_count + form.files_count, 0);
}

static void test_choice_by_type(void **unused)
{
    (void)unused;
    assert_int_equal(form_body(&form, NULL, "a=1", 3, &err), ERR_OK);
    assert_int_equal(form_body(&form, "text/plain", "a=1", 3, &err), ERR_OK);
    assert_int_equal(form_body(&form, "application/jsonx", "{}", 2, &err), ERR_OK);
    assert_int_equal(form.params_count, 0);
    assert_int_equal(
        form_body(&form, "Application/X-www-form-urlencoded; charset=utf-8", "a=1", 3, &err),
        ERR_OK);
    assert_int_equal(form_body(&form, "application/json;charset=utf-8", "{\"b\":2}", 7, &err),
                     ERR_OK);
    assert_param(0, "a", "1");
    assert_param(1, "b", "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_urlencoded, start, stop),
        cmocka_unit_test_setup_teardown(test_urlencoded_limits, start, stop),
        cmocka_unit_test_setup_teardown(test_json, start, stop),
        cmocka_unit_test_setup_teardown(test_multipart_of_the_cli, start, stop),
        cmocka_unit_test_setup_teardown(test_multipart_raw, start, stop),
        cmocka_unit_test_setup_teardown(test_multipart_with_bare_newlines, start, stop),
        cmocka_unit_test_setup_teardown(test_multipart_without_parts, start, stop),
        cmocka_unit_test_setup_teardown(test_multipart_malformed, start, stop),
        cmocka_unit_test_setup_teardown(test_choice_by_type, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

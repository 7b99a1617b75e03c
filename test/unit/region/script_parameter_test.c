/* Parameters of scripts: what was given, defaults, bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/region/script_parameter.h"

/* values NULL: the error instead. */
static const struct {
    const char *asked, *given, *values, *error;
} cases[] = {
    {"{}", "{\"x\":\"1\"}", "{}", NULL},
    {"{\"disk\":{\"type\":\"storage\"}}", "{}",
     "{\"disk\":{\"type\":\"storage\",\"value\":\"all\"}}", NULL},
    {"{\"disk\":{\"type\":\"storage\",\"argument_format\":\"{path}\"}}", "{\"disk\":\"all\"}",
     "{\"disk\":{\"argument_format\":\"{path}\",\"type\":\"storage\",\"value\":\"all\"}}", NULL},
    {"{\"t\":{\"type\":\"runtime\",\"default\":60}}", "{}",
     "{\"t\":{\"type\":\"runtime\",\"value\":\"60\"}}", NULL},
    {"{\"t\":{\"type\":\"runtime\",\"default\":60}}", "{\"t\":\"0:02:00\"}",
     "{\"t\":{\"type\":\"runtime\",\"value\":\"120\"}}", NULL},
    {"{\"t\":{\"type\":\"runtime\",\"default\":60}}", "{\"t\":\"5\",\"s_t\":\"7\"}",
     "{\"t\":{\"type\":\"runtime\",\"value\":\"7\"}}", NULL},
    {"{\"t\":{\"type\":\"runtime\",\"max\":10}}", "{\"t\":\"11\"}", NULL,
     "s: t: expected a time within its bounds, as 0:05:00 or seconds"},
    {"{\"u\":{\"type\":\"url\"}}", "{}", NULL, "s: u: expected a value"},
    {"{\"u\":{\"type\":\"url\",\"required\":false}}", "{}", "{}", NULL},
    {"{\"u\":{\"type\":\"url\"}}", "{\"u\":\"file:///etc\"}", NULL, "s: u: expected a URL"},
    {"{\"b\":{\"type\":\"boolean\",\"default\":true}}", "{\"b\":\"0\"}",
     "{\"b\":{\"type\":\"boolean\",\"value\":\"false\"}}", NULL},
    {"{\"c\":{\"type\":\"choice\",\"choices\":[\"a\",[\"b\",\"B\"]]}}", "{\"c\":\"b\"}",
     "{\"c\":{\"type\":\"choice\",\"value\":\"b\"}}", NULL},
    {"{\"c\":{\"type\":\"choice\",\"choices\":[\"a\"]}}", "{\"c\":\"B\"}", NULL,
     "s: c: expected one of its choices"},
    {"{\"x\":{\"type\":\"string\",\"max\":3}}", "{\"x\":\"abcd\"}", NULL,
     "s: x: expected a text as long as it asks"},
    {"{\"x\":{\"type\":\"string\"}}", "{\"x\":\"a\\nb\"}", NULL,
     "s: x: expected one line of at most 1024 bytes"},
    {"{\"a\":{\"type\":\"storage\"},\"b\":{\"type\":\"interface\"}}", "{}", NULL,
     "s: b: expected one disk or interface a script"},
};

static void chooses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *asked = json_loads(cases[i].asked, 0, NULL), *values = NULL;
        json_t *given = json_loads(cases[i].given, 0, NULL);
        struct error err = {0};
        enum error_code code = script_parameter_choose("s", asked, given, &values, &err);
        if (cases[i].error) {
            assert_int_equal(code, ERR_BAD_INPUT);
            assert_string_equal(err.text, cases[i].error);
        } else {
            if (code)
                fail_msg("%s: %s", cases[i].asked, err.text);
            char *text = json_dumps(values, JSON_COMPACT | JSON_SORT_KEYS);
            assert_string_equal(text, cases[i].values);
            free(text);
        }
        json_decref(asked);
        json_decref(given);
        json_decref(values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chooses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

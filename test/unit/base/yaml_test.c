/* YAML as JSON: what becomes what, and what is refused with its line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/yaml.h"

static const struct {
    const char *yaml, *json;
} good[] = {
    {"", "null"},
    {"# only a comment\n", "null"},
    {"a: 1\nb: -2\nc: 1.5\nd: 007\n", "{\"a\":1,\"b\":-2,\"c\":1.5,\"d\":7}"},
    {"a: yes\nb: False\nc: 'yes'\nd: \"1\"\n",
     "{\"a\":true,\"b\":false,\"c\":\"yes\",\"d\":\"1\"}"},
    {"a:\nb: ~\nc: null\nd: ''\n", "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"\"}"},
    {"[a, {b: [1, 2]}, 0:30:00]", "[\"a\",{\"b\":[1,2]},\"0:30:00\"]"},
    {"a: |\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\"}"},
    {"- 1e400\n- .5\n- .\n- 12345678901234567890\n",
     "[\"1e400\",0.5,\".\",\"12345678901234567890\"]"},
};

static const struct {
    const char *yaml, *error;
} bad[] = {
    {"a: 1\na: 2\n", "line 2: a stands twice"},
    {"a: &x 1\n", "line 1: anchors, aliases and tags are not taken"},
    {"b: 1\na: *x\n", "line 2: anchors, aliases and tags are not taken"},
    {"a: !!python/object 1\n", "line 1: anchors, aliases and tags are not taken"},
    {"a: &x [1]\n", "line 1: anchors, aliases and tags are not taken"},
    {"a: 1\n---\nb: 2\n", "line 2: one document was expected"},
    {"? [a]\n: 1\n", "line 1: a key must be a text"},
    {"a: \"\\0\"\n", "line 1: a text with a NUL byte"},
    {"a: [1\n", "line 2: did not find expected ',' or ']'"},
};

static void takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        json_t *value = NULL;
        struct error err = {0};
        enum error_code code = yaml_parse(good[i].yaml, strlen(good[i].yaml), &value, &err);
        if (code)
            fail_msg("%s: %s", good[i].yaml, err.text);
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        assert_string_equal(text, good[i].json);
        free(text);
        json_decref(value);
    }
}

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        json_t *value = NULL;
        struct error err = {0};
        assert_int_equal(yaml_parse(bad[i].yaml, strlen(bad[i].yaml), &value, &err), ERR_BAD_INPUT);
        assert_string_equal(err.text, bad[i].error);
        assert_null(value);
    }
}

static void bounds(void **state)
{
    (void)state;
    json_t *value = NULL;
    struct error err = {0};
    char deep[2 * YAML_DEPTH + 8];
    memset(deep, '[', YAML_DEPTH + 2);
    memset(deep + YAML_DEPTH + 2, ']', YAML_DEPTH + 2);
    assert_int_equal(yaml_parse(deep, 2 * YAML_DEPTH + 4, &value, &err), ERR_TOO_LARGE);
    assert_int_equal(yaml_parse(deep + 1, 2 * YAML_DEPTH + 2, &value, &err), ERR_OK);
    json_decref(value);
    char *wide = malloc(2 * YAML_VALUES + 8);
    wide[0] = '[';
    for (int i = 0; i < YAML_VALUES; i++)
        memcpy(wide + 1 + 2 * i, "1,", 2);
    wide[2 * YAML_VALUES + 1] = ']';
    assert_int_equal(yaml_parse(wide, 2 * YAML_VALUES + 2, &value, &err), ERR_TOO_LARGE);
    free(wide);
    assert_int_equal(yaml_parse("", YAML_BYTES + 1, &value, &err), ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Texts of notifications: names, braces, and what cannot be shown. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/model/notification_text.h"

static const char context_text[] = "{\"name\": \"r\\u00e4ck\", \"count\": 3, \"list\": [1, \"a\"]}";

static void check(const char *message, const char *expected)
{
    struct arena *arena = arena_new();
    json_t *context = json_loads(context_text, 0, NULL);
    const char *text = notification_text(message, context, arena);
    if (expected)
        assert_string_equal(text ? text : "(none)", expected);
    else
        assert_null(text);
    json_decref(context);
    arena_free(arena);
}

static void names_and_braces(void **state)
{
    (void)state;
    check("", "");
    check("plain", "plain");
    check("{name}: {count} of {list}", "r\xc3\xa4"
                                       "ck: 3 of [1,\"a\"]");
    check("{{{count}}} {{name}}", "{3} {name}");
    check("{count:>10} {name!r} {list[0]} {name.x}", "3 r\xc3\xa4"
                                                     "ck [1,\"a\"] r\xc3\xa4"
                                                     "ck");
}

static void what_cannot_be_shown(void **state)
{
    static const char *const bad[] = {"{",  "}",       "a{name", "{}",           "{0}",
                                      "}{", "{other}", "{na{me", "{name{count}}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check(bad[i], NULL);
}

static void too_long(void **state)
{
    struct arena *arena = arena_new();
    char value[4001] = {0}, message[121] = {0};
    (void)state;
    memset(value, 'x', 4000);
    json_t *context = json_pack("{s:s}", "a", value);
    for (int i = 0; i < 40; i++)
        memcpy(message + 3 * i, "{a}", 3);
    assert_null(notification_text(message, context, arena));
    message[30] = '\0';
    assert_int_equal(strlen(notification_text(message, context, arena)), 40000);
    json_decref(context);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_braces),
        cmocka_unit_test(what_cannot_be_shown),
        cmocka_unit_test(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

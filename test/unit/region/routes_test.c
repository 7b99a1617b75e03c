/* Paths and what they lead to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/region/routes.h"

static struct arena *arena;
static struct http_path path;
static struct route_match match;
static struct error err;

static int start(void **unused)
{
    (void)unused;
    arena = arena_new();
    routes_init();
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    arena_free(arena);
    return 0;
}

static enum error_code parse(const char *target)
{
    return http_path_parse(target, arena, &path, &err);
}

static void test_path(void **unused)
{
    (void)unused;
    assert_int_equal(parse("//a///b%2Fc%20+/op-do?x=1&y#z"), ERR_OK);
    assert_int_equal(path.count, 2);
    assert_string_equal(path.segments[0], "a");
    assert_string_equal(path.segments[1], "b/c +");
    assert_string_equal(path.op, "do");
    assert_string_equal(path.query, "x=1&y");
    assert_int_equal(parse("/"), ERR_OK);
    assert_int_equal(path.count, 0);
    assert_int_equal(parse("/a/%2e%2E/b"), ERR_BAD_INPUT);
    assert_int_equal(parse("/a/./b"), ERR_BAD_INPUT);
    assert_int_equal(parse("/a%00"), ERR_BAD_INPUT);
    assert_int_equal(parse("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), ERR_NOT_FOUND);
}

static void test_actions(void **unused)
{
    (void)unused;
    parse("/MAAS/api/2.0/users/jo%40x");
    assert_true(routes_match(&path, arena, &match));
    assert_string_equal(match.resource->name, "UserHandler");
    assert_string_equal(match.values[0].name, "username");
    assert_string_equal(match.values[0].value, "jo@x");
    assert_string_equal(routes_action(&match, API_GET, NULL)->name, "read");
    assert_null(routes_action(&match, API_GET, "read"));
    assert_null(routes_action(&match, API_PUT, NULL));
    assert_int_equal(routes_methods(&match), 1U << API_GET | 1U << API_DELETE);
    assert_ptr_equal(routes_function(routes_action(&match, API_DELETE, NULL)), user_delete);
    parse("/MAAS/api/2.0/");
    assert_false(routes_match(&path, arena, &match));
    parse("/MAAS/api/2.0/users/a/b/");
    assert_false(routes_match(&path, arena, &match));
    parse("/maas/api/2.0/users/");
    assert_false(routes_match(&path, arena, &match));
}

static void check_value(const char *target, const char *handler, const char *value)
{
    parse(target);
    assert_true(routes_match(&path, arena, &match));
    assert_string_equal(match.resource->name, handler);
    assert_int_equal(match.values_count, 1);
    assert_string_equal(match.values[0].value, value);
}

static void test_values_with_slashes(void **unused)
{
    (void)unused;
    check_value("/MAAS/api/2.0/subnets/10.0.0.0/24/", "SubnetHandler", "10.0.0.0/24");
    check_value("/MAAS/api/2.0/subnets/cidr:fd00::/64", "SubnetHandler", "cidr:fd00::/64");
    check_value("/MAAS/api/2.0/subnets/10.0.0.0%2F24/op-statistics", "SubnetHandler",
                "10.0.0.0/24");
    check_value("/MAAS/api/2.0/files/a/b%2Fc/d/", "FileHandler", "a/b/c/d");
    check_value("/MAAS/api/2.0/files/24/", "FileHandler", "24");
    parse("/MAAS/api/2.0/subnets/10.0.0.0/24/x");
    assert_false(routes_match(&path, arena, &match));
    parse("/MAAS/api/2.0/subnets/10.0.0.0/x");
    assert_false(routes_match(&path, arena, &match));
    parse("/MAAS/api/2.0/zones/10.0.0.0/24");
    assert_false(routes_match(&path, arena, &match));
}

/* Every action of the table is found again by its own path: no path hides another. */
static void test_no_route_hides_another(void **unused)
{
    (void)unused;
    for (int i = 0; i < api_actions_count; i++) {
        const struct api_action *action = &api_actions[i];
        const struct api_handler *resource = api_handler_find(action->handler_name);
        assert_non_null(resource);
        parse(arena_printf(arena, "/MAAS/api/2.0/%s", resource->path));
        assert_true(routes_match(&path, arena, &match));
        assert_string_equal(match.resource->name, resource->name);
        assert_ptr_equal(routes_action(&match, action->method, action->op), action);
    }
}

/* MAAS's CLI offers parameters only where the text has ":param". */
static void test_texts_of_actions(void **unused)
{
    (void)unused;
    for (int i = 0; i < api_actions_count; i++) {
        const struct api_action *action = &api_actions[i];
        assert_true(action->doc && strlen(action->doc) > 10);
        if (!action->op && (action->method == API_POST || action->method == API_PUT) &&
            !strstr(action->doc, ":param"))
            fail_msg("%s %s has no :param", action->handler_name, action->name);
    }
}

static void test_pages(void **unused)
{
    (void)unused;
    unsigned allowed;
    parse("/MAAS/accounts/login/");
    assert_true(routes_match_page(&path, API_POST, &match, &allowed));
    assert_ptr_equal(match.page->function, page_login);
    assert_int_equal(match.rest_count, 0);
    assert_false(routes_match_page(&path, API_PUT, &match, &allowed));
    assert_int_equal(allowed, 1U << API_GET | 1U << API_POST);
    parse("/MAAS/api/2.0/describe/");
    assert_true(routes_match_page(&path, API_GET, &match, &allowed));
    assert_ptr_equal(match.page->function, page_describe);
    parse("/MAAS/api/7.0/x/");
    assert_true(routes_match_page(&path, API_GET, &match, &allowed));
    assert_ptr_equal(match.page->function, page_api);
    assert_int_equal(match.rest_count, 2);
    assert_string_equal(match.rest[1], "x");
    parse("/MAAS/accountsx/login/");
    assert_false(routes_match_page(&path, API_GET, &match, &allowed));
    assert_int_equal(allowed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_values_with_slashes),
        cmocka_unit_test(test_no_route_hides_another),
        cmocka_unit_test(test_texts_of_actions),
        cmocka_unit_test(test_pages),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

/* Authorization headers: any order, bounded, decoded. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/region/oauth.h"

static struct arena *arena;

static int start(void **unused)
{
    (void)unused;
    arena = arena_new();
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    arena_free(arena);
    return 0;
}

#define REST "oauth_nonce=\"1\", oauth_timestamp=\"2\", oauth_signature_method=\"PLAINTEXT\""

static enum error_code parse(const char *header, struct oauth *oauth)
{
    struct error err = {0};
    *oauth = (struct oauth){0};
    return oauth_parse(header, arena, oauth, &err);
}

static void test_orders_and_separators(void **unused)
{
    (void)unused;
    static const char *const headers[] = {
        "OAuth realm=\"MAAS API\", oauth_consumer_key=\"k%41\", oauth_token=\"t\", "
        "oauth_signature=\"%26s%26\", oauth_version=\"1.0\", " REST,
        "oauth " REST ",oauth_signature=\"&s&\",oauth_token=\"t\",oauth_consumer_key=\"kA\"",
        "OAuth oauth_consumer_key=kA, oauth_token=t,oauth_signature=%26s%26," REST,
    };
    for (int i = 0; i < 3; i++) {
        struct oauth oauth;
        assert_int_equal(parse(headers[i], &oauth), ERR_OK);
        assert_string_equal(oauth.consumer_key, "kA");
        assert_string_equal(oauth.token_key, "t");
        assert_string_equal(oauth.secret, "s&");
    }
}

static void test_refused(void **unused)
{
    (void)unused;
    struct oauth oauth;
    assert_int_equal(parse("Basic abc", &oauth), ERR_BAD_INPUT);
    assert_int_equal(parse("OAuth ", &oauth), ERR_BAD_INPUT);
    assert_int_equal(parse("OAuth x", &oauth), ERR_BAD_INPUT);
    assert_int_equal(parse("OAuth oauth_token=\"", &oauth), ERR_BAD_INPUT);
    assert_int_equal(parse("OAuth oauth_token=\"%00\", " REST, &oauth), ERR_BAD_INPUT);
    assert_int_equal(parse("OAuth oauth_consumer_key=\"k\", oauth_token=\"t\", " REST, &oauth),
                     ERR_BAD_INPUT); /* no signature */
    assert_int_equal(parse("OAuth oauth_consumer_key=\"k\", oauth_token=\"t\", "
                           "oauth_signature=\"consumer%26s\", " REST,
                           &oauth),
                     ERR_UNAUTHORIZED);
    assert_int_equal(parse("OAuth oauth_consumer_key=\"k\", oauth_token=\"t\", "
                           "oauth_signature=\"%26s\", oauth_nonce=\"1\", oauth_timestamp=\"2\", "
                           "oauth_signature_method=\"HMAC-SHA1\"",
                           &oauth),
                     ERR_UNAUTHORIZED);
}

static void test_bounds(void **unused)
{
    (void)unused;
    struct oauth oauth;
    char *value = arena_alloc(arena, 8000);
    memset(value, 'x', 600);
    assert_int_equal(parse(arena_printf(arena, "OAuth oauth_token=\"%s\"", value), &oauth),
                     ERR_BAD_INPUT);
    memset(value, ',', 7000);
    assert_int_equal(parse(arena_printf(arena, "OAuth %s", value), &oauth), ERR_BAD_INPUT);
}

static void test_query(void **unused)
{
    (void)unused;
    struct form form = {.arena = arena};
    struct oauth oauth;
    struct error err = {0};
    bool found = true;
    static const char query[] = "a=1&oauth_consumer_key=k&oauth_token=t&oauth_signature=%26s&"
                                "oauth_signature_method=PLAINTEXT&oauth_nonce=1&oauth_timestamp=2";
    assert_int_equal(oauth_from_form(&form, &oauth, &found, &err), ERR_OK);
    assert_false(found);
    assert_int_equal(form_urlencoded(&form, query, strlen(query), &err), ERR_OK);
    assert_int_equal(oauth_from_form(&form, &oauth, &found, &err), ERR_OK);
    assert_true(found);
    assert_string_equal(oauth.secret, "s");
    assert_int_equal(form.params_count, 1); /* what is left is the handler's */
    assert_string_equal(form.params[0].name, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_and_separators),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_query),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

/* Join tokens: there and back, and whatever is cut, changed or foreign is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/model/join.h"

#define CA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct join_token sample = {
    .id = "t1",
    .secret = "s3cret",
    .role = "rack",
    .ca = CA,
    .addresses = {"10.0.0.1:5443", "10.0.0.2:5443"},
    .addresses_count = 2,
};

static void test_there_and_back(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    static const char *const secrets[] = {"a", "ab", "abc", "\303\244?~", "abcd"};
    for (int i = 0; i < 5; i++) {
        struct join_token token = sample, read;
        token.secret = secrets[i];
        const char *text = join_token_format(&token, arena);
        assert_null(strpbrk(text, "+/= \n"));
        assert_int_equal(join_token_parse(text, arena, &read, NULL), ERR_OK);
        assert_string_equal(read.id, "t1");
        assert_string_equal(read.secret, token.secret);
        assert_string_equal(read.role, "rack");
        assert_string_equal(read.ca, CA);
        assert_int_equal(read.addresses_count, 2);
        assert_string_equal(read.addresses[1], "10.0.0.2:5443");
    }
    arena_free(arena);
}

static void refuse(const char *text, struct arena *arena)
{
    struct join_token token;
    struct error err;
    assert_int_equal(join_token_parse(text, arena, &token, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "gantry cluster token create"));
}

static void test_refuses_what_is_cut(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    const char *text = join_token_format(&sample, arena);
    for (size_t length = 0; length < strlen(text); length++)
        refuse(arena_strndup(arena, text, length), arena);
    refuse(arena_printf(arena, "%s*", text), arena);
    arena_free(arena);
}

static void test_refuses_wrong_content(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct join_token token = sample;
    token.ca = "0123";
    refuse(join_token_format(&token, arena), arena);
    token = sample;
    token.addresses_count = 0;
    refuse(join_token_format(&token, arena), arena);
    token = sample;
    token.addresses[0] = "no port";
    refuse(join_token_format(&token, arena), arena);
    token = sample;
    token.secret = "";
    refuse(join_token_format(&token, arena), arena);
    refuse("bnVsbA", arena); /* null */
    refuse("e30", arena);    /* {} */
    char *long_text = arena_alloc(arena, JOIN_TOKEN_BYTES + 10);
    memset(long_text, 'A', JOIN_TOKEN_BYTES + 4);
    refuse(long_text, arena);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_refuses_what_is_cut),
        cmocka_unit_test(test_refuses_wrong_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

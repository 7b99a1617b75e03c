/* Questions of racks for blocks: what is taken, and what a rack cannot mean. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/region/block_question.h"

#define STORE "0123456789abcdef0123456789abcdef"
#define WITH(more)         \
    "{\"store\": \"" STORE \
    "\", \"sequence\": 7, \"networks\": [{\"subnet_id\": 3, \"blocks\": 2}]" more "}"
#define BACK(runs) WITH(", \"renewals\": 4, \"back\": " runs)

static struct arena *arena;
static struct block_ask ask;
static struct error err;

static enum error_code read(const char *text)
{
    json_t *params = json_loads(text, 0, NULL), *subnets = json_array();
    assert_non_null(params);
    ask = (struct block_ask){.rack = "r"};
    enum error_code code = block_question_read(params, arena, &ask, subnets, &err);
    if (!code)
        assert_int_equal(json_integer_value(json_array_get(subnets, 0)), 3);
    json_decref(subnets);
    json_decref(params);
    return code;
}

static void test_what_is_asked(void **state)
{
    (void)state;
    assert_int_equal(read(WITH("")), ERR_OK);
    assert_int_equal(ask.sequence, 7);
    assert_int_equal(ask.back_count, 0);
    assert_int_equal(read(BACK("[[0, 2], [2, 1], [268435455, 1]]")), ERR_OK);
    assert_int_equal(ask.renewals, 4);
    assert_int_equal(ask.back_count, 3);
    assert_int_equal(ask.back[0].last, 1);
    assert_int_equal(ask.back[2].first, 268435455);
    assert_int_equal(ask.back[2].last, 268435455);
}

static void test_what_no_rack_asks(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"store\": \"short\", \"sequence\": 7, \"networks\": []}",
        "{\"store\": \"" STORE "\", \"sequence\": -1, \"networks\": []}",
        "{\"store\": \"" STORE "\", \"sequence\": 1, \"networks\": [{\"subnet_id\": 1}]}",
        WITH(", \"back\": []"),
        BACK("{}"),
        BACK("[[1]]"),
        BACK("[[-1, 1]]"),
        BACK("[[1, 0]]"),
        BACK("[[268435455, 2]]"),
        BACK("[[268435456, 1]]"),
        BACK("[[9223372036854775807, 1]]"), /* their sum is none */
        BACK("[[9223372036854775807, 8192]]"),
        BACK("[[5, 2], [6, 1]]"),
        BACK("[[5, 2], [1, 1]]"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (read(bad[i]) != ERR_BAD_INPUT)
            fail_msg("%s is taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked),
        cmocka_unit_test(test_what_no_rack_asks),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}

/* Arenas: zeroed, aligned, large pieces, reset. ASan sees the rest. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/arena.h"

static void test_pieces(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 200000; size = size * 2 + 1) {
            char *bytes = arena_alloc(arena, size);
            assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], 0);
            memset(bytes, 0xee, size);
        }
        assert_true(arena_used(arena) > 200000);
        arena_reset(arena);
        assert_int_equal(arena_used(arena), 0);
    }
    assert_string_equal(arena_printf(arena, "%s-%d", "x", 7), "x-7");
    assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
    assert_null(arena_strdup(arena, NULL));
    assert_string_equal(arena_trim(arena, " \r\n\ta b\tc \n"), "a b\tc");
    assert_string_equal(arena_trim(arena, " \n "), "");
    assert_string_equal(arena_trim(arena, ""), "");
    const char *at = " ,one two,,3, ";
    assert_string_equal(arena_word(arena, &at, ", "), "one");
    assert_string_equal(arena_word(arena, &at, ", "), "two");
    assert_string_equal(arena_word(arena, &at, ", "), "3");
    assert_null(arena_word(arena, &at, ", "));
    assert_string_equal(at, "");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

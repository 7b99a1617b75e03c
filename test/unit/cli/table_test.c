/* Tables as a terminal shows them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/table.h"

static void expect(const struct table *table, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    table_print(table, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_columns_are_aligned(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct table table;
    table_init(&table, arena, (const char *const[]){"id", "name"}, 2);
    table_add(&table, (const char *const[]){"1", "default"});
    table_add(&table, (const char *const[]){"1000", NULL});
    expect(&table, "ID    NAME\n1     default\n1000  -\n");
    arena_free(arena);
}

static void test_characters_count_not_bytes(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct table table;
    table_init(&table, arena, (const char *const[]){"n", "z"}, 2);
    table_add(&table, (const char *const[]){"\303\244\303\266", "1"});
    table_add(&table, (const char *const[]){"abc", "2"});
    expect(&table, "N    Z\n\303\244\303\266   1\nabc  2\n");
    arena_free(arena);
}

static void test_control_characters_do_not_reach_the_terminal(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct table table;
    table_init(&table, arena, (const char *const[]){"x"}, 1);
    table_add(&table, (const char *const[]){"a\033[31m\nb"});
    expect(&table, "X\na?[31m?b\n");
    arena_free(arena);
}

static void test_many_rows(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct table table;
    table_init(&table, arena, (const char *const[]){"x", "y"}, 2);
    for (int i = 0; i < 1000; i++)
        table_add(&table, (const char *const[]){arena_printf(arena, "%d", i), "y"});
    assert_int_equal(table.rows, 1001);
    assert_string_equal(table.cells[2 * 1000], "999");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_aligned),
        cmocka_unit_test(test_characters_count_not_bytes),
        cmocka_unit_test(test_control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(test_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

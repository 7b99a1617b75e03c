/* Doc texts: summary, the rest, parameters over several lines, wrapping. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/cli/doc_text.h"

static void test_parts_of_a_text(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct doc_text text;
    doc_text_read("Allocate a machine.\nThe best fit.  \n\nTwice.\n\n"
                  ":param name: its name (needed)\n"
                  ":param mem: at least\n    so much,\n    in MiB\n"
                  ":param zone: Required. In it.\nAfter.\n",
                  arena, &text);
    assert_string_equal(text.summary, "Allocate a machine.");
    assert_string_equal(text.more, "The best fit.\n\nTwice.\n\nAfter.");
    assert_int_equal(text.params_count, 3);
    assert_string_equal(doc_text_find(&text, "mem")->text, "at least so much, in MiB");
    assert_true(doc_text_find(&text, "name")->needed);
    assert_false(doc_text_find(&text, "mem")->needed);
    assert_true(doc_text_find(&text, "zone")->needed);
    assert_null(doc_text_find(&text, "gone"));
    arena_free(arena);
}

static void test_odd_texts(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct doc_text text;
    doc_text_read("", arena, &text);
    assert_string_equal(text.summary, "");
    assert_int_equal(text.params_count, 0);
    doc_text_read("x\n:param\n:param a\n:param :\n", arena, &text);
    assert_int_equal(text.params_count, 1);
    const char *many = "x\n";
    for (int i = 0; i < 2 * DOC_TEXT_PARAMS; i++)
        many = arena_printf(arena, "%s:param p%d: t\n", many, i);
    doc_text_read(many, arena, &text);
    assert_int_equal(text.params_count, DOC_TEXT_PARAMS);
    arena_free(arena);
}

static void test_wrapping(void **unused)
{
    (void)unused;
    char *out_text = NULL;
    size_t size;
    FILE *out = open_memstream(&out_text, &size);
    doc_text_wrap(out, "one two three four", 2, 12);
    doc_text_wrap(out, "incomprehensibilities", 2, 10);
    fclose(out);
    assert_string_equal(out_text, "one two\n  three four\nincomprehensibilities\n");
    free(out_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_of_a_text),
        cmocka_unit_test(test_odd_texts),
        cmocka_unit_test(test_wrapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Replies in XML: what is found in which order, and what is not taken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/rack/power_xml.h"

static const char text[] = "<?xml version=\"1.0\"?><r xmlns:p=\"urn:p\"> <a n=\"1\"> one <b/> </a>"
                           "<p:a n=\"2\"><a n=\"3\"><c>x &amp; y</c></a></p:a><d/><a n=\"4\"/></r>";

static void test_in_the_order_of_the_text(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct power_xml *xml;
    assert_int_equal(power_xml_read(text, strlen(text), &xml, NULL), ERR_OK);
    const struct power_xml_element *root = power_xml_root(xml), *each = NULL, *second = NULL;
    const char *found = "";
    while ((each = power_xml_next(root, each, "a"))) {
        found = arena_printf(arena, "%s%s", found, power_xml_attribute(each, "n", arena));
        second = strcmp(power_xml_attribute(each, "n", arena), "2") ? second : each;
    }
    assert_string_equal(found, "1234");
    /* only what is inside of it, not what comes behind */
    each = power_xml_next(second, NULL, "a");
    assert_string_equal(power_xml_attribute(each, "n", arena), "3");
    assert_null(power_xml_next(second, each, "a"));
    assert_null(power_xml_next(second, NULL, "d"));
    assert_string_equal(power_xml_text(power_xml_next(root, NULL, "c"), arena), "x & y");
    assert_string_equal(power_xml_text(power_xml_next(root, NULL, "a"), arena), "one");
    assert_ptr_equal(power_xml_child(root), power_xml_next(root, NULL, "a"));
    assert_null(power_xml_child(power_xml_next(root, NULL, "d")));
    assert_null(power_xml_text(NULL, arena));
    assert_null(power_xml_attribute(root, "n", arena));
    power_xml_free(xml);
    arena_free(arena);
}

static void test_what_is_not_taken(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "", "x", "<a>", "<a></b>", "<!DOCTYPE a [<!ENTITY e \"e\">]><a>&e;</a>", "<a>&e;</a>"};
    struct power_xml *xml;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(power_xml_read(bad[i], strlen(bad[i]), &xml, NULL), ERR_CORRUPT);
        assert_null(xml);
    }
}

static void test_escaped(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    assert_string_equal(power_xml_escape(arena, "<a b=\"c\" d='e'>&"),
                        "&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;");
    assert_string_equal(power_xml_escape(arena, ""), "");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_order_of_the_text),
        cmocka_unit_test(test_what_is_not_taken),
        cmocka_unit_test(test_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

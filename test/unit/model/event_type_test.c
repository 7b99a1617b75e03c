/* Event types and the words of their levels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/model/event_type.h"

static void levels(void **state)
{
    (void)state;
    assert_int_equal(event_level_parse("warning"), EVENT_WARNING);
    assert_int_equal(event_level_parse("AUDIT"), EVENT_AUDIT);
    assert_int_equal(event_level_parse("LOUD"), -1);
    assert_string_equal(event_level_name(EVENT_CRITICAL), "CRITICAL");
    assert_string_equal(event_level_name(EVENT_AUDIT), "AUDIT");
    assert_string_equal(event_level_name(25), "INFO");
}

static void types(void **state)
{
    (void)state;
    assert_int_equal(event_type_find("NODE_PXE_REQUEST")->level, EVENT_DEBUG);
    assert_null(event_type_find("node_pxe_request"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(levels), cmocka_unit_test(types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

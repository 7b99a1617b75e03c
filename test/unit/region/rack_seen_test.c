/* For how long a region has not been linked to a rack: from when it heard it last, or began. */
// rooms: region
// replaces: src/base/clock.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/clock.h"
#include "src/region/rack_seen.h"

static uint64_t now_s = 1000;

uint64_t clock_boot_ns(void)
{
    return now_s * CLOCK_S;
}

uint64_t clock_real_ms(void)
{
    return now_s * 1000;
}

static void a_rack_is_lost_from_its_last_word_on(void **state)
{
    struct rack_hello hello = {.system_id = "rack1"};
    (void)state;
    rack_seen_open("region1");
    now_s += 20;
    assert_int_equal(rack_seen_lost_s("rack1"), 20); /* never linked here */
    rack_seen_show(&hello, true, clock_boot_ns());
    now_s += 90;
    assert_int_equal(rack_seen_lost_s("rack1"), 0);
    rack_seen_show(&hello, false, clock_boot_ns() - 5 * CLOCK_S);
    now_s += 40;
    assert_int_equal(rack_seen_lost_s("rack1"), 45);
    rack_seen_open("region1"); /* it serves racks anew: they have not come back yet */
    now_s += 3;
    assert_int_equal(rack_seen_lost_s("rack1"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_rack_is_lost_from_its_last_word_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

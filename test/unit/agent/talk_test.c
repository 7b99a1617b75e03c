/* URLs of other racks. The conversation itself: test/boot/test_report.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/agent/talk.h"

static struct arena *arena;

static void racks_take_each_others_place(void **unused)
{
    struct cmdline cmdline;
    struct error err;
    const char *url = "http://10.77.0.22:5240/MAAS/?x=10.77.0.22";
    (void)unused;
    assert_int_equal(cmdline_parse("gantry.racks=10.77.0.21,10.77.0.22", arena, &cmdline, &err),
                     ERR_OK);
    assert_string_equal(talk_at_rack(&cmdline, url, 0, arena), url);
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena),
                        "http://10.77.0.21:5240/MAAS/?x=10.77.0.22");
    assert_string_equal(talk_at_rack(&cmdline, url, 2, arena), url);
    url = "http://10.77.0.2/";
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena), url);
    url = "https://10.77.0.22/";
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena), url);
    assert_int_equal(cmdline_parse("", arena, &cmdline, &err), ERR_OK);
    url = "http://10.77.0.22/";
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena), url);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(racks_take_each_others_place)};
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}

/* URLs of other racks. The conversation itself: test/boot/test_report.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/agent/talk.h"

static struct arena *arena;

static struct talk talk_with(const char *text, struct cmdline *cmdline)
{
    struct error err;
    assert_int_equal(cmdline_parse(text, arena, cmdline, &err), ERR_OK);
    return (struct talk){.cmdline = cmdline, .arena = arena, .rack = -1};
}

static void racks_take_each_others_place(void **unused)
{
    struct cmdline cmdline;
    talk_with("gantry.racks=10.77.0.21,10.77.0.22", &cmdline);
    const char *url = "http://10.77.0.22:5240/MAAS/?x=10.77.0.22";
    (void)unused;
    assert_string_equal(talk_at_rack(&cmdline, url, 0, arena), url);
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena),
                        "http://10.77.0.21:5240/MAAS/?x=10.77.0.22");
    assert_string_equal(talk_at_rack(&cmdline, url, 2, arena), url);
    url = "http://10.77.0.2/";
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena), url);
    url = "https://10.77.0.22/";
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena), url);
    talk_with("", &cmdline);
    url = "http://10.77.0.22/";
    assert_string_equal(talk_at_rack(&cmdline, url, 1, arena), url);
}

static void the_rack_that_answered_last_is_asked_first(void **unused)
{
    struct cmdline cmdline;
    struct talk talk = talk_with("gantry.racks=10.77.0.21,10.77.0.22,10.77.0.23", &cmdline);
    const char *url = "http://10.77.0.21:5248/images/a";
    (void)unused;
    assert_null(talk_rack(&talk));
    assert_string_equal(talk_try(&talk, url, 0), url);
    talk_answered(&talk, "http://10.77.0.22:5240/MAAS/");
    assert_string_equal(talk_rack(&talk), "10.77.0.22");
    assert_string_equal(talk_try(&talk, url, 0), "http://10.77.0.22:5248/images/a");
    assert_string_equal(talk_try(&talk, url, 2), url);
    talk_answered(&talk, "http://10.9.9.9/");
    assert_string_equal(talk_try(&talk, url, 1), "http://10.77.0.23:5248/images/a");
    url = "http://10.9.9.9/";
    assert_string_equal(talk_try(&talk, url, 0), url);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(racks_take_each_others_place),
        cmocka_unit_test(the_rack_that_answered_last_is_asked_first),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}

/* Whose line comes first in the installed system's hosts(5). More: test/boot/test_install.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/agent/install_system.h"

#define LOCAL  "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
#define FIRST  "10.77.0.2\tracks\n"
#define SECOND "10.77.0.22\tracks\n"
#define THIRD  "10.77.0.3\tracks\n"

static struct arena *arena;

static void the_rack_comes_first(void **unused)
{
    const char *text = LOCAL FIRST SECOND THIRD "10.1.1.1\tmine\n";
    (void)unused;
    assert_string_equal(install_hosts(text, "10.77.0.22", arena),
                        LOCAL SECOND FIRST THIRD "10.1.1.1\tmine\n");
    assert_string_equal(install_hosts(text, "10.77.0.3", arena),
                        LOCAL THIRD FIRST SECOND "10.1.1.1\tmine\n");
}

static void whatever_else_stays(void **unused)
{
    const char *const same[] = {LOCAL FIRST SECOND, LOCAL, "", "\n\n", "10.77.0.2", FIRST};
    (void)unused;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_string_equal(install_hosts(same[i], "10.77.0.2", arena), same[i]);
        assert_string_equal(install_hosts(same[i], "10.77.0", arena), same[i]);
        assert_string_equal(install_hosts(same[i], NULL, arena), same[i]);
    }
    assert_string_equal(install_hosts("10.1.1.1\tother\n" FIRST, "10.77.0.2", arena),
                        "10.1.1.1\tother\n" FIRST);
}

static void the_last_line_may_have_no_end(void **unused)
{
    (void)unused;
    assert_string_equal(install_hosts(FIRST "\n10.77.0.3\tracks", "10.77.0.3", arena),
                        THIRD FIRST "\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rack_comes_first),
        cmocka_unit_test(whatever_else_stays),
        cmocka_unit_test(the_last_line_may_have_no_end),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}

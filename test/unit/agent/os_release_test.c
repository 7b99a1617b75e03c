/* What a system says of itself: quotes, names that begin alike, what is not said. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/agent/os_release.h"

static const char text[] = "PRETTY_NAME=\"Debian GNU/Linux 12\"\n"
                           "VERSION_ID=12\n"
                           "ID='debian'\n"
                           "VERSION_CODENAME=bookworm";

static void test_values(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(os_release_value(text, "PRETTY_NAME", arena), "Debian GNU/Linux 12");
    assert_string_equal(os_release_value(text, "ID", arena), "debian");
    assert_string_equal(os_release_value(text, "VERSION_CODENAME", arena), "bookworm");
    assert_string_equal(os_release_value(text, "VERSION", arena), "");
    assert_string_equal(os_release_value("", "ID", arena), "");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

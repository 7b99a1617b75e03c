/* Kernels of Ubuntu's images: what their names say, which one a machine gets, its package. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/container.h"
#include "src/model/hwe_kernel.h"

#define ALL "hwe-24.04-edge,ga-24.04-lowlatency,hwe-24.04,generic,hwe-24.04-lowlatency,ga-24.04"

static struct arena *arena;
static struct error err;

static void names(void **unused)
{
    static const struct {
        const char *name;
        int release, age;
        const char *flavor, *package;
    } known[] = {
        {"ga-24.04", 2404, 0, "", "linux-generic"},
        {"hwe-24.04", 2404, 1, "", "linux-generic-hwe-24.04"},
        {"hwe-22.04-edge", 2204, 2, "", "linux-generic-hwe-22.04-edge"},
        {"ga-24.04-lowlatency", 2404, 0, "lowlatency", "linux-lowlatency"},
        {"hwe-24.04-lowlatency-edge", 2404, 2, "lowlatency", "linux-lowlatency-hwe-24.04-edge"},
        {"hwe-24.10-nvidia-64k", 2410, 1, "nvidia-64k", "linux-nvidia-64k-hwe-24.10"},
        {"hwe-p", 1204, 1, "", "linux-generic-hwe-12.04"},
        {"hwe-t", 1404, 1, "", "linux-generic-hwe-14.04"},
        {"hwe-u", 1410, 1, "", "linux-generic-hwe-14.10"},
    };
    static const char *const others[] = {"generic",   "",          "ga-",    "ga-t",
                                         "hwe-24",    "hwe-24.0x", "hwe-x",  "hwe-2404",
                                         "ga-24.04x", "ga-24.04-", "rolling"};
    struct hwe_kernel kernel;
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_true(hwe_kernel_parse(known[i].name, &kernel));
        assert_int_equal(kernel.release, known[i].release);
        assert_int_equal(kernel.age, known[i].age);
        assert_int_equal(kernel.flavor_length, strlen(known[i].flavor));
        assert_memory_equal(kernel.flavor, known[i].flavor, strlen(known[i].flavor));
        assert_string_equal(hwe_kernel_package(known[i].name, arena), known[i].package);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (hwe_kernel_parse(others[i], &kernel))
            fail_msg("'%s' is no kernel", others[i]);
        assert_null(hwe_kernel_package(others[i], arena));
    }
}

static const char *choose(const char *available, const char *asked, const char *minimum)
{
    struct hwe_kernel_wish wish = {available, asked, minimum};
    const char *chosen;
    err = (struct error){0};
    return hwe_kernel_choose(&wish, arena, &chosen, &err) ? err.text : chosen ? chosen : "-";
}

static void the_oldest_that_will_do(void **unused)
{
    static const struct {
        const char *minimum, *chosen;
    } cases[] = {{NULL, "ga-24.04"},
                 {"", "ga-24.04"},
                 {"ga-22.04", "ga-24.04"},
                 {"hwe-22.04-edge", "ga-24.04"},
                 {"hwe-24.04", "hwe-24.04"},
                 {"hwe-24.04-edge", "hwe-24.04-edge"},
                 {"ga-20.04-lowlatency", "ga-24.04-lowlatency"},
                 {"hwe-24.04-lowlatency", "hwe-24.04-lowlatency"}};
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(choose(ALL, NULL, cases[i].minimum), cases[i].chosen);
    assert_string_equal(choose("generic", NULL, "hwe-24.04"), "-");
    assert_string_equal(choose("", "", NULL), "-");
    assert_non_null(strstr(choose(ALL, NULL, "ga-26.04"), "minimum of the machine (ga-26.04)"));
    assert_int_equal(err.code, ERR_BAD_INPUT);
    assert_non_null(strstr(choose("ga-24.04", NULL, "ga-24.04-lowlatency"), "minimum"));
}

static void the_one_that_was_asked_for(void **unused)
{
    (void)unused;
    assert_string_equal(choose(ALL, "hwe-24.04", NULL), "hwe-24.04");
    assert_string_equal(choose(ALL, "generic", "hwe-24.04"), "generic");
    assert_string_equal(choose(ALL, "hwe-24.04-edge", "hwe-24.04"), "hwe-24.04-edge");
    assert_non_null(strstr(choose(ALL, "ga-24.04", "hwe-24.04"), "does not meet the minimum"));
    assert_non_null(
        strstr(choose(ALL, "hwe-22.04", NULL), "hwe-22.04 is not available. It should"));
    assert_non_null(strstr(choose(ALL, "hwe-24", NULL), "not available"));
    assert_non_null(strstr(choose("", "ga-24.04", NULL), "(none)"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(the_oldest_that_will_do),
        cmocka_unit_test(the_one_that_was_asked_for),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}

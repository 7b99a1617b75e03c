/* Constraints on disks and interfaces: what is read, what is refused, and who gets which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/container.h"
#include "src/model/machine_constraint.h"

static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void disks(void **state)
{
    struct constraint_disks found;
    struct error err;
    (void)state;
    assert_int_equal(machine_constraint_disks("root:50(ssd, nvme),2.5 , 0:1", arena, &found, &err),
                     ERR_OK);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.items[0].label, "root");
    assert_int_equal(found.items[0].size_bytes, 50000000000);
    assert_int_equal(found.items[0].tags_count, 2);
    assert_string_equal(found.items[0].tags[1], "nvme");
    assert_null(found.items[1].label);
    assert_int_equal(found.items[1].size_bytes, 2500000000);
    assert_string_equal(found.items[2].label, "0");
    assert_int_equal(machine_constraint_disks("", arena, &found, &err), ERR_OK);
    assert_int_equal(found.count, 0);
}

static void disks_refused(void **state)
{
    static const char *const wrong[] = {"x",    "root:", ":5",     "a b:5",   "5(",
                                        "5()x", "5(a",   "5(a,)(", "-1",      "nan",
                                        "inf",  "1e99",  "5(,)",   "root:5)", ","};
    struct constraint_disks found;
    struct error err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (!machine_constraint_disks(wrong[i], arena, &found, &err))
            fail_msg("taken: %s", wrong[i]);
        assert_non_null(strstr(err.text, "Malformed storage"));
    }
    char *many = arena_alloc(arena, 200);
    memset(many, '\0', 200);
    for (int i = 0; i < CONSTRAINT_ITEMS + 1; i++)
        strcat(many, "1,");
    assert_int_equal(machine_constraint_disks(many, arena, &found, &err), ERR_BAD_INPUT);
}

static void interfaces(void **state)
{
    static const char *const wrong[] = {"a", "a:", ":vid=1", "a:vid", "a:vid=", "a:nothing=1"};
    struct constraint_interfaces found;
    struct error err;
    (void)state;
    assert_int_equal(machine_constraint_interfaces("eth0:space=dmz,not_vid=10;1:subnet=cidr:"
                                                   "10.0.0.0/24",
                                                   arena, &found, &err),
                     ERR_OK);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.items[0].terms_count, 2);
    assert_true(found.items[0].terms[1].negated && !found.items[0].terms[0].negated);
    assert_string_equal(found.items[0].terms[1].key, "vid");
    assert_string_equal(found.items[1].terms[0].value, "cidr:10.0.0.0/24");
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (!machine_constraint_interfaces(wrong[i], arena, &found, &err))
            fail_msg("taken: %s", wrong[i]);
}

static bool fits(const void *subject, int want, int offer)
{
    const char *const *table = subject;
    return table[want][offer] == 'x';
}

/* The first want must give way: choosing greedily would fail. */
static void matching(void **state)
{
    static const char *const possible[] = {"xx.", "x..", ".xx"};
    static const char *const impossible[] = {"xx.", "xx.", "xx."};
    int taken[3];
    (void)state;
    assert_true(machine_constraint_match(3, 3, fits, possible, taken));
    assert_int_equal(taken[0], 1);
    assert_int_equal(taken[1], 0);
    assert_int_equal(taken[2], 2);
    assert_false(machine_constraint_match(3, 3, fits, impossible, taken));
    assert_true(machine_constraint_match(0, 3, fits, possible, taken));
    assert_false(machine_constraint_match(1, 0, fits, possible, taken));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disks),
        cmocka_unit_test(disks_refused),
        cmocka_unit_test(interfaces),
        cmocka_unit_test(matching),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

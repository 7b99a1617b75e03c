/* Interfaces: what the kernel says has names, the loopback is left out, differences are seen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/interfaces.h"

static void test_read(void **unused)
{
    (void)unused;
    static struct interfaces a, b;
    struct error err;
    assert_int_equal(interfaces_read(&a, &err), ERR_OK);
    assert_null(interfaces_find(&a, "lo"));
    for (int i = 0; i < a.count; i++) {
        const struct interface *interface = &a.interface[i];
        assert_int_equal(interface->index, if_nametoindex(interface->name));
        assert_ptr_equal(interfaces_find(&a, interface->name), interface);
        for (int j = 0; j < interface->addresses; j++)
            assert_in_range(interface->address[j].prefix, 1, 32);
    }
    b = a;
    assert_true(interfaces_equal(&a, &b));
}

static void test_differences(void **unused)
{
    (void)unused;
    static struct interfaces a, b;
    strcpy(a.interface[a.count++].name, "eth0");
    b = a;
    b.interface[0].up = true;
    assert_false(interfaces_equal(&a, &b));
    b = a;
    b.interface[0].address[b.interface[0].addresses++] = (struct ip4_net){0x0a000001, 24};
    assert_false(interfaces_equal(&a, &b));
    b = a;
    b.count = 0;
    assert_false(interfaces_equal(&a, &b));
}

static void test_json(void **unused)
{
    (void)unused;
    static struct interfaces one = {
        1,
        {{"eth0", 2, {{0x52, 0x54, 0, 0, 0, 1}}, true, 1, {{0x0a4d0015, 24}}}},
    };
    json_t *list = interfaces_json(&one);
    char *text = json_dumps(list, JSON_COMPACT);
    assert_string_equal(text, "[{\"name\":\"eth0\",\"mac\":\"52:54:00:00:00:01\",\"up\":true,"
                              "\"addresses\":[\"10.77.0.21/24\"]}]");
    free(text);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

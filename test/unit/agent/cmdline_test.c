/* The kernel's command line: our words, quotes, bad values. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/cmdline.h"

static struct arena *arena;
static struct cmdline cmdline;
static struct error err;

static void as_a_rack_writes_it(void **unused)
{
    (void)unused;
    assert_int_equal(
        cmdline_parse("console=ttyS0 root=squash:http://10.77.0.1:5248/images/root.squashfs "
                      "BOOTIF=01-52-54-00-AB-00-01 init=/sbin/gantry-agent "
                      "cloud-config-url=http://10.77.0.1:5240/MAAS/metadata/latest/enlist-preseed/"
                      "?op=get_enlist_preseed\n",
                      arena, &cmdline, &err),
        ERR_OK);
    char text[MAC_TEXT];
    assert_true(cmdline.has_boot_mac);
    assert_string_equal(mac_format(cmdline.boot_mac, text), "52:54:00:ab:00:01");
    assert_string_equal(cmdline.preseed_url, "http://10.77.0.1:5240/MAAS/metadata/latest/"
                                             "enlist-preseed/?op=get_enlist_preseed");
    assert_int_equal(cmdline.limit_s, CMDLINE_LIMIT_S);
    assert_string_equal(cmdline.root_url, "http://10.77.0.1:5248/images/root.squashfs");
    assert_int_equal(cmdline.racks_count, 0);
    assert_int_equal(cmdline_parse("gantry.racks=10.77.0.1,10.77.0.2", arena, &cmdline, &err),
                     ERR_OK);
    assert_int_equal(cmdline.racks_count, 2);
    assert_string_equal(cmdline.racks[1], "10.77.0.2");
}

static void quotes_and_last_wins(void **unused)
{
    (void)unused;
    assert_int_equal(cmdline_parse("gantry.limit_s=5 \"cloud-config-url=http://a/ b\" "
                                   "xcloud-config-url=http://c gantry.limit_s=\"9\" "
                                   "BOOTIF=52:54:00:00:00:01",
                                   arena, &cmdline, &err),
                     ERR_OK);
    assert_string_equal(cmdline.preseed_url, "http://a/ b");
    assert_int_equal(cmdline.limit_s, 9);
    assert_true(cmdline.has_boot_mac);
    assert_int_equal(cmdline_parse("", arena, &cmdline, &err), ERR_OK);
    assert_null(cmdline.preseed_url);
    assert_false(cmdline.has_boot_mac);
}

static void bad_values(void **unused)
{
    (void)unused;
    assert_int_equal(cmdline_parse("BOOTIF=01-52-54", arena, &cmdline, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "BOOTIF=01-52-54: expected 01-aa-bb-cc-dd-ee-ff"));
    assert_int_equal(cmdline_parse("gantry.racks=10.0.0.1,x", arena, &cmdline, &err),
                     ERR_BAD_INPUT);
    const char *const limits[] = {"0", "-1", "", "9x", "2592001", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        assert_int_equal(cmdline_parse(arena_printf(arena, "gantry.limit_s=%s", limits[i]), arena,
                                       &cmdline, &err),
                         ERR_BAD_INPUT);
}

static int open_arena(void **unused)
{
    (void)unused;
    arena = arena_new();
    return 0;
}

static int close_arena(void **unused)
{
    (void)unused;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_rack_writes_it),
        cmocka_unit_test(quotes_and_last_wins),
        cmocka_unit_test(bad_values),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}

/* Who a rack is: the join files, good and damaged. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/rack/membership.h"
#include "src/rack/region_dial.h"

static char folder[] = "/tmp/membership_test_XXXXXX";

static void write_file(const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/regions.json", folder);
    assert_int_equal(file_write(path, text, strlen(text), 0600, NULL), ERR_OK);
}

static void test_round_trip(void **unused)
{
    (void)unused;
    struct membership membership, again;
    struct error err;
    write_file("{\"name\":\"rack1\",\"system_id\":\"abc\",\"regions\":["
               "{\"name\":\"r1\",\"address\":\"10.0.0.1\",\"port\":5251},"
               "{\"name\":\"r2\",\"address\":\"10.0.0.2\",\"port\":6251,\"hop_port\":6252}]}");
    assert_int_equal(membership_read(folder, &membership, &err), ERR_OK);
    assert_int_equal(membership.count, 2);
    assert_int_equal(membership.regions[0].hop_port, 5252);
    assert_int_equal(membership.regions[1].hop_port, 6252);
    assert_string_equal(membership.regions[1].address, "10.0.0.2");
    assert_int_equal(membership_write(folder, &membership, &err), ERR_OK);
    assert_int_equal(membership_read(folder, &again, &err), ERR_OK);
    assert_true(membership_equal(&membership, &again));
}

static void test_not_joined(void **unused)
{
    (void)unused;
    struct membership membership;
    struct error err;
    assert_int_equal(membership_read("/nowhere", &membership, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "gantry cluster join TOKEN"));
}

static void test_damaged(void **unused)
{
    (void)unused;
#define WITH(regions) "{\"name\":\"rack1\",\"system_id\":\"abc\",\"regions\":" regions "}"
#define ONE           "{\"name\":\"r1\",\"address\":\"10.0.0.1\",\"port\":5251}"
    static const char *const bad[] = {
        "",
        "[]",
        "{\"system_id\":\"abc\",\"regions\":[" ONE "]}",
        WITH("[]"),
        WITH("{}"),
        WITH("[" ONE "," ONE "]"),
        WITH("[{\"name\":\"\",\"address\":\"10.0.0.1\",\"port\":1}]"),
        WITH("[{\"name\":\"r1\",\"address\":\"region1.example\",\"port\":1}]"),
        WITH("[{\"name\":\"r1\",\"address\":\"10.0.0.1\",\"port\":0}]"),
        WITH("[{\"name\":\"r1\",\"address\":\"10.0.0.1\",\"port\":65536}]"),
        WITH("[{\"name\":\"r1\",\"address\":\"10.0.0.1\",\"port\":1,\"hop_port\":\"x\"}]"),
        WITH("[1,2,3,4,5,6,7,8]"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct membership membership;
        struct error err = {0};
        write_file(bad[i]);
        if (membership_read(folder, &membership, &err) != ERR_CORRUPT)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, "join again"));
    }
}

static void test_a_bad_list_changes_nothing(void **unused)
{
    (void)unused;
    struct membership membership, before;
    struct error err;
    write_file(WITH("[" ONE "]"));
    assert_int_equal(membership_read(folder, &membership, &err), ERR_OK);
    before = membership;
    json_t *list =
        json_loads("[{\"name\":\"r9\",\"address\":\"10.0.0.9\",\"port\":1},{}]", 0, NULL);
    assert_int_equal(membership_take_regions(&membership, list, &err), ERR_CORRUPT);
    assert_true(membership_equal(&membership, &before));
    json_decref(list);
}

static void test_pauses_grow_and_are_bounded(void **unused)
{
    (void)unused;
    unsigned last = 0;
    for (unsigned failures = 1; failures < 100; failures++) {
        unsigned low = region_dial_pause_ms(failures, 0),
                 high = region_dial_pause_ms(failures, 999);
        assert_true(low < high && low >= DIAL_PAUSE_FIRST_MS * 3 / 4);
        assert_true(low >= last && high <= DIAL_PAUSE_MOST_MS * 5 / 4);
        last = low;
    }
    assert_int_equal(last, DIAL_PAUSE_MOST_MS * 3 / 4);
}

static int set_up(void **unused)
{
    (void)unused;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **unused)
{
    (void)unused;
    return file_remove_tree(folder, NULL) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_not_joined),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_a_bad_list_changes_nothing),
        cmocka_unit_test(test_pauses_grow_and_are_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

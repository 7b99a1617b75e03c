/* `gantry status` as a person sees it, whole and with parts missing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/cli/status.h"

static void expect(const char *json, const char *expected)
{
    struct cli cli = {.arena = arena_new()};
    json_t *report = json_loads(json, 0, NULL);
    assert_non_null(report);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    status_print(&cli, report, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    json_decref(report);
    arena_free(cli.arena);
}

static void test_whole_report(void **unused)
{
    (void)unused;
    expect("{\"verdict\": \"degraded\", \"advice\": \"start region2\", \"cluster\": {\"name\": "
           "\"lab\", \"id\": \"x\", \"quorum\": true, \"term\": 3}, \"primary\": {\"name\": "
           "\"region1\", \"epoch\": 2, \"phase\": \"SERVING\"}, \"members\": [{\"name\": "
           "\"region1\", \"id\": 1, \"address\": \"10.0.0.1\", \"reachable\": true, \"raft_role\": "
           "\"leader\", \"raft_index\": 12, \"pg_role\": \"primary\", \"pg_lsn\": \"0/1\", "
           "\"pg_lag_bytes\": 1536, \"last_seen_ms\": 20}, {\"name\": \"region2\", \"reachable\": "
           "false, \"last_seen_ms\": 5000}], \"vips\": [{\"address\": \"10.0.0.9\", \"holder\": "
           "\"region1\", \"interface\": \"eth0\", \"guard\": true}], \"racks\": [{\"name\": "
           "\"rack1\", \"region\": \"region1\", \"vlans\": [1, 2], \"last_seen_ms\": 600000}]}",
           "degraded: start region2\n"
           "cluster lab (quorum), term 3\n"
           "primary region1, epoch 2, SERVING\n\n"
           "MEMBER   ADDRESS   REACHABLE  RAFT    INDEX  POSTGRESQL  LSN  LAG      SEEN\n"
           "region1  10.0.0.1  yes        leader  12     primary     0/1  1.5 KiB  20 ms ago\n"
           "region2  -         no         -       -      -           -    -        5 s ago\n\n"
           "VIP       INTERFACE  HOLDER   GUARD\n"
           "10.0.0.9  eth0       region1  yes\n\n"
           "RACK   REGION   VLANS  SEEN\n"
           "rack1  region1  [1,2]  10 min ago\n");
}

static void test_parts_missing(void **unused)
{
    (void)unused;
    expect("{\"verdict\": \"uninitialised\", \"advice\": \"\", \"members\": []}",
           "uninitialised\n");
    expect("{}", "unknown\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_report),
        cmocka_unit_test(test_parts_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

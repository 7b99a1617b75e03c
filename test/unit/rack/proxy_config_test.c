/* src/rack/proxy_config.c: what HAProxy is told; that it understands it, test/rack/test_proxy.py
 * shows. */
// rooms: rack
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/rack/proxy_config.h"

static struct proxy_config_paths paths;
static struct membership regions;
static struct error err;

static void test_paths(void **unused)
{
    (void)unused;
    assert_int_equal(proxy_config_read_paths(" /a/*  /b /c/", &paths, &err), ERR_OK);
    assert_int_equal(paths.count, 3);
    assert_string_equal(paths.path[0].path, "/a/");
    assert_true(paths.path[0].beginning);
    assert_string_equal(paths.path[1].path, "/b");
    assert_false(paths.path[1].beginning);
    assert_int_equal(proxy_config_read_paths("", &paths, &err), ERR_OK);
    assert_int_equal(paths.count, 0);
    const char *const bad[] = {"a", "*", "/a*b", "/a;b", "/a\"", "/%2e", "/a\n}", "/\\"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(proxy_config_read_paths(bad[i], &paths, &err), ERR_BAD_INPUT);
    assert_int_equal(proxy_config_read_paths("/ / / / / / / / / / / / / / / / /", &paths, &err),
                     ERR_BAD_INPUT);
}

static void write_config(struct spool *text, const char *allow, int listeners)
{
    struct proxy_config config = {&paths, &regions, listeners, "/run/p.pem", "/tls/ca.pem"};
    assert_int_equal(proxy_config_read_paths(allow, &paths, &err), ERR_OK);
    spool_init(text);
    proxy_config_write(text, &config);
    spool_put(text, "", 1);
}

static void test_config(void **unused)
{
    (void)unused;
    struct spool text;
    regions.count = 2;
    regions.regions[0] = (struct membership_region){"region1", "10.0.0.1", 5251, 5252};
    regions.regions[1] = (struct membership_region){"region\n2", "10.0.0.2", 5251, 5252};
    write_config(&text, "/MAAS/metadata/* /MAAS/api/2.0/version/", 2);
    assert_non_null(strstr(text.bytes, "    bind fd@3\n    bind fd@4\n"));
    assert_null(strstr(text.bytes, "fd@5"));
    assert_non_null(strstr(text.bytes, "acl allowed path -m beg /MAAS/metadata/\n"));
    assert_non_null(strstr(text.bytes, "acl allowed path -m str /MAAS/api/2.0/version/\n"));
    assert_non_null(strstr(text.bytes, "deny deny_status 403 unless allowed\n"));
    assert_non_null(strstr(text.bytes, "server region1 10.0.0.1:5252 verifyhost region1\n"));
    assert_non_null(strstr(text.bytes, "crt /run/p.pem ca-file /tls/ca.pem verify required"));
    assert_non_null(strstr(text.bytes, "deny deny_status 429 if { sc0_http_req_rate gt 2000 }\n"));
    assert_null(strstr(text.bytes, "10.0.0.2")); /* no name that a configuration may hold */
    spool_close(&text);
    write_config(&text, "", 1);
    assert_non_null(strstr(text.bytes, "deny deny_status 403\n")); /* nothing is allowed */
    spool_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

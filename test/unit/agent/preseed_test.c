/* Preseeds in the forms that regions write, and in forms that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/preseed.h"

#define URL "http://10.77.0.1:5240/MAAS/metadata/"

static struct arena *arena;
static struct preseed preseed;
static struct error err;

static void expect_key(const char *text)
{
    err.text[0] = '\0';
    if (preseed_parse(text, arena, &preseed, &err))
        fail_msg("%s", err.text);
    assert_string_equal(preseed.metadata_url, URL);
    assert_string_equal(preseed.consumer_key, "ck");
    assert_string_equal(preseed.token_key, "tk");
    assert_string_equal(preseed.token_secret, "t's");
}

static void with_a_key(void **unused)
{
    (void)unused;
    expect_key("#cloud-config\ndatasource:\n  MAAS:\n    consumer_key: ck\n"
               "    metadata_url: " URL "\n    token_key: \"tk\"\n    token_secret: 't''s'\n"
               "manage_etc_hosts: true\nreporting:\n  maas:\n    consumer_key: other\n");
    expect_key(
        "#cloud-config\r\napt:\r\n  sources: {}\r\ndatasource:\r\n  Other:\r\n    token_key: no\r\n"
        "  MAAS: {consumer_key: ck, metadata_url: '" URL "',\r\n    token_key: tk, "
        "token_secret: t's}\r\n");
    expect_key("#cloud-config\ndatasource:\n  MAAS:\n    metadata_url: " URL " # ours\n\n"
               "    # a comment\n    consumer_key: ck\n    token_key: tk\n    token_secret: t's\n"
               "    timeout: 1\n  Other:\n    consumer_key: no\n");
    expect_key("#cloud-config\n{\"datasource\": {\"MAAS\": {\"metadata_url\": \"" URL "\", "
               "\"consumer_key\": \"ck\", \"token_key\": \"tk\", \"token_secret\": \"t's\"}}}\n");
}

static void for_enlistment(void **unused)
{
    (void)unused;
    assert_int_equal(preseed_parse("#cloud-config\ndatasource:\n  MAAS:\n    metadata_url: " URL
                                   "\n    consumer_key: null\n    token_key:\n",
                                   arena, &preseed, &err),
                     ERR_OK);
    assert_null(preseed.consumer_key);
    assert_null(preseed.token_key);
}

static void refused(void **unused)
{
    (void)unused;
    const char *const texts[][2] = {
        {"<html>404</html>", "does not begin with #cloud-config"},
        {"#cloud-configured\n", "does not begin with #cloud-config"},
        {"", "does not begin with #cloud-config"},
        {"#cloud-config\nmetadata_url: " URL "\n", "no datasource.MAAS.metadata_url"},
        {"#cloud-config\ndatasource:\n  MAAS:\n", "no datasource.MAAS.metadata_url"},
        {"#cloud-config\n{\"datasource\": 5}", "no datasource.MAAS.metadata_url"},
        {"#cloud-config\ndatasource:\n  MAAS:\n    metadata_url: ftp://x/metadata/\n",
         "expected http(s)://.../metadata/"},
        {"#cloud-config\ndatasource:\n  MAAS:\n    metadata_url: http://x/metadata/curtin\n",
         "expected http(s)://.../metadata/"},
        {"#cloud-config\ndatasource:\n  MAAS:\n    metadata_url: " URL "\n    token_key: tk\n",
         "key is not whole"},
        {"#cloud-config\n{\"datasource\":{\"MAAS\":{\"metadata_url\":\"" URL
         "\",\"consumer_key\":\"a\\nb\",\"token_key\":\"b\",\"token_secret\":\"c\"}}}",
         "key is not whole"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(preseed_parse(texts[i][0], arena, &preseed, &err), ERR_BAD_INPUT);
        if (!strstr(err.text, texts[i][1]))
            fail_msg("\"%s\": %s", texts[i][0], err.text);
    }
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
        cmocka_unit_test(with_a_key),
        cmocka_unit_test(for_enlistment),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}

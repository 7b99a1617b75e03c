/* Profiles: URLs, keys, the file and its mode, which one is chosen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/file.h"
#include "src/cli/profile.h"

static char folder[] = "/tmp/profile_test_XXXXXX";
static struct cli cli;

static int set_up(void **unused)
{
    (void)unused;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    if (!mkdtemp(folder))
        return -1;
    setenv("XDG_CONFIG_HOME", folder, 1);
    cli = (struct cli){.arena = arena_new()};
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    arena_free(cli.arena);
    return (int)file_remove_tree(folder, NULL);
}

static void test_urls_become_one_form(void **unused)
{
    (void)unused;
    static const char *const good[] = {
        "http://10.0.0.1:5240",
        "http://10.0.0.1:5240/",
        "http://10.0.0.1:5240/MAAS",
        "http://10.0.0.1:5240/MAAS/",
        "http://10.0.0.1:5240/MAAS/api/2.0/",
    };
    static const char *const bad[] = {"",
                                      "10.0.0.1",
                                      "ftp://x/",
                                      "http://",
                                      "http:///MAAS",
                                      "http://x/other",
                                      "http://x/MAAS?a=b",
                                      "http://user@x/MAAS/",
                                      "http://x y/"};
    const char *url;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(profile_normal_url(cli.arena, good[i], &url, NULL), ERR_OK);
        assert_string_equal(url, "http://10.0.0.1:5240/MAAS/api/2.0/");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(profile_normal_url(cli.arena, bad[i], &url, NULL), ERR_BAD_INPUT);
    assert_int_equal(profile_normal_url(cli.arena, "https://[fd00::1]:5443/MAAS", &url, NULL),
                     ERR_OK);
    assert_string_equal(url, "https://[fd00::1]:5443/MAAS/api/2.0/");
}

static void test_saved_and_loaded(void **unused)
{
    (void)unused;
    struct profile_list *list = ARENA_NEW(cli.arena, struct profile_list);
    struct profile one = {"one", "http://a/MAAS/api/2.0/", "a:b:c", NULL};
    struct profile two = {"two", "https://b/MAAS/api/2.0/", "d:e:f", "/ca.pem"};
    assert_int_equal(profile_load(&cli, list, NULL), ERR_OK);
    assert_int_equal(list->count, 0);
    assert_int_equal(profile_put(list, &one, NULL), ERR_OK);
    assert_int_equal(profile_put(list, &two, NULL), ERR_OK);
    one.key = "x:y:z";
    assert_int_equal(profile_put(list, &one, NULL), ERR_OK);
    assert_int_equal(profile_save(&cli, list, NULL), ERR_OK);

    struct stat st;
    assert_int_equal(stat(arena_printf(cli.arena, "%s/gantry/profiles.json", folder), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    assert_int_equal(profile_load(&cli, list, NULL), ERR_OK);
    assert_int_equal(list->count, 2);
    assert_string_equal(list->use, "one");
    assert_string_equal(list->rows[0].key, "x:y:z");
    assert_null(list->rows[0].ca);
    assert_string_equal(list->rows[1].ca, "/ca.pem");
}

static void test_which_one_is_chosen(void **unused)
{
    (void)unused;
    struct profile profile;
    struct error err = {0};
    assert_int_equal(profile_choose(&cli, &profile, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "gantry login"));
    struct profile_list *list = ARENA_NEW(cli.arena, struct profile_list);
    struct profile one = {"one", "u1", "a:b:c", NULL}, two = {"two", "u2", "a:b:c", NULL};
    profile_put(list, &one, NULL);
    profile_put(list, &two, NULL);
    assert_int_equal(profile_save(&cli, list, NULL), ERR_OK);
    assert_int_equal(profile_choose(&cli, &profile, &err), ERR_OK);
    assert_string_equal(profile.url, "u2");
    cli.profile = "one";
    assert_int_equal(profile_choose(&cli, &profile, &err), ERR_OK);
    assert_string_equal(profile.url, "u1");
    cli.profile = "three";
    assert_int_equal(profile_choose(&cli, &profile, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "\"three\""));
}

static void test_removed(void **unused)
{
    (void)unused;
    struct profile_list *list = ARENA_NEW(cli.arena, struct profile_list);
    struct profile one = {"one", "u", "a:b:c", NULL}, two = {"two", "u", "a:b:c", NULL};
    profile_put(list, &one, NULL);
    profile_put(list, &two, NULL);
    assert_int_equal(profile_remove(list, "two", NULL), ERR_OK);
    assert_null(list->use);
    assert_int_equal(list->count, 1);
    assert_int_equal(profile_remove(list, "two", NULL), ERR_NOT_FOUND);
}

static void test_broken_file_is_named(void **unused)
{
    (void)unused;
    static const char *const broken[] = {"{", "[]", "{\"profiles\": {\"a\": {\"url\": 3}}}"};
    const char *path = arena_printf(cli.arena, "%s/gantry/profiles.json", folder);
    struct profile_list *list = ARENA_NEW(cli.arena, struct profile_list);
    assert_int_equal(file_make_folders(arena_printf(cli.arena, "%s/gantry", folder), 0700, NULL),
                     ERR_OK);
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        struct error err = {0};
        assert_int_equal(file_write(path, broken[i], strlen(broken[i]), 0600, NULL), ERR_OK);
        assert_int_equal(profile_load(&cli, list, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.text, "profiles.json"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_urls_become_one_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_saved_and_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_which_one_is_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_file_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Archives of packages: what may stand in one, and what cloud-init and the agent are told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/package_repository.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct package_repository archive_of(const char *url)
{
    return (struct package_repository){.id = 1,
                                       .name = "main_archive",
                                       .url = url,
                                       .key = "",
                                       .distributions = "",
                                       .components = "",
                                       .arches = "amd64",
                                       .disabled_pockets = "",
                                       .disabled_components = "",
                                       .is_default = true,
                                       .disable_sources = true,
                                       .enabled = true};
}

static struct package_repository more_of(const char *name, const char *url)
{
    struct package_repository more = archive_of(url);
    more.id = 7;
    more.name = name;
    more.is_default = false;
    return more;
}

static void check_json(json_t *value, const char *expected)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    assert_string_equal(text ? text : "(none)", expected);
    free(text);
    json_decref(value);
}

static void urls(void **state)
{
    static const char *const good[] = {
        "http://archive.ubuntu.com/ubuntu",
        "https://a",
        "http://me:k%20y@mirror.example.com:3142/a/b-c_d.e~f+g,h=1:2@3/",
        "http://10.0.0.1:80/",
        "http://[2001:db8::1]:8080/ubuntu",
    };
    static const char *const bad[] = {
        "",
        "http://",
        "http:///ubuntu",
        "ftp://a/b",
        "file:///etc",
        "ppa:a/b",
        "http://a b/c",
        "http://a/c\ndeb",
        "http://a/c\tx",
        "http://a/[trusted=yes]",
        "http://a/$RELEASE",
        "http://a/?x",
        "http://a/#x",
        "http://a/\"",
        "http://a/'",
        "http://a/\\n",
        "http://a/%zz",
        "http://a/%2",
        "http://a%20b/",
        "http://a:/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:1x/",
        "http://@a/",
        "http://me@/",
        "http://me@you@a/",
        "http://-a/",
        "http://[a/",
        "http://[1]/",
        "http://[::1]x/",
        "http://[::1%eth0]/",
        "http://a/{{x}}",
        "http://a/\xc3\xa4",
        "[trusted=yes] http://a",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!package_repository_is_url(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (package_repository_is_url(bad[i]))
            fail_msg("%s", bad[i]);
    char longest[PACKAGE_REPOSITORY_URL + 2] = "http://a/";
    memset(longest + 9, 'a', sizeof(longest) - 10);
    assert_false(package_repository_is_url(longest));
    longest[PACKAGE_REPOSITORY_URL] = '\0';
    assert_true(package_repository_is_url(longest));
}

static void ppas(void **state)
{
    static const char *const bad[] = {"ppa:",     "ppa:a",       "ppa:a/",    "ppa:/a",
                                      "ppa:a//b", "ppa:a/b/c/d", "ppa:a/b c", "ppa:a/b\nx",
                                      "ppa:a/-b", "ppa:a/$b",    "PPA:a/b"};
    (void)state;
    assert_true(package_repository_is_ppa("ppa:maas/3.4"));
    assert_true(package_repository_is_ppa("ppa:a-b/ubuntu/c+d.e"));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (package_repository_is_ppa(bad[i]))
            fail_msg("%s", bad[i]);
}

static void words(void **state)
{
    static const char *const good[] = {"noble", "noble-updates", "stable/", "./", "/", "a.b+c~1_d"};
    static const char *const bad[] = {"",   "-x",  "../x", "a b", "a\nb", "[x]",     "$RELEASE",
                                      "#x", "a,b", "a'",   "a\"", "a{",   "\xc3\xa4"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!package_repository_is_word(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (package_repository_is_word(bad[i]))
            fail_msg("%s", bad[i]);
    assert_true(package_repository_is_arch("ppc64el") && !package_repository_is_arch("vax"));
    assert_true(package_repository_is_pocket("updates") && !package_repository_is_pocket("main"));
    assert_true(package_repository_is_part("universe") && !package_repository_is_part("main"));
}

#define MIRROR "[{\"arches\":[\"default\"],\"uri\":\"http://m/ubuntu\"}]"

static void the_archive(void **state)
{
    struct package_repository archive = archive_of("http://m/ubuntu");
    struct package_repositories all = {&archive, NULL, 0};
    (void)state;
    check_json(package_repository_apt(&all, "ubuntu", NULL, arena),
               "{\"preserve_sources_list\":false,\"primary\":" MIRROR ",\"security\":" MIRROR "}");
    check_json(package_repository_apt(&all, "debian", NULL, arena), "(none)");
    check_json(package_repository_apt(&all, "debian", "http://p:1/", arena),
               "{\"http_proxy\":\"http://p:1/\",\"https_proxy\":\"http://p:1/\","
               "\"preserve_sources_list\":false}");
    archive.disabled_pockets = "backports security";
    archive.disabled_components = "multiverse restricted";
    archive.key = "KEY\n";
    check_json(package_repository_apt(&all, "ubuntu", NULL, arena),
               "{\"preserve_sources_list\":false,\"primary\":" MIRROR ",\"security\":" MIRROR
               ",\"sources\":{\"archive_key\":{\"key\":\"KEY\\n\"}},\"sources_list\":\""
               "deb http://m/ubuntu $RELEASE main universe\\n"
               "# deb-src http://m/ubuntu $RELEASE main universe\\n"
               "deb http://m/ubuntu $RELEASE-updates main universe\\n"
               "# deb-src http://m/ubuntu $RELEASE-updates main universe\\n\"}");
    archive = archive_of("http://m/ubuntu");
    archive.disable_sources = false;
    archive.disabled_pockets = "updates security backports";
    archive.disabled_components = "restricted universe multiverse";
    check_json(package_repository_apt(&all, "ubuntu", NULL, arena),
               "{\"preserve_sources_list\":false,\"primary\":" MIRROR ",\"security\":" MIRROR
               ",\"sources_list\":\"deb http://m/ubuntu $RELEASE main\\n"
               "deb-src http://m/ubuntu $RELEASE main\\n\"}");
}

static void others(void **state)
{
    struct package_repository more[] = {more_of("My Own  repo-1", "http://own/x"),
                                        more_of("my_own repo1", "http://two"),
                                        more_of("---", "ppa:a/b"), more_of("gone", "http://gone")};
    struct package_repositories all = {NULL, more, 4};
    (void)state;
    more[0].key = "KEY";
    more[1].distributions = "noble noble-updates stable/";
    more[1].components = "a b";
    more[1].disabled_pockets = "updates";
    more[3].distributions = "noble-security";
    more[3].disabled_pockets = "security";
    check_json(
        package_repository_apt(&all, "ubuntu", NULL, arena),
        "{\"preserve_sources_list\":false,\"sources\":{"
        "\"_7\":{\"source\":\"ppa:a/b\"},"
        "\"my_own_repo1\":{\"key\":\"KEY\",\"source\":\"deb http://own/x $RELEASE main\\n\"},"
        "\"my_own_repo1_7\":{\"source\":\"deb http://two noble a b\\n"
        "deb http://two stable/\\n\"}}}");
    all.more = &more[2];
    all.count = 1;
    check_json(package_repository_apt(&all, "debian", NULL, arena), "(none)");
}

static void for_the_agent(void **state)
{
    struct package_repository archive = archive_of("http://m/ubuntu");
    struct package_repository more = more_of("x", "http://x");
    (void)state;
    archive.disabled_pockets = "backports";
    archive.disabled_components = "universe";
    check_json(package_repository_source(&archive, arena),
               "{\"components\":[\"main\",\"restricted\",\"multiverse\"],\"suites\":[\"$RELEASE\","
               "\"$RELEASE-updates\",\"$RELEASE-security\"],\"url\":\"http://m/ubuntu\"}");
    more.key = "KEY";
    check_json(package_repository_source(&more, arena),
               "{\"components\":[\"main\"],\"key\":\"KEY\",\"suites\":[\"$RELEASE\"],"
               "\"url\":\"http://x\"}");
    more.url = "ppa:a/b";
    assert_null(package_repository_source(&more, arena));
}

static void what_is_said_of_a_default_one(void **state)
{
    struct package_repository archive = archive_of("http://m/ubuntu");
    (void)state;
    assert_false(package_repository_is_told(&archive));
    archive.is_chosen = true;
    assert_true(package_repository_is_told(&archive));
    archive = archive_of("http://m/ubuntu");
    archive.disabled_components = "universe";
    assert_true(package_repository_is_told(&archive));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(urls),
        TEST(ppas),
        TEST(words),
        TEST(the_archive),
        TEST(others),
        TEST(for_the_agent),
        TEST(what_is_said_of_a_default_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What apt is told: the repository at every rack, the mirror of people, the proxy for one of them.
 * The installation itself: test/boot/test_packages.py.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/script_packages.h"

#define DEBIAN "PRETTY_NAME=\"Debian\"\nVERSION_CODENAME=bookworm\nID=debian\n"
#define UBUNTU "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n"
#define OURS                                                                          \
    "deb [signed-by=/etc/apt/keyrings/gantry.asc] http://10.77.0.22:5248/images/apt " \
    "bookworm main\n"                                                                 \
    "deb [signed-by=/etc/apt/keyrings/gantry.asc] http://10.77.0.21:5248/images/apt " \
    "bookworm main\n"

static struct arena *arena;
static struct task_packages packages;
static struct cmdline cmdline;

static struct script_packages_config config_of(const char *os_release)
{
    return script_packages_config(&packages, &cmdline, os_release, arena);
}

static int set_up(void **state)
{
    struct error err;
    (void)state;
    arena = arena_new();
    packages = (struct task_packages){.path = "/images/apt",
                                      .os = "debian",
                                      .release = "bookworm",
                                      .components = "main",
                                      .key = "key"};
    return cmdline_parse("root=squash:http://10.77.0.22:5248/images/root.squashfs "
                         "gantry.racks=10.77.0.21,10.77.0.22",
                         arena, &cmdline, &err);
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void test_every_rack_has_it(void **state)
{
    (void)state;
    struct script_packages_config config = config_of(DEBIAN);
    assert_string_equal(config.list, OURS);
    assert_null(strstr(config.conf, "Proxy"));
    assert_non_null(strstr(config.conf, "Dir::Etc::sourceparts \"-\";\n"));
    cmdline.racks_count = 0;
    config = config_of(DEBIAN);
    assert_memory_equal(config.list, OURS, strlen(config.list));
    assert_int_equal(strlen(config.list) * 2, strlen(OURS));
}

static void test_only_of_its_own_release(void **state)
{
    (void)state;
    assert_null(config_of(UBUNTU).list);
    assert_null(config_of("ID=debian\nVERSION_CODENAME=\"trixie\"\n").list);
    assert_null(config_of("").list);
    assert_string_equal(config_of("VERSION_CODENAME=\"bookworm\"\nID=\"debian\"").list, OURS);
    packages.path = NULL;
    assert_null(config_of(DEBIAN).list);
    packages.path = "/images/apt";
    cmdline.root_url = NULL; /* no rack is known */
    assert_null(config_of(DEBIAN).list);
}

static void test_a_mirror_beside_it(void **state)
{
    (void)state;
    packages.mirror = "http://mirror.example.com/debian";
    assert_string_equal(config_of(DEBIAN).list,
                        OURS "deb http://mirror.example.com/debian bookworm main\n");
    packages.mirror = "http://mirror/ubuntu";
    assert_string_equal(config_of(UBUNTU).list,
                        "deb http://mirror/ubuntu noble main restricted universe\n"
                        "deb http://mirror/ubuntu noble-updates main restricted universe\n"
                        "deb http://mirror/ubuntu noble-security main restricted universe\n");
    assert_null(config_of("ID=fedora\nVERSION_CODENAME=x\n").list);
}

static void test_what_people_named(void **state)
{
    struct task_source archive = {"http://m/u", NULL, "$RELEASE $RELEASE-updates", "main universe"};
    struct task_source sources[] = {{"http://a/x", "KEY", "$RELEASE stable/", "c"},
                                    {"http://b", NULL, "sid", "main"}};
    (void)state;
    packages.sources = sources;
    packages.sources_count = 2;
#define NAMED(release)                                                          \
    "deb [signed-by=/etc/apt/keyrings/gantry-1.asc] http://a/x " release " c\n" \
    "deb [signed-by=/etc/apt/keyrings/gantry-1.asc] http://a/x stable/\n"       \
    "deb http://b sid main\n"
    assert_string_equal(config_of(DEBIAN).list, OURS NAMED("bookworm"));
    assert_false(config_of(DEBIAN).named);
    assert_null(config_of(UBUNTU).list); /* beside nothing: its own sources stay */
    packages.archive = &archive;
    packages.mirror = "http://m/u";
    assert_string_equal(config_of(UBUNTU).list,
                        "deb http://m/u noble main universe\n"
                        "deb http://m/u noble-updates main universe\n" NAMED("noble"));
    archive.key = "KEY";
    archive.suites = "$RELEASE";
    packages.sources_count = 0;
    assert_string_equal(
        config_of(UBUNTU).list,
        "deb [signed-by=/etc/apt/keyrings/gantry-0.asc] http://m/u noble main universe\n");
    assert_true(config_of(UBUNTU).named && config_of(DEBIAN).named);
}

static void test_racks_are_asked_without_the_proxy(void **state)
{
    (void)state;
    packages.proxy = "http://proxy:3128/";
    const char *conf = config_of(DEBIAN).conf;
    assert_non_null(strstr(conf, "Acquire::http::Proxy \"http://proxy:3128/\";\n"));
    assert_non_null(strstr(conf, "Acquire::http::Proxy::10.77.0.21 \"DIRECT\";\n"));
    assert_non_null(strstr(conf, "Acquire::http::Proxy::10.77.0.22 \"DIRECT\";\n"));
}

static void test_the_systems_own_sources_stay(void **state)
{
    (void)state;
    packages.proxy = "http://proxy:3128/";
    struct script_packages_config config = config_of(UBUNTU);
    assert_null(config.list);
    assert_null(config.conf);
    assert_null(strstr(config.own, "Dir::Etc"));
    assert_non_null(strstr(config.own, "Acquire::http::Proxy \"http://proxy:3128/\";\n"));
}

static void test_what_is_there_is_not_missing(void **state)
{
    (void)state;
    const char *names[SCRIPT_PACKAGES_MOST];
    json_t *entry = json_pack("{s:{s:[s, s, s, s, i]}}", "packages", "apt", "dpkg", "gantry-none",
                              "-o=x", "a b", 7);
    assert_int_equal(script_packages_missing(entry, arena, names), 1);
    assert_string_equal(names[0], "gantry-none");
    json_decref(entry);
    entry = json_object();
    assert_int_equal(script_packages_missing(entry, arena, names), 0);
    json_decref(entry);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(test_every_rack_has_it),
        TEST(test_only_of_its_own_release),
        TEST(test_a_mirror_beside_it),
        TEST(test_what_people_named),
        TEST(test_racks_are_asked_without_the_proxy),
        TEST(test_the_systems_own_sources_stay),
        TEST(test_what_is_there_is_not_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

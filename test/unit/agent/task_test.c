/* The task document: each kind, and what is refused of a deployment. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/task.h"

static struct arena *arena;
static struct task task;
static struct error err;

#define SHA "abababababababababababababababababababababababababababababababab"
#define STORAGE                                                          \
    "{'version':1,'config':[{'id':'d','type':'disk','path':'/dev/vda'}," \
    "{'id':'f','type':'format','volume':'d','fstype':'ext4'},"           \
    "{'id':'m','type':'mount','device':'f','path':'/'}]}"

static enum error_code parse(const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    memset(&err, 0, sizeof(err));
    return task_parse(copy, strlen(copy), arena, &task, &err);
}

static const char *deploy(const char *hostname, const char *image, const char *files)
{
    return arena_printf(arena,
                        "{'task':'deploy','end':'reboot','system_id':'4y3h7n','hostname':%s,"
                        "'image':%s,'files':%s,'storage':" STORAGE "}",
                        hostname, image, files);
}

#define IMAGE "{'form':'tgz','path':'/images/a.tgz','sha256':'" SHA "','size':7}"
#define FILES "[{'path':'/etc/a','mode':384,'content':'x'}]"

static void kinds(void **unused)
{
    (void)unused;
    assert_int_equal(parse("{'task':'none','system_id':'4y3h7n'}"), ERR_OK);
    assert_int_equal(task.kind, TASK_NONE);
    assert_false(task.reboot);
    assert_int_equal(parse("{'task':'erase','system_id':'4y3h7n','quick':true}"), ERR_OK);
    assert_true(task.kind == TASK_ERASE && task.quick && !task.secure);
    assert_int_equal(parse("{'task':'rescue','system_id':'4y3h7n','ssh_keys':'a\\nb\\n'}"), ERR_OK);
    assert_string_equal(task.ssh_keys, "a\nb\n");
    assert_string_equal(task_name(TASK_COMMISSION), "commission");
    assert_int_equal(parse("{'task':'release','system_id':'4y3h7n'}"), ERR_OK);
    assert_int_equal(task.kind, TASK_RELEASE);
}

/* Each form of an image: what it becomes and what unpacks it. */
static void forms(void **unused)
{
    static const struct {
        const char *word;
        int kind;
        bool decoder, in_tar;
    } known[] = {{"raw.zst", IMAGE_EXT4, true, false},   {"tgz", IMAGE_TAR, true, false},
                 {"tar.bz2", IMAGE_TAR, true, false},    {"squashfs", IMAGE_SQUASHFS, false, false},
                 {"dd", IMAGE_DISK, false, false},       {"dd.gz", IMAGE_DISK, true, false},
                 {"dd.tar", IMAGE_DISK, false, true},    {"dd.tgz", IMAGE_DISK, true, true},
                 {"dd.tar.bz2", IMAGE_DISK, true, true}, {"dd.tar.xz", IMAGE_DISK, true, true}};
    (void)unused;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const char *image = arena_printf(
            arena, "{'form':'%s','path':'/blobs/a','sha256':'" SHA "','size':7}", known[i].word);
        assert_int_equal(parse(deploy("'happy-hippo'", image, FILES)), ERR_OK);
        assert_int_equal(task.image.form->kind, known[i].kind);
        assert_int_equal(task.image.form->decoder != NULL, known[i].decoder);
        assert_int_equal(task.image.form->in_tar, known[i].in_tar);
    }
    assert_int_equal(
        parse("{'task':'deploy','system_id':'4y3h7n','hostname':'h','in_memory':true,'image':"
              "{'form':'dd','path':'/blobs/a','sha256':'" SHA "','size':7}}"),
        ERR_BAD_INPUT);
}

static void a_deployment(void **unused)
{
    (void)unused;
    assert_int_equal(parse(deploy("'happy-hippo'", IMAGE, FILES)), ERR_OK);
    assert_true(task.reboot);
    assert_string_equal(task.image.form->decoder, "/usr/bin/gzip");
    assert_int_equal(task.image.form->kind, IMAGE_TAR);
    assert_int_equal(task.image.size_bytes, 7);
    assert_int_equal(task.files_count, 1);
    assert_int_equal(task.files[0].mode, 0600);
    assert_string_equal(task.kernel_options, "");
    assert_int_equal(task.storage.count, 3);
    assert_false(task.kexec);
    assert_int_equal(parse(deploy("'happy-hippo'", IMAGE, FILES ",'kexec':true")), ERR_OK);
    assert_true(task.kexec);
    assert_null(task.kernel_package);
    assert_int_equal(
        parse(deploy("'happy-hippo'", IMAGE, FILES ",'kernel_package':'linux-generic-hwe-24.04'")),
        ERR_OK);
    assert_string_equal(task.kernel_package, "linux-generic-hwe-24.04");
}

static void in_memory_no_storage_is_needed(void **unused)
{
    (void)unused;
    assert_int_equal(parse("{'task':'deploy','system_id':'a','hostname':'a','in_memory':true,"
                           "'image':" IMAGE "}"),
                     ERR_OK);
    assert_true(task.in_memory);
    assert_int_equal(task.storage.count, 0);
}

static void refused(const char *text, const char *why)
{
    assert_int_equal(parse(text), ERR_BAD_INPUT);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static void refusals(void **unused)
{
    (void)unused;
    refused("", "task: ");
    refused("[]", "the object");
    refused("{'system_id':'4y3h7n'}", "task");
    refused("{'task':'dance','system_id':'4y3h7n'}", "task");
    refused("{'task':'none'}", "system_id");
    refused("{'task':'none','system_id':'../x'}", "system_id");
    refused("{'task':'none','system_id':'a','end':'explode'}", "end");
    refused(deploy("'a b'", IMAGE, FILES), "hostname");
    refused(deploy("'a'", "{}", FILES), "image.form");
    refused(deploy("'a'", "{'form':'tgz','path':'images','sha256':'" SHA "','size':7}", FILES),
            "image.path");
    refused(deploy("'a'", "{'form':'tgz','path':'/a','sha256':'ab','size':7}", FILES),
            "image.sha256");
    refused(deploy("'a'", "{'form':'tgz','path':'/a','sha256':'" SHA "','size':0}", FILES),
            "image.size");
    refused(deploy("'a'", IMAGE, "[{'path':'/etc/../x','content':''}]"), "files");
    refused(deploy("'a'", IMAGE, "[{'path':'/etc/x'}]"), "files");
    refused(deploy("'a'", IMAGE, "{}"), "files");
    refused(deploy("'a'", IMAGE, FILES ",'kernel_package':'-o=x'"), "kernel_package");
    refused(deploy("'a'", IMAGE, FILES ",'kernel_package':'a b'"), "kernel_package");
    refused(deploy("'a'", IMAGE, FILES ",'kernel_package':''"), "kernel_package");
}

#define KEY          "-----BEGIN PGP PUBLIC KEY BLOCK-----\\nx\\n"
#define TEST(values) "{'task':'test','system_id':'a','packages':{" values "}}"
#define REPOSITORY(path, release, components, key)                           \
    TEST("'repository':{'path':'" path "','os':'debian','release':'" release \
         "','components':" components ",'key':'" key "'}")

static void where_packages_come_from(void **unused)
{
    (void)unused;
    assert_int_equal(parse(REPOSITORY("/images/apt", "bookworm", "['main','more']", KEY)), ERR_OK);
    assert_string_equal(task.packages.path, "/images/apt");
    assert_string_equal(task.packages.components, "main more");
    assert_null(task.packages.mirror);
    assert_int_equal(parse(TEST("'mirror':'http://m/debian','proxy':null")), ERR_OK);
    assert_string_equal(task.packages.mirror, "http://m/debian");
    assert_true(!task.packages.path && !task.packages.proxy);
    refused(REPOSITORY("/images/../apt", "bookworm", "['main']", KEY), "repository");
    refused(REPOSITORY("/images/apt", "book worm", "['main']", KEY), "repository");
    refused(REPOSITORY("/images/apt", "bookworm", "['main]']", KEY), "components");
    refused(REPOSITORY("/images/apt", "bookworm", "[]", KEY), "components");
    refused(REPOSITORY("/images/apt", "bookworm", "['main']", "abc"), "key");
    refused(TEST("'mirror':'http://m/ [trusted=yes]'"), "mirror");
    refused(TEST("'mirror':'ftp://m/'"), "mirror");
    refused(TEST("'proxy':'http://m/\\\\'"), "proxy");
    refused(TEST("'proxy':7"), "proxy");
}

#define SOURCE(url, suites, components, key) \
    TEST("'sources':[{'url':'" url "','suites':" suites ",'components':" components key "}]")
#define ARMOR                                                                                   \
    ",'key':'-----BEGIN PGP PUBLIC KEY BLOCK-----\\n\\nxgEE\\n-----END PGP PUBLIC KEY BLOCK---" \
    "--\\n'"

static void archives_that_people_named(void **unused)
{
    (void)unused;
    assert_int_equal(parse(SOURCE("http://a/x", "['$RELEASE','$RELEASE-updates','stable/']",
                                  "['a','b/c']", ARMOR)),
                     ERR_OK);
    assert_int_equal(task.packages.sources_count, 1);
    assert_string_equal(task.packages.sources->suites, "$RELEASE $RELEASE-updates stable/");
    assert_string_equal(task.packages.sources->components, "a b/c");
    assert_non_null(strstr(task.packages.sources->key, "\nxgEE\n"));
    assert_null(task.packages.archive);
    assert_int_equal(parse(TEST("'archive':{'url':'http://[::1]/u','suites':['$RELEASE'],"
                                "'components':['main']}")),
                     ERR_OK);
    assert_string_equal(task.packages.archive->url, "http://[::1]/u");
    refused(TEST("'archive':{}"), "url");
    refused(SOURCE("http://a/ [trusted=yes]", "['x']", "['a']", ""), "url");
    refused(SOURCE("ppa:a/b", "['x']", "['a']", ""), "url");
    refused(SOURCE("http://a", "['x y']", "['a']", ""), "suites");
    refused(SOURCE("http://a", "['x$RELEASE']", "['a']", ""), "suites");
    refused(SOURCE("http://a", "['$RELEASE x']", "['a']", ""), "suites");
    refused(SOURCE("http://a", "[]", "['a']", ""), "suites");
    refused(SOURCE("http://a", "['x']", "['a\\nb']", ""), "components");
    refused(SOURCE("http://a", "['x']", "[7]", ""), "components");
    refused(SOURCE("http://a", "['x']", "['a']", ",'key':'abc'"), "key");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(forms),
        cmocka_unit_test(a_deployment),
        cmocka_unit_test(in_memory_no_storage_is_needed),
        cmocka_unit_test(refusals),
        cmocka_unit_test(where_packages_come_from),
        cmocka_unit_test(archives_that_people_named),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}

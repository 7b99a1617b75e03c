/* Configuration files: values, order of strength, and errors with file, line and expectation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/config.h"
#include "src/base/container.h"

struct sample {
    const char *name, *folder, *address, *net;
    int port, mode;
    bool on;
};

static const struct config_key schema[] = {
    {"a", "name", CONFIG_TEXT, offsetof(struct sample, name), NULL, .help = "the name"},
    {"a", "folder", CONFIG_PATH, offsetof(struct sample, folder), "/tmp", .help = "a folder"},
    {"b", "port", CONFIG_INT, offsetof(struct sample, port), "5250", 1, 65535, .help = "a port"},
    {"b", "on", CONFIG_BOOL, offsetof(struct sample, on), "no", .help = "a switch"},
    {"b", "mode", CONFIG_CHOICE, offsetof(struct sample, mode), "x", .choices = {"x", "y"},
     .help = "a choice"},
    {"b", "address", CONFIG_IP, offsetof(struct sample, address), "", .help = "an address"},
    {"b", "net", CONFIG_NET, offsetof(struct sample, net), "", .help = "a network"},
};

static enum error_code load(const char *text, struct sample *sample, struct error *err,
                            const char *set)
{
    static struct arena *arena;
    if (!arena)
        arena = arena_new();
    arena_reset(arena);
    char path[] = "/tmp/config_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct config_source source = {path, true, &set, set ? 1 : 0};
    enum error_code code = config_load(schema, (int)COUNT_OF(schema), &source, arena, sample, err);
    unlink(path);
    return code;
}

static void test_reads_values(void **unused)
{
    (void)unused;
    struct sample s = {0};
    struct error err = {0};
    assert_int_equal(load("# hello\n[a]\nname = n1\n[b]\nport=7\non = yes\nmode = y\n"
                          "address = 10.0.0.1\nnet = 10.0.0.9/24\n",
                          &s, &err, NULL),
                     ERR_OK);
    assert_string_equal(s.name, "n1");
    assert_string_equal(s.folder, "/tmp");
    assert_int_equal(s.port, 7);
    assert_true(s.on);
    assert_int_equal(s.mode, 1);
    assert_string_equal(s.net, "10.0.0.9/24");
}

static void test_order_of_strength(void **unused)
{
    (void)unused;
    struct sample s = {0};
    struct error err = {0};
    setenv("GANTRY_B_PORT", "8", 1);
    assert_int_equal(load("[a]\nname = n\n[b]\nport = 7\n", &s, &err, NULL), ERR_OK);
    assert_int_equal(s.port, 8);
    assert_int_equal(load("[a]\nname = n\n[b]\nport = 7\n", &s, &err, "b.port=9"), ERR_OK);
    assert_int_equal(s.port, 9);
    unsetenv("GANTRY_B_PORT");
}

static void test_errors_say_where_and_what(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *line, *expected;
    } cases[] = {
        {"[a]\nname = n\n[b]\nport = 70000\n", ":4:", "a number from 1 to 65535"},
        {"[a]\nname = n\n[b]\nport = 7x\n", ":4:", "a number from"},
        {"[a]\nname = n\nfolder = relative\n", ":3:", "an absolute path"},
        {"[a]\nname = n\n[b]\non = maybe\n", ":4:", "yes or no"},
        {"[a]\nname = n\n[b]\nmode = z\n", ":4:", "one of x y"},
        {"[a]\nname = n\n[b]\naddress = 10.0.0\n", ":4:", "an IPv4 address"},
        {"[a]\nname = n\n[b]\nnet = 10.0.0.1/33\n", ":4:", "with prefix"},
        {"[a]\nname = n\nnam = x\n", ":3:", "unknown key"},
        {"[a]\nname = n\nname = m\n", ":3:", "given twice"},
        {"[a]\nname = n\nwhat is this\n", ":3:", "expected \"[section]\""},
        {"[b]\nport = 1\n", "", "[a] name is missing"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sample s = {0};
        struct error err = {0};
        assert_int_equal(load(cases[i].text, &s, &err, NULL), ERR_BAD_INPUT);
        if (!strstr(err.text, cases[i].line) || !strstr(err.text, cases[i].expected))
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void test_long_line_and_missing_file(void **unused)
{
    (void)unused;
    struct sample s = {0};
    struct error err = {0};
    char text[5000] = "[a]\nname = ";
    memset(text + strlen(text), 'x', 4000);
    assert_int_equal(load(text, &s, &err, NULL), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, ":2: line longer than"));
    struct config_source source = {"/nonexistent/gantry.conf", true, NULL, 0};
    struct arena *arena = arena_new();
    assert_int_equal(config_load(schema, (int)COUNT_OF(schema), &source, arena, &s, &err),
                     ERR_NOT_FOUND);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_values),
        cmocka_unit_test(test_order_of_strength),
        cmocka_unit_test(test_errors_say_where_and_what),
        cmocka_unit_test(test_long_line_and_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

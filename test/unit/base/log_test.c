/* Log lines: JSON that reads back whatever the text is, levels, the gate for repeated lines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"

/* What log_error writes for text. */
static size_t capture(const char *text, char *line, size_t size)
{
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_error("%s", text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], line, size);
    close(ends[0]);
    assert_true(n >= 0);
    return (size_t)n;
}

static void test_json_lines(void **unused)
{
    (void)unused;
    char line[8192], text[3000];
    log_setup("prog", LOG_JSON, LOG_INFO);
    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    const char *const texts[] = {"plain", "a \"quote\" and \\", "two\nlines\x01", text};
    for (int i = 0; i < 4; i++) {
        size_t size = capture(texts[i], line, sizeof(line));
        assert_int_equal(line[size - 1], '\n');
        json_error_t error;
        json_t *json = json_loadb(line, size, 0, &error);
        assert_non_null(json);
        const char *back = json_string_value(json_object_get(json, "text"));
        if (i < 3)
            assert_string_equal(back, texts[i]);
        assert_string_equal(json_string_value(json_object_get(json, "program")), "prog");
        json_decref(json);
    }
}

static void test_gate_holds_back(void **unused)
{
    (void)unused;
    struct log_gate gate = {0};
    unsigned long held;
    assert_true(log_gate_open(&gate, 3600, &held));
    assert_int_equal(held, 0);
    for (int i = 0; i < 5; i++)
        assert_false(log_gate_open(&gate, 3600, &held));
    gate.next_ns = 0;
    assert_true(log_gate_open(&gate, 3600, &held));
    assert_int_equal(held, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_gate_holds_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

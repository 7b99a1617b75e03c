/* ip(8) for tests: see test_ip.h. */
#include "test/lib/test_ip.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/base/process.h"

void test_ip(const char *const *argv)
{
    struct arena *arena = arena_new();
    struct process_run run = {.argv = argv, .output_limit = 65536, .timeout_ms = 5000};
    struct process_result result = {0};
    struct error err = {0};
    enum error_code code = process_run(&run, arena, &result, &err);
    if (code || result.status)
        fail_msg("%s %s: %s%s", argv[1], argv[2], err.text, code ? "" : result.output);
    arena_free(arena);
}

/* The kernel's command line, of which a rack's boot answer is a part. */
// rooms: agent
#include <stdint.h>
#include <string.h>

#include "src/agent/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct cmdline cmdline;
    struct error err = {0};
    enum error_code code =
        cmdline_parse(arena_strndup(arena, (const char *)bytes, size), arena, &cmdline, &err);
    if (code)
        ASSERT(err.text[0]);
    else
        ASSERT(cmdline.racks_count >= 0 && cmdline.racks_count <= CMDLINE_RACKS &&
               cmdline.limit_s > 0 && cmdline.limit_s <= CMDLINE_LIMIT_MAX_S);
    arena_free(arena);
    return 0;
}

/* The os-release of an image that somebody made: the first line of the input is the name that is
 * asked for. A value is of one line, and one that the file has, but for its quotes. */
// rooms: agent
#include <stdint.h>
#include <string.h>

#include "src/agent/os_release.h"
#include "src/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    const uint8_t *end = size ? memchr(bytes, '\n', size) : NULL;
    if (end) {
        const char *name = arena_strndup(arena, (const char *)bytes, (size_t)(end - bytes));
        const char *text =
            arena_strndup(arena, (const char *)end + 1, size - (size_t)(end - bytes) - 1);
        const char *value = os_release_value(text, name, arena);
        ASSERT(value && !strchr(value, '\n'));
        ASSERT(!*value || (strstr(text, value) && strstr(text, name)));
        if (!strpbrk(name, "=\"'\n") && *name) {
            const char *own = arena_printf(arena, "%s=\"my own\"\n", name);
            ASSERT(!strcmp(os_release_value(own, name, arena), "my own"));
        }
    }
    arena_free(arena);
    return 0;
}

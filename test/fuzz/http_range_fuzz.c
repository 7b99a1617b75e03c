/* The Range header of a request, for a file of any size: what is served lies inside of it. */
// rooms: wire
#include <stdint.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/wire/http_range.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint64_t length = 0, first = 0, last = 0;
    if (size < sizeof(length))
        return 0;
    memcpy(&length, bytes, sizeof(length));
    struct arena *arena = arena_new();
    const char *header =
        arena_strndup(arena, (const char *)bytes + sizeof(length), size - sizeof(length));
    if (http_range_read(header, length, &first, &last) == HTTP_RANGE_GOOD)
        ASSERT(first <= last && last < length);
    arena_free(arena);
    return 0;
}

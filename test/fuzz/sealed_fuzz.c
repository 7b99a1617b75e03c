/* Any text as a sealed secret: what nobody sealed is never opened. */
// rooms: wire
#include <stdint.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/wire/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct seal_ring ring;
    struct error err = {0};
    struct arena *arena = arena_new();
    char *text = arena_strndup(arena, (const char *)bytes, size), *opened = NULL;
    if (!seal_ring_parse(text, &ring, &err))
        ASSERT(ring.count > 0 && ring.count <= SEAL_KEYS);
    seal_ring_make(&ring);
    ASSERT(seal_open(&ring, "fuzz", text, arena, &opened, &err));
    const char *sealed = seal_close(&ring, "fuzz", text, arena);
    ASSERT(!seal_open(&ring, "fuzz", sealed, arena, &opened, &err) && !strcmp(opened, text));
    arena_free(arena);
    return 0;
}

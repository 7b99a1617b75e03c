/* Any text as a preseed: a metadata URL with a whole key or none, or an error. */
// rooms: agent
#include <stdint.h>
#include <string.h>

#include "src/agent/preseed.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct preseed preseed;
    struct error err = {0};
    char *text = arena_strndup(arena, (const char *)bytes, size);
    if (preseed_parse(text, arena, &preseed, &err) == ERR_OK) {
        ASSERT(preseed.metadata_url && strchr(preseed.metadata_url, ' ') == NULL);
        ASSERT(!preseed.consumer_key == !preseed.token_key);
        ASSERT(!preseed.consumer_key == !preseed.token_secret);
    } else {
        ASSERT(err.text[0]);
    }
    arena_free(arena);
    return 0;
}

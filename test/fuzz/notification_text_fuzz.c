/* A message and its context, a zero byte between them: shown within its bound, or refused. */
// rooms: model
#include <stdint.h>
#include <string.h>

#include "src/base/error.h"
#include "src/model/notification_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    const char *message = arena_strndup(arena, (const char *)bytes, size);
    size_t used = strlen(message) + 1;
    json_t *context =
        used < size ? json_loadb((const char *)bytes + used, size - used, 0, NULL) : NULL;
    const char *text = notification_text(message, context, arena);
    if (text)
        ASSERT(strlen(text) <= (64 << 10));
    json_decref(context);
    arena_free(arena);
    return 0;
}

/* What a server says are somebody's SSH keys, and whom a user says to ask for: bounded, no line
 * holds more than a line. The first byte chooses the service. */
// rooms: region
#include <stdint.h>
#include <string.h>

#include "src/region/sshkey_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct sshkey_source source;
    struct sshkey_list_texts *list = ARENA_NEW(arena, struct sshkey_list_texts);
    struct error err;
    const char *text = arena_strndup(arena, (const char *)bytes, size);
    if (!sshkey_source_parse(text, arena, &source, &err))
        ASSERT(source.service && *source.user && !strpbrk(source.user, "/?#% \n:"));
    ASSERT(!sshkey_source_parse(size && bytes[0] & 1 ? "gh:a" : "lp:a", arena, &source, &err));
    if (size &&
        !sshkey_source_read(source.service, (const char *)bytes + 1, size - 1, arena, list, &err)) {
        ASSERT(list->count <= SSHKEY_SOURCE_KEYS);
        for (int i = 0; i < list->count; i++)
            ASSERT(*list->texts[i] && (source.service->is_json || !strchr(list->texts[i], '\n')));
    }
    arena_free(arena);
    return 0;
}

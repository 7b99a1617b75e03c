/* Join tokens come from an operator's terminal: any text must be refused or read, never crash. */
// rooms: model
#include <stdint.h>
#include <string.h>

#include "src/model/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct join_token token, again;
    const char *text = arena_strndup(arena, (const char *)bytes, size);
    if (join_token_parse(text, arena, &token, NULL) == ERR_OK) {
        const char *written = join_token_format(&token, arena);
        if (strlen(written) <= JOIN_TOKEN_BYTES) {
            ASSERT(join_token_parse(written, arena, &again, NULL) == ERR_OK);
            ASSERT(!strcmp(again.secret, token.secret));
        }
    }
    arena_free(arena);
    return 0;
}

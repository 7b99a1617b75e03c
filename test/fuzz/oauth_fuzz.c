/* Any text as an Authorization header: all three parts of a key, or an error. */
// rooms: region
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/region/oauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct oauth oauth = {0};
    struct error err = {0};
    char *header = arena_strndup(arena, (const char *)bytes, size);
    bool found;
    struct form form = {.arena = arena};
    enum error_code code = oauth_parse(header, arena, &oauth, &err);
    ASSERT(code ? err.text[0] : oauth.consumer_key && oauth.token_key && oauth.secret);
    if (!form_urlencoded(&form, header, strlen(header), &err)) {
        code = oauth_from_form(&form, &oauth, &found, &err);
        ASSERT(code || !found || (oauth.consumer_key && oauth.token_key && oauth.secret));
    }
    arena_free(arena);
    return 0;
}

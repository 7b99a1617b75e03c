/* Any text as the target of a request: clean segments and a route, or an error. */
// rooms: region
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/region/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct http_path path;
    struct route_match match;
    struct error err = {0};
    unsigned allowed;
    static bool ready;
    if (!ready)
        routes_init();
    ready = true;
    char *target = arena_strndup(arena, (const char *)bytes, size);
    if (http_path_parse(target, arena, &path, &err)) {
        ASSERT(err.text[0]);
    } else {
        ASSERT(path.count <= HTTP_PATH_SEGMENTS);
        for (int i = 0; i < path.count; i++)
            ASSERT(path.segments[i][0] && strcmp(path.segments[i], ".."));
        if (routes_match(&path, arena, &match))
            ASSERT(match.resource && match.values_count <= path.count);
        if (routes_match_page(&path, API_POST, &match, &allowed))
            ASSERT(match.rest_count >= 0 && match.rest_count <= path.count);
    }
    arena_free(arena);
    return 0;
}

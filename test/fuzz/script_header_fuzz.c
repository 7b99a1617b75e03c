/* Any bytes as a script: what its header says keeps to the limits, or an error says why not. */
// rooms: model
#include <stdint.h>

#include "src/model/script_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct script_header header;
    struct error err = {0};
    if (script_header_parse((const char *)bytes, size, arena, &header, &err) == ERR_OK) {
        ASSERT(!header.name || script_name_ok(header.name));
        ASSERT(header.timeout_s >= -1 && header.timeout_s <= SCRIPT_TIMEOUT_MOST_S);
        ASSERT(json_array_size(header.tags) <= SCRIPT_LISTED);
        ASSERT(json_object_size(header.parameters) <= SCRIPT_PARAMETERS);
    } else {
        ASSERT(err.text[0]);
    }
    script_header_close(&header);
    arena_free(arena);
    return 0;
}

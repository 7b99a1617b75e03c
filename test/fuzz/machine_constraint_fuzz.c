/* Constraints of allocate come from users: both grammars take any text. */
// rooms: model
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/model/machine_constraint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct constraint_disks disks;
    struct constraint_interfaces interfaces;
    struct error err;
    struct arena *arena = arena_new();
    const char *text = arena_strndup(arena, (const char *)bytes, size);
    if (!machine_constraint_disks(text, arena, &disks, &err))
        for (int i = 0; i < disks.count; i++)
            for (int tag = 0; tag < disks.items[i].tags_count; tag++)
                ASSERT(*disks.items[i].tags[tag]);
    if (!machine_constraint_interfaces(text, arena, &interfaces, &err))
        for (int i = 0; i < interfaces.count; i++)
            ASSERT(interfaces.items[i].label && interfaces.items[i].terms_count > 0);
    arena_free(arena);
    return 0;
}

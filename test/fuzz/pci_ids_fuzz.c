/* Any bytes as a PCI id list: clean names or none. */
// rooms: agent
#include <stdint.h>
#include <string.h>

#include "src/agent/pci_ids.h"
#include "src/agent/tree.h"
#include "src/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct pci_ids_row rows[] = {{0x1af4, 0x1000, NULL, NULL},
                                 {0x1af4, 0x1001, NULL, NULL},
                                 {0x8086, 0x293a, NULL, NULL},
                                 {0, 0, NULL, NULL}};
    int count = sizeof(rows) / sizeof(rows[0]);
    pci_ids_fill((const char *)bytes, size, arena, rows, count);
    for (int i = 0; i < count; i++) {
        ASSERT(!rows[i].vendor || strlen(rows[i].vendor) <= TREE_TEXT_BYTES);
        ASSERT(!rows[i].product || strpbrk(rows[i].product, "\t\n\x7f") == NULL);
    }
    arena_free(arena);
    return 0;
}

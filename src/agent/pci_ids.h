/* Names of PCI vendors and products from the PCI id list (pci.ids). Pure; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"

enum { PCI_IDS_BYTES = 8 << 20 };

struct pci_ids_row {
    uint16_t vendor_id, product_id;
    const char *vendor, *product; /* to be filled; stays as it is when the list lacks it */
};

/** Fill the names of all rows in one pass over the list. Texts are clean (tree_clean). */
void pci_ids_fill(const char *list, size_t size, struct arena *arena, struct pci_ids_row *rows,
                  int count);

/* Any bytes as an index or as a list of products: refused, or every path in it stays below the
 * source and every SHA-256 is one. */
// rooms: model
#include <stdint.h>
#include <string.h>

#include "src/model/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct stream_index index;
    struct stream_products products = {0};
    struct error err;
    if (!stream_read_index((const char *)bytes, size, arena, &index, &err))
        for (int i = 0; i < index.count; i++)
            ASSERT(stream_path_safe(index.lists[i].path));
    if (!stream_read_products((const char *)bytes, size, arena, &products, &err)) {
        for (int i = 0; i < products.count; i++) {
            const struct stream_product *product = &products.products[i];
            ASSERT(*product->os && *product->release && *product->version && product->items_count);
            for (int k = 0; k < product->items_count; k++) {
                const char *path = product->items[k].path; /* a part may end in "..": "nob../a" */
                ASSERT(stream_path_safe(path) && strncmp(path, "../", 3) && !strstr(path, "/../"));
                ASSERT(strlen(product->items[k].sha256) == 64 && product->items[k].size >= 0);
            }
        }
    }
    arena_free(arena);
    return 0;
}

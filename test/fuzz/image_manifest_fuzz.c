/* Any bytes as a list of images: refused, or every name in it stays below the folder. */
// rooms: rack
#include <stdint.h>
#include <string.h>

#include "src/rack/image_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct image_manifest *manifest = NULL;
    struct error err;
    if (image_manifest_read((const char *)bytes, size, &manifest, &err))
        return 0;
    ASSERT(image_manifest_count(manifest) <= IMAGE_MANIFEST_FILES);
    ASSERT(!image_manifest_find(manifest, "../x"));
    const struct image *image = image_manifest_find(manifest, "vmlinuz");
    if (image)
        ASSERT(strlen(image->sha256) == 64 && image->kind);
    image_manifest_free(manifest);
    return 0;
}

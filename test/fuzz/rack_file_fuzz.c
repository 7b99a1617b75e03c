/*
 * Any bytes as what a rack finds on its disk: the answers it keeps for machines (first byte 0, with
 * a right digest 1), or the regions it knows (any other). Either it is whole, or nothing is taken.
 */
// rooms: rack
#include <string.h>

#include "src/rack/boot_store.h"
#include "src/rack/membership.h"
#include "src/wire/digest.h"
#include "test/fuzz/stored_file.h"

enum { MOST = 64 << 10 };
static const char head[] = "gantry boot answers 1 ";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_store(const uint8_t *bytes, size_t size, bool vouched)
{
    static char text[MOST + sizeof(head) + DIGEST_TEXT];
    struct boot_store *store;
    struct loop loop;
    struct error err = {0};
    const char *answer, *path = stored_file(bytes, size);
    if (vouched) {
        char *at = stpcpy(text, head);
        digest_sha256_text(bytes, size, at);
        at = stpcpy(at + strlen(at), "\n");
        memcpy(at, bytes, size);
        path = stored_file(text, (size_t)(at - text) + size);
    }
    loop_init(&loop);
    enum error_code code = boot_store_open(&loop, path, &store, &err);
    ASSERT(!code || (code == ERR_CORRUPT && err.text[0] && !boot_store_count(store)));
    boot_store_find(store, (struct mac){{2, 0, 0, 0, 0, 1}}, &answer);
    boot_store_close(store);
    loop_close(&loop);
}

static void read_regions(const uint8_t *bytes, size_t size)
{
    struct membership membership = {.count = -1};
    struct error err = {0};
    json_t *tree = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    enum error_code code = membership_take_regions(&membership, tree, &err);
    ASSERT(code ? membership.count == -1 && err.text[0]
                : membership.count > 0 && membership.count <= LIMIT_REGIONS);
    for (int i = 0; i < membership.count; i++) {
        const struct membership_region *region = &membership.regions[i];
        ASSERT(region->port > 0 && region->port < 65536);
        ASSERT(region->hop_port > 0 && region->hop_port < 65536);
        ASSERT(strnlen(region->address, sizeof(region->address)) < sizeof(region->address));
    }
    json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size || size > MOST)
        return 0;
    if (bytes[0] < 2)
        read_store(bytes + 1, size - 1, bytes[0]);
    else
        read_regions(bytes + 1, size - 1);
    return 0;
}

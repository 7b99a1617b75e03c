/* Anything as an armored key: refused, or lines of printable letters that are read the same again.
 */
// rooms: wire
#include <stdint.h>
#include <string.h>

#include "src/wire/openpgp_armor.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    const char *key, *again;
    struct error err;
    if (!openpgp_armor_read(arena_strndup(arena, (const char *)bytes, size), arena, &key, &err)) {
        ASSERT(!strncmp(key, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", 37));
        for (const char *p = key; *p; p++)
            ASSERT(*p == '\n' || (*p >= ' ' && *p <= '~'));
        ASSERT(!openpgp_armor_read(key, arena, &again, &err) && !strcmp(key, again));
    }
    arena_free(arena);
    return 0;
}

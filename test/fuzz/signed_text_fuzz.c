/* Any bytes as the keyring for a text that no key has signed: refused, whatever they are. */
// rooms: region
#include <stdint.h>

#include "src/region/signed_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char text[] =
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n";
    struct signed_text wanted = {.text = text,
                                 .size = sizeof(text) - 1,
                                 .keyring = (const char *)bytes,
                                 .keyring_size = size};
    struct arena *arena = arena_new();
    struct error err = {0};
    char *plain = NULL;
    size_t plain_size;
    ASSERT(signed_text_open(&wanted, arena, &plain, &plain_size, &err) && err.text[0]);
    arena_free(arena);
    return 0;
}

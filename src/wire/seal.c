/* Sealed secrets: see seal.h. */
#include "src/wire/seal.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "src/base/file.h"
#include "src/wire/digest.h"

enum { NONCE = 12, TAG = 16, RING_FILE_BYTES = 4096, SEALED_BYTES = 2 << 20 };

static void name_key(struct seal_key *key)
{
    char text[DIGEST_TEXT];
    digest_sha256_text(key->bytes, sizeof(key->bytes), text);
    memcpy(key->id, text, SEAL_KEY_ID - 1);
    key->id[SEAL_KEY_ID - 1] = '\0';
}

void seal_ring_make(struct seal_ring *ring)
{
    memset(ring, 0, sizeof(*ring));
    ring->count = 1;
    digest_random(ring->keys[0].bytes, sizeof(ring->keys[0].bytes));
    name_key(&ring->keys[0]);
}

char *seal_ring_text(const struct seal_ring *ring, struct arena *arena)
{
    char *text = arena_alloc(arena, (size_t)ring->count * DIGEST_TEXT + 1), *at = text;
    for (int i = 0; i < ring->count; i++, at += DIGEST_TEXT) {
        digest_hex(ring->keys[i].bytes, sizeof(ring->keys[i].bytes), at);
        at[DIGEST_TEXT - 1] = '\n';
    }
    return text;
}

enum error_code seal_ring_parse(const char *text, struct seal_ring *ring, struct error *err)
{
    memset(ring, 0, sizeof(*ring));
    while (*text) {
        char line[DIGEST_TEXT];
        size_t length = strcspn(text, "\n");
        if (length != DIGEST_TEXT - 1 || ring->count == SEAL_KEYS)
            return error_set(err, ERR_CORRUPT, "sealing keys: expected 1 to %d lines of 64 digits",
                             SEAL_KEYS);
        memcpy(line, text, length);
        line[length] = '\0';
        struct seal_key *key = &ring->keys[ring->count++];
        if (!digest_hex_parse(line, key->bytes, sizeof(key->bytes)))
            return error_set(err, ERR_CORRUPT, "sealing keys: expected hexadecimal digits");
        name_key(key);
        text += length + (text[length] == '\n');
    }
    return ring->count ? ERR_OK : error_set(err, ERR_CORRUPT, "sealing keys: there is none");
}

enum error_code seal_ring_read(const char *path, struct seal_ring *ring, struct error *err)
{
    struct arena *arena = arena_new();
    char *text = NULL;
    enum error_code code = file_read(arena, path, RING_FILE_BYTES, &text, NULL, err);
    if (!code && (code = seal_ring_parse(text, ring, err)))
        error_wrap(err, "%s", path);
    arena_free(arena);
    return code;
}

enum error_code seal_ring_write(const char *path, const struct seal_ring *ring, struct error *err)
{
    struct arena *arena = arena_new();
    char *text = seal_ring_text(ring, arena);
    enum error_code code = file_write(path, text, strlen(text), 0600, err);
    arena_free(arena);
    return code;
}

char *seal_close(const struct seal_ring *ring, const char *purpose, const char *text,
                 struct arena *arena)
{
    ASSERT(ring->count > 0);
    const struct seal_key *key = &ring->keys[0];
    size_t size = strlen(text);
    ASSERT(size <= SEALED_BYTES);
    uint8_t *bytes = arena_alloc(arena, NONCE + size + TAG);
    digest_random(bytes, NONCE);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int taken = 0, rest = 0;
    int rv =
        ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, bytes) == 1 &&
        EVP_EncryptUpdate(ctx, NULL, &taken, (const uint8_t *)purpose, (int)strlen(purpose)) == 1 &&
        EVP_EncryptUpdate(ctx, bytes + NONCE, &taken, (const uint8_t *)text, (int)size) == 1 &&
        EVP_EncryptFinal_ex(ctx, bytes + NONCE + taken, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, bytes + NONCE + size) == 1;
    ASSERT(rv);
    EVP_CIPHER_CTX_free(ctx);
    return arena_printf(arena, "v1:%s:%s", key->id,
                        digest_base64url(arena, bytes, NONCE + size + TAG));
}

static bool decrypt(const struct seal_key *key, const char *purpose, uint8_t *bytes, size_t size,
                    char *text)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int taken = 0, rest = 0;
    int secret = (int)(size - NONCE - TAG);
    bool good =
        ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, bytes) == 1 &&
        EVP_DecryptUpdate(ctx, NULL, &taken, (const uint8_t *)purpose, (int)strlen(purpose)) == 1 &&
        EVP_DecryptUpdate(ctx, (uint8_t *)text, &taken, bytes + NONCE, secret) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, bytes + size - TAG) == 1 &&
        EVP_DecryptFinal_ex(ctx, (uint8_t *)text + taken, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

enum error_code seal_open(const struct seal_ring *ring, const char *purpose, const char *sealed,
                          struct arena *arena, char **text, struct error *err)
{
    char id[SEAL_KEY_ID];
    int at = 0;
    if (strlen(sealed) > 2 * SEALED_BYTES || sscanf(sealed, "v1:%8[0-9a-f]:%n", id, &at) != 1 ||
        at != 3 + SEAL_KEY_ID)
        return error_set(err, ERR_CORRUPT, "not a sealed secret");
    size_t size = 0;
    char *bytes = digest_base64url_parse(arena, sealed + at, &size);
    if (!bytes || size < NONCE + TAG)
        return error_set(err, ERR_CORRUPT, "not a sealed secret");
    for (int i = 0; i < ring->count; i++) {
        if (strcmp(ring->keys[i].id, id) != 0)
            continue;
        *text = arena_alloc(arena, size - NONCE - TAG + 1);
        if (decrypt(&ring->keys[i], purpose, (uint8_t *)bytes, size, *text))
            return ERR_OK;
        return error_set(err, ERR_CORRUPT, "sealed secret: altered, or for another purpose");
    }
    return error_set(err, ERR_NOT_FOUND, "sealed secret: key %s is not known here", id);
}

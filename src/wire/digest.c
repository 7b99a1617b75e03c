/* Digests and text forms: see digest.h. */
#include "src/wire/digest.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"

/* scrypt: 16 MiB of memory, RFC 7914. */
enum {
    SCRYPT_N = 16384,
    SCRYPT_R = 8,
    SCRYPT_P = 1,
    SCRYPT_MEMORY = 64 << 20,
    SALT_BYTES = 16,
    READ_BYTES = 64 << 10,
};

void digest_sha256(const void *bytes, size_t size, uint8_t digest[DIGEST_BYTES])
{
    unsigned length = 0;
    int rv = EVP_Digest(bytes, size, digest, &length, EVP_sha256(), NULL);
    ASSERT(rv == 1 && length == DIGEST_BYTES);
}

void digest_sha256_text(const void *bytes, size_t size, char text[DIGEST_TEXT])
{
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(bytes, size, digest);
    digest_hex(digest, sizeof(digest), text);
}

enum error_code digest_sha256_file(const char *path, char text[DIGEST_TEXT], struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "%s", path);
    struct digest_stream *stream = digest_stream_new();
    char bytes[READ_BYTES];
    ssize_t size;
    while ((size = read(fd, bytes, sizeof(bytes))) > 0)
        digest_stream_put(stream, bytes, (size_t)size);
    digest_stream_finish(stream, text);
    return size < 0 ? error_errno(err, "%s", path) : ERR_OK;
}

struct digest_stream *digest_stream_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rv = ctx ? EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) : 0;
    ASSERT(rv == 1);
    return (struct digest_stream *)ctx;
}

void digest_stream_put(struct digest_stream *stream, const void *bytes, size_t size)
{
    int rv = EVP_DigestUpdate((EVP_MD_CTX *)stream, bytes, size);
    ASSERT(rv == 1);
}

void digest_stream_finish(struct digest_stream *stream, char text[DIGEST_TEXT])
{
    uint8_t digest[DIGEST_BYTES];
    int rv = EVP_DigestFinal_ex((EVP_MD_CTX *)stream, digest, NULL);
    ASSERT(rv == 1);
    digest_hex(digest, sizeof(digest), text);
    digest_stream_free(stream);
}

void digest_stream_free(struct digest_stream *stream)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)stream);
}

static void hmac(const EVP_MD *md, const void *key, size_t key_size, const void *bytes, size_t size,
                 uint8_t *digest)
{
    unsigned length = 0;
    ASSERT(key_size <= 1 << 20);
    unsigned char *rv = HMAC(md, key, (int)key_size, bytes, size, digest, &length);
    ASSERT(rv);
}

void digest_hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                        uint8_t digest[DIGEST_BYTES])
{
    hmac(EVP_sha256(), key, key_size, bytes, size, digest);
}

void digest_hmac_sha1(const void *key, size_t key_size, const void *bytes, size_t size,
                      uint8_t digest[20])
{
    hmac(EVP_sha1(), key, key_size, bytes, size, digest);
}

void digest_hex(const void *bytes, size_t size, char *text)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = "0123456789abcdef"[at[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[at[i] & 15];
    }
    text[2 * size] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool digest_hex_parse(const char *text, uint8_t *bytes, size_t size)
{
    if (strlen(text) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char plain_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode(struct arena *arena, const uint8_t *bytes, size_t size, const char *letters,
                    bool pad)
{
    char *text = arena_alloc(arena, (size + 2) / 3 * 4 + 1), *to = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        unsigned bits = (unsigned)bytes[i] << 16;
        if (have > 1)
            bits |= (unsigned)bytes[i + 1] << 8;
        if (have > 2)
            bits |= bytes[i + 2];
        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 63];
        if (have > 1)
            *to++ = letters[bits >> 6 & 63];
        else if (pad)
            *to++ = '=';
        if (have > 2)
            *to++ = letters[bits & 63];
        else if (pad)
            *to++ = '=';
    }
    *to = '\0';
    return text;
}

char *digest_base64(struct arena *arena, const void *bytes, size_t size)
{
    return encode(arena, bytes, size, plain_letters, true);
}

char *digest_base64url(struct arena *arena, const void *bytes, size_t size)
{
    return encode(arena, bytes, size, url_letters, false);
}

/* Strict: no stray letters, and the bits past the last byte are zero. */
static char *decode(struct arena *arena, const char *text, size_t text_size, bool url, size_t *size)
{
    const char *letters = url ? url_letters : plain_letters;
    char *bytes = arena_alloc(arena, text_size / 4 * 3 + 4);
    unsigned bits = 0, count = 0, pads = 0;
    *size = 0;
    for (size_t i = 0; i < text_size; i++) {
        char c = text[i];
        if (!url && (c == '\n' || c == '\r' || c == ' ' || c == '\t'))
            continue;
        if (!url && c == '=' && ++pads <= 2)
            continue;
        const char *letter = c ? strchr(letters, c) : NULL;
        if (!letter || pads)
            return NULL;
        bits = bits << 6 | (unsigned)(letter - letters);
        if (++count % 4 == 0) {
            bytes[(*size)++] = (char)(bits >> 16);
            bytes[(*size)++] = (char)(bits >> 8);
            bytes[(*size)++] = (char)bits;
            bits = 0;
        }
    }
    unsigned rest = count % 4;
    if (rest == 1 || (!url && (rest + pads) % 4 != 0) || (!rest && pads))
        return NULL;
    if ((rest == 2 && bits & 15) || (rest == 3 && bits & 3))
        return NULL;
    if (rest >= 2)
        bytes[(*size)++] = (char)(rest == 2 ? bits >> 4 : bits >> 10);
    if (rest == 3)
        bytes[(*size)++] = (char)(bits >> 2);
    bytes[*size] = '\0';
    return bytes;
}

char *digest_base64_parse(struct arena *arena, const char *text, size_t text_size, size_t *size)
{
    return decode(arena, text, text_size, false, size);
}

char *digest_base64url_parse(struct arena *arena, const char *text, size_t *size)
{
    return decode(arena, text, strlen(text), true, size);
}

bool digest_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

bool digest_equal_text(const char *a, const char *b)
{
    size_t size = strlen(a);
    return size == strlen(b) && digest_equal(a, b, size);
}

void digest_random(void *bytes, size_t size)
{
    ASSERT(size <= 1 << 20);
    int rv = RAND_bytes(bytes, (int)size);
    ASSERT(rv == 1);
}

void digest_random_text(char *text, size_t count)
{
    for (size_t i = 0; i < count;) {
        uint8_t byte;
        digest_random(&byte, 1);
        if (byte >= 62 * 4) /* each letter equally likely */
            continue;
        text[i++] = plain_letters[byte % 62];
    }
    text[count] = '\0';
}

static bool stretch(const char *password, const uint8_t *salt, const long cost[3],
                    uint8_t hash[DIGEST_BYTES])
{
    return EVP_PBE_scrypt(password, strlen(password), salt, SALT_BYTES, (uint64_t)cost[0],
                          (uint64_t)cost[1], (uint64_t)cost[2], SCRYPT_MEMORY, hash,
                          DIGEST_BYTES) == 1;
}

void digest_password(const char *password, char stored[DIGEST_PASSWORD])
{
    uint8_t salt[SALT_BYTES], hash[DIGEST_BYTES];
    char salt_text[2 * SALT_BYTES + 1], hash_text[DIGEST_TEXT];
    long cost[3] = {SCRYPT_N, SCRYPT_R, SCRYPT_P};
    digest_random(salt, sizeof(salt));
    bool made = stretch(password, salt, cost, hash);
    ASSERT(made);
    digest_hex(salt, sizeof(salt), salt_text);
    digest_hex(hash, sizeof(hash), hash_text);
    snprintf(stored, DIGEST_PASSWORD, "scrypt$%ld$%ld$%ld$%s$%s", cost[0], cost[1], cost[2],
             salt_text, hash_text);
}

bool digest_password_fits(const char *password, const char *stored)
{
    long cost[3];
    char salt_text[2 * SALT_BYTES + 1], hash_text[DIGEST_TEXT];
    uint8_t salt[SALT_BYTES], hash[DIGEST_BYTES], wanted[DIGEST_BYTES];
    // NOLINTNEXTLINE(cert-err34-c): widths keep each number inside a long
    if (sscanf(stored, "scrypt$%9ld$%9ld$%9ld$%32[0-9a-f]$%64[0-9a-f]", &cost[0], &cost[1],
               &cost[2], salt_text, hash_text) != 5)
        return false;
    return digest_hex_parse(salt_text, salt, sizeof(salt)) &&
           digest_hex_parse(hash_text, wanted, sizeof(wanted)) && cost[0] > 1 && cost[1] > 0 &&
           cost[2] > 0 && stretch(password, salt, cost, hash) &&
           digest_equal(hash, wanted, sizeof(hash));
}

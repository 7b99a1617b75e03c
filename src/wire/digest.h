/*
 * Digests, text forms of bytes, random bytes, passwords. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum {
    DIGEST_BYTES = 32,    /* SHA-256, HMAC-SHA-256 */
    DIGEST_TEXT = 65,     /* in hex, with the NUL */
    DIGEST_PASSWORD = 160 /* longest stored form of a password, with the NUL */
};

/** SHA-256 of one run of bytes; of a file (blocking; Errors: NOT_FOUND, IO). */
void digest_sha256(const void *bytes, size_t size, uint8_t digest[DIGEST_BYTES]);
void digest_sha256_text(const void *bytes, size_t size, char text[DIGEST_TEXT]);
enum error_code digest_sha256_file(const char *path, char text[DIGEST_TEXT], struct error *err);

/** SHA-256 piece by piece: for downloads. finish frees; free(NULL) is fine. */
struct digest_stream;
struct digest_stream *digest_stream_new(void);
void digest_stream_put(struct digest_stream *stream, const void *bytes, size_t size);
void digest_stream_finish(struct digest_stream *stream, char text[DIGEST_TEXT]);
void digest_stream_free(struct digest_stream *stream);

void digest_hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                        uint8_t digest[DIGEST_BYTES]);

/** HMAC-SHA-1 in 20 bytes: OAuth 1.0 clients sign with nothing better. */
void digest_hmac_sha1(const void *key, size_t key_size, const void *bytes, size_t size,
                      uint8_t digest[20]);

/** Lower-case hex; text holds 2 * size + 1. Parse takes exactly size bytes, either case. */
void digest_hex(const void *bytes, size_t size, char *text);
bool digest_hex_parse(const char *text, uint8_t *bytes, size_t size);

/** RFC 4648: base64 with padding, base64url without. Parsing is strict, base64 skips white space;
 * NULL = malformed. The result is in the arena and NUL-terminated. */
char *digest_base64(struct arena *arena, const void *bytes, size_t size);
char *digest_base64url(struct arena *arena, const void *bytes, size_t size);
char *digest_base64_parse(struct arena *arena, const char *text, size_t text_size, size_t *size);
char *digest_base64url_parse(struct arena *arena, const char *text, size_t *size);

/** Equal, in a time that does not depend on where they differ. The texts' lengths may show. */
bool digest_equal(const void *a, const void *b, size_t size);
bool digest_equal_text(const char *a, const char *b);

/** Random bytes from the kernel; count random letters and digits, text holds count + 1. */
void digest_random(void *bytes, size_t size);
void digest_random_text(char *text, size_t count);

/** "scrypt$N$r$p$salt$hash" of a password; does a password fit such a form? Some 50 ms each. */
void digest_password(const char *password, char stored[DIGEST_PASSWORD]);
bool digest_password_fits(const char *password, const char *stored);

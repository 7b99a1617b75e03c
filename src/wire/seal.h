/*
 * Secrets at rest (BMC passwords, tokens) under the cluster's key: AES-256-GCM. A sealed text is
 * "v1:KEYID:base64url(nonce, ciphertext, tag)", bound to the purpose it was made for, so that one
 * row's secret cannot be passed off as another's. Any thread.
 */
#pragma once

#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum { SEAL_KEYS = 4, SEAL_KEY_ID = 9 };

struct seal_key {
    char id[SEAL_KEY_ID]; /* 8 hex digits: the start of the key's SHA-256 */
    uint8_t bytes[32];
};

/** The newest key first: it seals; all of them open. */
struct seal_ring {
    int count;
    struct seal_key keys[SEAL_KEYS];
};

/** A ring of one fresh key; as text (a hex line per key) for a file of mode 0600 or a join. */
void seal_ring_make(struct seal_ring *ring);
char *seal_ring_text(const struct seal_ring *ring, struct arena *arena);
/** Errors: CORRUPT. */
enum error_code seal_ring_parse(const char *text, struct seal_ring *ring, struct error *err);
/** Errors: NOT_FOUND, IO, CORRUPT. */
enum error_code seal_ring_read(const char *path, struct seal_ring *ring, struct error *err);
enum error_code seal_ring_write(const char *path, const struct seal_ring *ring, struct error *err);

/** Seal text for purpose ("bmc 17 power_pass"). */
char *seal_close(const struct seal_ring *ring, const char *purpose, const char *text,
                 struct arena *arena);

/** Errors: CORRUPT (not sealed, altered, or for another purpose), NOT_FOUND (key not in the ring).
 */
enum error_code seal_open(const struct seal_ring *ring, const char *purpose, const char *sealed,
                          struct arena *arena, char **text, struct error *err);

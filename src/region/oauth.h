/*
 * OAuth 1.0a with PLAINTEXT signatures, from the Authorization header or the query string.
 * Timestamps and nonces are not judged: PLAINTEXT gives no protection against replay, TLS does.
 * Source: RFC 5849 3.4.4, 3.5.1, 3.5.3.
 */
#pragma once

#include <stdbool.h>

#include "src/region/form.h"

struct oauth {
    const char *consumer_key, *token_key, *secret; /* in the arena, decoded */
};

/** Is this header one of ours at all ("OAuth ...")? */
bool oauth_is_header(const char *header);

/**
 * Errors: BAD_INPUT (a field is missing or malformed), UNAUTHORIZED (another signature method, a
 * consumer secret).
 */
enum error_code oauth_parse(const char *header, struct arena *arena, struct oauth *oauth,
                            struct error *err);

/** From parameters; the oauth_* ones are taken out. found tells whether there were any. */
enum error_code oauth_from_form(struct form *form, struct oauth *oauth, bool *found,
                                struct error *err);

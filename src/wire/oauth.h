/*
 * API keys "CONSUMER:TOKEN:SECRET" and the OAuth 1.0 PLAINTEXT header made of one (RFC 5849
 * section 3.4.4): what the CLI and the agent sign with. Any thread.
 */
#pragma once

#include "src/base/arena.h"
#include "src/base/error.h"

struct oauth_key {
    const char *consumer, *token, *secret;
};

/** Texts live in the arena. Errors: BAD_INPUT (not three parts of printable ASCII). */
enum error_code oauth_key_parse(const char *text, struct arena *arena, struct oauth_key *key,
                                struct error *err);

/** "Authorization: OAuth ..." with a fresh nonce. */
char *oauth_header(const struct oauth_key *key, struct arena *arena);

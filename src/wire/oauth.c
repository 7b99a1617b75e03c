/* API keys and OAuth headers: see oauth.h. */
#include "src/wire/oauth.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/wire/digest.h"
#include "src/wire/http_client.h"

enum { PART_BYTES = 128, NONCE_LETTERS = 20 };

static bool is_part(const char *text)
{
    size_t length = strlen(text);
    if (!length || length > PART_BYTES)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || *text == '"')
            return false;
    return true;
}

enum error_code oauth_key_parse(const char *text, struct arena *arena, struct oauth_key *key,
                                struct error *err)
{
    char *copy = arena_strdup(arena, text), *rest = copy;
    key->consumer = strsep(&rest, ":");
    key->token = rest ? strsep(&rest, ":") : "";
    key->secret = rest ? rest : "";
    if (is_part(key->consumer) && is_part(key->token) && is_part(key->secret) &&
        !strchr(key->secret, ':'))
        return ERR_OK;
    return error_set(err, ERR_BAD_INPUT, "API key: expected CONSUMER:TOKEN:SECRET");
}

char *oauth_header(const struct oauth_key *key, struct arena *arena)
{
    char nonce[NONCE_LETTERS + 1];
    digest_random_text(nonce, NONCE_LETTERS);
    return arena_printf(arena,
                        "Authorization: OAuth realm=\"\", oauth_version=\"1.0\", "
                        "oauth_signature_method=\"PLAINTEXT\", oauth_consumer_key=\"%s\", "
                        "oauth_token=\"%s\", oauth_signature=\"%%26%s\", "
                        "oauth_timestamp=\"%llu\", oauth_nonce=\"%s\"",
                        http_client_escape(arena, key->consumer),
                        http_client_escape(arena, key->token),
                        /* the signature is "&SECRET", and the header encodes it as a whole */
                        http_client_escape(arena, key->secret),
                        (unsigned long long)(clock_real_ms() / 1000), nonce);
}

/* Join tokens: see join.h. Foreign bytes, so everything is checked before it is used. */
#include "src/model/join.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const char *encode(const char *bytes, size_t size, struct arena *arena)
{
    char *text = arena_alloc(arena, (size + 2) / 3 * 4 + 1);
    size_t used = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = 0;
        size_t here = size - i < 3 ? size - i : 3;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < here ? (uint8_t)bytes[i + k] : 0);
        for (size_t k = 0; k <= here; k++)
            text[used++] = alphabet[group >> (18 - 6 * k) & 63];
    }
    return text;
}

/** The decoded bytes with a NUL after them, or NULL. */
static char *decode(const char *text, struct arena *arena, size_t *size)
{
    size_t length = strlen(text), used = 0;
    if (length > JOIN_TOKEN_BYTES || length % 4 == 1)
        return NULL;
    char *bytes = arena_alloc(arena, length / 4 * 3 + 4);
    uint32_t group = 0;
    for (size_t i = 0; i < length; i++) {
        const char *at = strchr(alphabet, text[i]);
        if (!at || !*at)
            return NULL;
        group = group << 6 | (uint32_t)(at - alphabet);
        if (i % 4 > 0)
            bytes[used++] = (char)(group >> (6 - 2 * (i % 4)) & 255);
    }
    *size = used;
    return bytes;
}

const char *join_token_format(const struct join_token *token, struct arena *arena)
{
    json_t *addresses = json_array();
    for (int i = 0; i < token->addresses_count; i++)
        json_array_append_new(addresses, json_string(token->addresses[i]));
    json_t *root = json_pack("{ss ss ss ss so}", "id", token->id, "secret", token->secret, "role",
                             token->role, "ca", token->ca, "addresses", addresses);
    ASSERT(root);
    char *text = json_dumps(root, JSON_COMPACT);
    ASSERT(text);
    const char *encoded = encode(text, strlen(text), arena);
    free(text);
    json_decref(root);
    return encoded;
}

static const char *text_of(json_t *root, const char *key, struct arena *arena)
{
    const char *text = json_string_value(json_object_get(root, key));
    return text && *text && strlen(text) <= 256 ? arena_strdup(arena, text) : NULL;
}

static bool read_token(json_t *root, struct arena *arena, struct join_token *token)
{
    *token = (struct join_token){
        .id = text_of(root, "id", arena),
        .secret = text_of(root, "secret", arena),
        .role = text_of(root, "role", arena),
        .ca = text_of(root, "ca", arena),
    };
    json_t *addresses = json_object_get(root, "addresses");
    size_t count = json_array_size(addresses);
    if (!token->id || !token->secret || !token->role || !token->ca || !count ||
        count > JOIN_ADDRESSES)
        return false;
    if (strlen(token->ca) != 64 || strspn(token->ca, "0123456789abcdef") != 64)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *address = json_string_value(json_array_get(addresses, i));
        if (!address || strlen(address) > 128 || !strchr(address, ':'))
            return false;
        token->addresses[token->addresses_count++] = arena_strdup(arena, address);
    }
    return true;
}

enum error_code join_token_parse(const char *text, struct arena *arena, struct join_token *token,
                                 struct error *err)
{
    size_t size = 0;
    char *bytes = decode(text, arena, &size);
    json_t *root = bytes ? json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool good = root && read_token(root, arena, token);
    json_decref(root);
    if (good)
        return ERR_OK;
    return error_set(
        err, ERR_BAD_INPUT,
        "this is no join token, or a part of it is missing; make one on a region with: "
        "gantry cluster token create --role rack");
}

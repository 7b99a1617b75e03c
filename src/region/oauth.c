/* OAuth 1.0a with PLAINTEXT signatures: see oauth.h. */
#include "src/region/oauth.h"

#include <string.h>
#include <strings.h>

#include "src/base/container.h"

enum { HEADER_BYTES = 4096, VALUE_BYTES = 512 };

enum { CONSUMER, TOKEN, SIGNATURE, METHOD, NONCE, TIMESTAMP, VERSION, FIELDS };
static const char *const names[FIELDS] = {
    "oauth_consumer_key", "oauth_token",     "oauth_signature", "oauth_signature_method",
    "oauth_nonce",        "oauth_timestamp", "oauth_version",
};

bool oauth_is_header(const char *header)
{
    return !strncasecmp(header, "OAuth ", 6);
}

static enum error_code check(const char *const values[FIELDS], struct oauth *oauth,
                             struct error *err)
{
    for (int i = 0; i < VERSION; i++)
        if (!values[i])
            return error_set(err, ERR_BAD_INPUT, "Missing OAuth parameter: %s.", names[i]);
    if (strcasecmp(values[METHOD], "PLAINTEXT"))
        return error_set(err, ERR_UNAUTHORIZED,
                         "Authorization Error: signature method %.40s is not supported.",
                         values[METHOD]);
    if (values[SIGNATURE][0] != '&')
        return error_set(err, ERR_UNAUTHORIZED, "Authorization Error: Invalid signature.");
    *oauth = (struct oauth){values[CONSUMER], values[TOKEN], values[SIGNATURE] + 1};
    return ERR_OK;
}

static void keep(const char *values[FIELDS], const char *name, const char *value)
{
    for (int i = 0; i < FIELDS; i++)
        if (!strcasecmp(name, names[i]))
            values[i] = value;
}

enum error_code oauth_parse(const char *header, struct arena *arena, struct oauth *oauth,
                            struct error *err)
{
    const char *values[FIELDS] = {0};
    const char *at = header + strlen("OAuth ");
    if (!oauth_is_header(header) || strlen(header) > HEADER_BYTES)
        return error_set(err, ERR_BAD_INPUT, "Malformed Authorization header.");
    while (*(at += strspn(at, ", \t\r\n"))) {
        size_t name_size = strcspn(at, "=, \t");
        const char *value = at + name_size + 1;
        if (at[name_size] != '=')
            return error_set(err, ERR_BAD_INPUT, "Malformed Authorization header.");
        bool quoted = *value == '"';
        value += quoted;
        size_t size = strcspn(value, quoted ? "\"" : ", \t");
        if (size > VALUE_BYTES || (quoted && value[size] != '"'))
            return error_set(err, ERR_BAD_INPUT, "Malformed Authorization header.");
        const char *decoded = form_decode(arena, value, size, 0);
        if (!decoded)
            return error_set(err, ERR_BAD_INPUT, "Malformed Authorization header.");
        keep(values, arena_strndup(arena, at, name_size), decoded);
        at = value + size + quoted;
    }
    return check(values, oauth, err);
}

enum error_code oauth_from_form(struct form *form, struct oauth *oauth, bool *found,
                                struct error *err)
{
    const char *values[FIELDS] = {0};
    *found = form_find(form, names[SIGNATURE]) != NULL;
    if (!*found)
        return ERR_OK;
    for (int i = 0; i < FIELDS; i++)
        values[i] = form_take(form, names[i]);
    return check(values, oauth, err);
}

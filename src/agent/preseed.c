/* Preseeds: see preseed.h. */
#include "src/agent/preseed.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/container.h"

enum { VALUE_BYTES = 1024 };

static const char *const field_names[] = {"metadata_url", "consumer_key", "token_key",
                                          "token_secret"};

static const char **field_of(struct preseed *preseed, const char *name, size_t length)
{
    const char **fields[] = {&preseed->metadata_url, &preseed->consumer_key, &preseed->token_key,
                             &preseed->token_secret};
    for (size_t i = 0; i < COUNT_OF(field_names); i++)
        if (strlen(field_names[i]) == length && !strncmp(field_names[i], name, length))
            return fields[i];
    return NULL;
}

/* A scalar at text, up to the end of the line or, inside braces, to "," or "}". */
static const char *read_scalar(const char *text, bool in_flow, struct arena *arena,
                               const char **value)
{
    char out[VALUE_BYTES + 1] = "";
    size_t used = 0;
    char quote = *text == '"' || *text == '\'' ? *text : '\0';
    for (text += quote != '\0'; *text && *text != '\n' && used < VALUE_BYTES; text++) {
        if (quote && *text == quote && !(quote == '\'' && text[1] == '\'')) {
            text++;
            break;
        }
        if (!quote && (*text == '#' ? text[-1] == ' ' : in_flow && strchr(",}", *text) != NULL))
            break;
        if (quote == '\'' && *text == quote) /* '' is one ' */
            text++;
        else if (quote == '"' && *text == '\\' && text[1] && text[1] != '\n')
            text++;
        out[used++] = *text;
    }
    while (!quote && used && strchr(" \t\r", out[used - 1]))
        used--;
    bool is_null =
        !quote && (!used || (used == 1 && *out == '~') || (used == 4 && !strncmp(out, "null", 4)));
    *value = is_null ? NULL : arena_strndup(arena, out, used);
    return text;
}

/* "key: value" at text; where it ends. A key that is not ours is read and dropped. */
static const char *read_pair(const char *text, bool in_flow, struct arena *arena,
                             struct preseed *preseed)
{
    const char *end = text + (*text == '"' || *text == '\''), *value = NULL;
    size_t length = strcspn(end, ":\"' \n,}");
    const char **field = field_of(preseed, end, length);
    text = end + length;
    text += strspn(text, "\"' \t");
    if (*text != ':')
        return text + strcspn(text, in_flow ? ",}\n" : "\n");
    text++;
    text += strspn(text, " \t");
    text = read_scalar(text, in_flow, arena, &value);
    if (field)
        *field = value;
    return text;
}

/* The pairs behind "{"; where they end. */
static const char *read_flow(const char *text, struct arena *arena, struct preseed *preseed)
{
    while (*text && *text != '}') {
        text += strspn(text, " \t\r\n,");
        if (!*text || *text == '}')
            break;
        const char *after = read_pair(text, true, arena, preseed);
        text = after > text ? after : text + 1;
    }
    return text;
}

static bool is_key(const char *line, const char *key)
{
    size_t length = strlen(key);
    return !strncmp(line, key, length) && line[length] == ':' &&
           (line[length + 1] == '\0' || strchr(" \t\r\n", line[length + 1]));
}

/* Block form: "datasource:" at the margin, "MAAS:" below it, the pairs below that. */
static void read_block(const char *text, struct arena *arena, struct preseed *preseed)
{
    bool in_datasource = false;
    size_t maas = 0; /* indent of "MAAS:", 0 outside of it */
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t indent = strspn(line, " ");
        const char *word = line + indent;
        if (strchr("#\r\n", *word))
            continue;
        if (indent == 0) {
            in_datasource = is_key(word, "datasource");
            maas = 0;
        } else if (in_datasource && is_key(word, "MAAS")) {
            maas = indent;
            const char *rest = word + strlen("MAAS:");
            rest += strspn(rest, " \t");
            if (*rest == '{') {
                line = read_flow(rest + 1, arena, preseed);
                maas = 0;
            }
        } else if (maas && indent <= maas) {
            maas = 0;
        } else if (maas && strchr(":{,}", *word) == NULL) {
            read_pair(word, false, arena, preseed);
        }
    }
}

static void read_json(const char *text, struct arena *arena, struct preseed *preseed)
{
    json_t *top = json_loads(text, 0, NULL);
    json_t *maas = json_object_get(json_object_get(top, "datasource"), "MAAS");
    for (size_t i = 0; i < COUNT_OF(field_names); i++) {
        const char *value = json_string_value(json_object_get(maas, field_names[i]));
        *field_of(preseed, field_names[i], strlen(field_names[i])) = arena_strdup(arena, value);
    }
    json_decref(top);
}

static bool is_word(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '"')
            return false;
    return length > 0 && length <= VALUE_BYTES;
}

static enum error_code check(const struct preseed *preseed, struct error *err)
{
    static const char ending[] = "/metadata/";
    const char *url = preseed->metadata_url;
    if (!url)
        return error_set(err, ERR_BAD_INPUT, "the preseed has no datasource.MAAS.metadata_url");
    size_t length = strlen(url), tail = strlen(ending);
    if (!is_word(url) || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        length < tail || strcmp(url + length - tail, ending) != 0)
        return error_set(
            err, ERR_BAD_INPUT,
            "the preseed's metadata_url is \"%.200s\": expected http(s)://.../metadata/", url);
    int given = (preseed->consumer_key != NULL) + (preseed->token_key != NULL) +
                (preseed->token_secret != NULL);
    if (given != 0 && (given != 3 || !is_word(preseed->consumer_key) ||
                       !is_word(preseed->token_key) || !is_word(preseed->token_secret)))
        return error_set(err, ERR_BAD_INPUT, "the preseed's key is not whole");
    return ERR_OK;
}

enum error_code preseed_parse(const char *text, struct arena *arena, struct preseed *preseed,
                              struct error *err)
{
    *preseed = (struct preseed){0};
    if (strncmp(text, "#cloud-config", 13) != 0 || !strchr("\r\n", text[13]))
        return error_set(err, ERR_BAD_INPUT, "the preseed does not begin with #cloud-config");
    const char *body = text + strcspn(text, "\n");
    body += strspn(body, " \t\r\n");
    if (*body == '{')
        read_json(body, arena, preseed);
    else
        read_block(body, arena, preseed);
    return check(preseed, err);
}

/* Headers of scripts: see script_header.h. */
#include "src/model/script_header.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/spool.h"
#include "src/base/yaml.h"

static const char block_start[] = "--- Start MAAS 1.0 script metadata ---";
static const char block_end[] = "--- End MAAS 1.0 script metadata ---";

void script_header_init(struct script_header *header)
{
    *header = (struct script_header){
        .type = -1,
        .hardware = -1,
        .parallel = -1,
        .timeout_s = -1,
        .destructive = -1,
        .may_reboot = -1,
        .recommission = -1,
        .apply_netconf = -1,
    };
}

void script_header_close(struct script_header *header)
{
    json_t *held[] = {header->tags, header->for_hardware, header->parameters, header->packages,
                      header->results};
    for (size_t i = 0; i < COUNT_OF(held); i++)
        json_decref(held[i]);
    script_header_init(header);
}

static enum error_code expected(const char *key, const char *what, struct error *err)
{
    return error_set(err, ERR_BAD_INPUT, "%s: expected %s", key, what);
}

/* A number or a text as a text, NULL when it is neither. */
static const char *text_of(json_t *value, struct arena *arena)
{
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        return arena_strdup(arena, json_string_value(value));
    if (json_is_integer(value))
        return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    return NULL;
}

int64_t script_timeout_parse(const char *text)
{
    int64_t parts[3], total = 0;
    int count = 0;
    const char *at = text;
    do {
        size_t digits = strspn(at, "0123456789");
        if (!digits || digits > 7)
            return -1;
        parts[count++] = strtoll(at, NULL, 10);
        at += digits;
    } while (*at == ':' && count < 3 && *++at);
    bool seconds = *at == 's' && count == 1;
    if (at[seconds] || (text[0] && text[strlen(text) - 1] == ':'))
        return -1;
    for (int i = 0; i < count; i++)
        total = total * 60 + parts[i];
    return total <= SCRIPT_TIMEOUT_MOST_S ? total : -1;
}

static enum error_code set_timeout(struct script_header *header, const char *key, json_t *value,
                                   struct arena *arena, struct error *err)
{
    const char *text = text_of(value, arena);
    header->timeout_s = text ? script_timeout_parse(text) : -1;
    return header->timeout_s < 0
               ? expected(key, "a time as 0:30:00 or seconds, at most 30 days", err)
               : ERR_OK;
}

static enum error_code set_flag(int *flag, const char *key, json_t *value, struct error *err)
{
    const char *text = json_string_value(value);
    if (json_is_boolean(value))
        *flag = json_is_true(value);
    else if (json_is_integer(value) && (unsigned long long)json_integer_value(value) <= 1)
        *flag = (int)json_integer_value(value);
    else if (text && (!strcasecmp(text, "true") || !strcmp(text, "1") || !strcasecmp(text, "on")))
        *flag = 1;
    else if (text && (!*text || !strcasecmp(text, "false") || !strcmp(text, "0") ||
                      !strcasecmp(text, "off")))
        *flag = 0;
    else
        return expected(key, "true or false", err);
    return ERR_OK;
}

/* A list of texts, or one text with commas. */
static enum error_code set_list(json_t **list, const char *key, json_t *value, struct error *err)
{
    json_t *made = json_array();
    const char *text = json_string_value(value);
    size_t i;
    json_t *element;
    json_decref(*list);
    *list = made;
    for (; text && *text; text += strcspn(text, ",") + (text[strcspn(text, ",")] == ',')) {
        size_t size = strcspn(text, ",");
        size_t blank = strspn(text, " ");
        while (size > blank && text[size - 1] == ' ')
            size--;
        if (size > blank)
            json_array_append_new(made, json_stringn(text + blank, size - blank));
    }
    if (!text && !json_is_array(value))
        return expected(key, "a list of words", err);
    json_array_foreach (value, i, element) {
        const char *word = json_string_value(element);
        if (!word || !*word || strlen(word) > SCRIPT_NAME_BYTES)
            return expected(key, "a list of words", err);
        json_array_append(made, element);
    }
    return json_array_size(made) > SCRIPT_LISTED ? expected(key, "at most 32 words", err) : ERR_OK;
}

static enum error_code check_parameter(const char *name, const json_t *parameter, struct error *err)
{
    static const char *const types[] = {"storage", "interface", "url",     "runtime",
                                        "string",  "password",  "boolean", "choice"};
    const char *type = json_string_value(json_object_get(parameter, "type"));
    bool known = false;
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
            strlen(name) ||
        !*name || strlen(name) > 64)
        return expected("parameters", "names of letters, digits, dashes", err);
    for (size_t i = 0; type && i < COUNT_OF(types); i++)
        known = known || !strcmp(types[i], type);
    if (!known)
        return error_set(err, ERR_BAD_INPUT,
                         "parameters: %s: expected a type: storage, interface, url, runtime, "
                         "string, password, boolean or choice",
                         name);
    return ERR_OK;
}

static enum error_code set_object(json_t **object, const char *key, json_t *value,
                                  struct error *err)
{
    const char *name;
    json_t *parameter;
    json_decref(*object);
    *object = NULL;
    if (json_is_null(value))
        return ERR_OK;
    if (json_is_array(value) && !json_array_size(value))
        *object = json_object();
    else if (json_is_object(value) || (!strcmp(key, "results") && json_is_array(value)))
        *object = json_incref(value);
    else
        return expected(key, "names with their values", err);
    if (strcmp(key, "parameters"))
        return ERR_OK;
    if (json_object_size(value) > SCRIPT_PARAMETERS)
        return expected(key, "at most 16 parameters", err);
    json_object_foreach (value, name, parameter) {
        enum error_code code = check_parameter(name, parameter, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static enum error_code set_word(int *number, int (*parse)(const char *), const char *key,
                                json_t *value, struct arena *arena, struct error *err)
{
    const char *text = text_of(value, arena);
    *number = text ? parse(text) : -1;
    return *number < 0
               ? error_set(err, ERR_BAD_INPUT, "%s: '%.60s' is none", key, text ? text : "that")
               : ERR_OK;
}

static enum error_code set_text(const char **place, const char *key, json_t *value,
                                struct arena *arena, struct error *err)
{
    const char *text = text_of(value, arena);
    if (!text)
        return expected(key, "a text", err);
    *place = text;
    return ERR_OK;
}

static enum error_code set_name(struct script_header *header, const char *key, json_t *value,
                                struct arena *arena, struct error *err)
{
    enum error_code code = set_text(&header->name, key, value, arena, err);
    if (!code && !script_name_ok(header->name))
        code = expected(key,
                        "letters, digits, dots, dashes and underscores (at most 255, not only "
                        "digits)",
                        err);
    return code;
}

enum error_code script_header_set(struct script_header *header, const char *key, json_t *value,
                                  struct arena *arena, struct error *err)
{
    const struct {
        const char *key;
        int *flag;
        const char **text;
        json_t **list, **object;
        int *word;
        int (*parse)(const char *);
    } places[] = {
        {"title", .text = &header->title},
        {"description", .text = &header->description},
        {"script_type", .word = &header->type, .parse = script_type_parse},
        {"type", .word = &header->type, .parse = script_type_parse},
        {"hardware_type", .word = &header->hardware, .parse = script_hardware_parse},
        {"parallel", .word = &header->parallel, .parse = script_parallel_parse},
        {"destructive", .flag = &header->destructive},
        {"may_reboot", .flag = &header->may_reboot},
        {"recommission", .flag = &header->recommission},
        {"apply_configured_networking", .flag = &header->apply_netconf},
        {"tags", .list = &header->tags},
        {"for_hardware", .list = &header->for_hardware},
        {"parameters", .object = &header->parameters},
        {"packages", .object = &header->packages},
        {"results", .object = &header->results},
    };
    if (!strcmp(key, "name"))
        return set_name(header, key, value, arena, err);
    if (!strcmp(key, "timeout"))
        return set_timeout(header, key, value, arena, err);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (strcmp(places[i].key, key))
            continue;
        return places[i].text   ? set_text(places[i].text, key, value, arena, err)
               : places[i].flag ? set_flag(places[i].flag, key, value, err)
               : places[i].list ? set_list(places[i].list, key, value, err)
               : places[i].object
                   ? set_object(places[i].object, key, value, err)
                   : set_word(places[i].word, places[i].parse, key, value, arena, err);
    }
    return error_set(err, ERR_BAD_INPUT, "%.60s: there is no such key", key);
}

struct block {
    struct spool yaml;
    bool found;
};

/* The line without its comment sign; NULL when it is no comment. */
static const char *comment_of(const char *line, size_t *size)
{
    size_t blank = 0;
    while (blank < *size && (line[blank] == ' ' || line[blank] == '\t'))
        blank++;
    if (blank == *size || line[blank] != '#')
        return NULL;
    blank++;
    if (blank < *size && line[blank] == ' ')
        blank++;
    *size -= blank;
    return line + blank;
}

static bool is_mark(const char *text, size_t size, const char *mark)
{
    while (size && strchr(" \t\r", text[size - 1]))
        size--;
    return size == strlen(mark) && !memcmp(text, mark, size);
}

/* Collects the YAML of the block, with empty lines before it: its lines are those of the script. */
static enum error_code find_block(const char *script, size_t size, struct block *block,
                                  struct error *err)
{
    int number = 0;
    for (const char *line = script, *end = script + size; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((newline ? newline : end) - line);
        const char *text = comment_of(line, &length);
        number++;
        if (!block->found) {
            block->found = text && is_mark(text, length, block_start);
            spool_put(&block->yaml, "\n", 1);
        } else if (!text) {
            return error_set(err, ERR_BAD_INPUT, "line %d: expected a comment: %s", number,
                             block_end);
        } else if (is_mark(text, length, block_end)) {
            return ERR_OK;
        } else {
            if (block->yaml.used + length > YAML_BYTES / 2)
                return error_set(err, ERR_BAD_INPUT, "line %d: the header is too long", number);
            spool_put(&block->yaml, text, length);
            spool_put(&block->yaml, "\n", 1);
        }
        line = newline ? newline + 1 : end;
    }
    return block->found
               ? error_set(err, ERR_BAD_INPUT, "line %d: the end is missing: %s", number, block_end)
               : ERR_OK;
}

static enum error_code read_block(const struct block *block, struct arena *arena,
                                  struct script_header *header, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *keys = NULL;
    const char *key;
    json_t *value;
    enum error_code code = yaml_parse(block->yaml.bytes, block->yaml.used, &keys, err);
    if (code)
        return code == ERR_TOO_LARGE ? error_set(err, ERR_BAD_INPUT, "the header is too large")
                                     : code;
    if (!json_is_object(keys) && !json_is_null(keys))
        return error_set(err, ERR_BAD_INPUT, "the header: expected keys with their values");
    json_object_foreach (keys, key, value)
        if ((code = script_header_set(header, key, value, arena, err)))
            return code;
    return ERR_OK;
}

enum error_code script_header_parse(const char *script, size_t size, struct arena *arena,
                                    struct script_header *header, struct error *err)
{
    struct block block = {.found = false};
    script_header_init(header);
    spool_init(&block.yaml);
    enum error_code code = find_block(script, size, &block, err);
    if (!code && block.found)
        code = read_block(&block, arena, header, err);
    spool_close(&block.yaml);
    return code;
}

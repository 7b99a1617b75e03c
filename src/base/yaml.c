/* YAML as JSON values: see yaml.h. */
#include "src/base/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "src/base/container.h"

struct reader {
    yaml_parser_t parser;
    int values; /* made so far */
};

static int line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

static enum error_code next(struct reader *reader, yaml_event_t *event, struct error *err)
{
    if (yaml_parser_parse(&reader->parser, event))
        return ERR_OK;
    const yaml_parser_t *parser = &reader->parser;
    return error_set(err, ERR_BAD_INPUT, "line %d: %s", (int)parser->problem_mark.line + 1,
                     parser->problem ? parser->problem : "not YAML");
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(text, words[i]))
            return true;
    return false;
}

/* A whole number or a decimal fraction; NULL = neither. */
static json_t *number_of(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t whole = strspn(digits, "0123456789");
    char *end;
    if (whole && !digits[whole]) {
        errno = 0;
        long long number = strtoll(text, NULL, 10);
        return errno ? NULL : json_integer(number);
    }
    if (!digits[0] || digits[strspn(digits, "0123456789.eE+-")] || !strpbrk(digits, "0123456789"))
        return NULL;
    double number = strtod(text, &end);
    return *end || !isfinite(number) ? NULL : json_real(number);
}

static json_t *plain_value(const char *text)
{
    static const char *const nothing[] = {"", "~", "null"};
    static const char *const yes[] = {"true", "yes", "on"};
    static const char *const no[] = {"false", "no", "off"};
    if (is_one_of(text, nothing, COUNT_OF(nothing)))
        return json_null();
    if (is_one_of(text, yes, COUNT_OF(yes)))
        return json_true();
    if (is_one_of(text, no, COUNT_OF(no)))
        return json_false();
    json_t *number = number_of(text);
    return number ? number : json_string(text);
}

static enum error_code not_plain(const yaml_event_t *event, struct error *err)
{
    return error_set(err, ERR_BAD_INPUT, "line %d: anchors, aliases and tags are not taken",
                     line_of(event));
}

/* The text of a scalar without anchor and tag; NULL and the error when it is not one for JSON. */
static const char *scalar_text(const yaml_event_t *event, struct error *err)
{
    const char *text = (const char *)event->data.scalar.value;
    if (event->data.scalar.anchor || event->data.scalar.tag)
        not_plain(event, err);
    else if (strlen(text) != event->data.scalar.length)
        error_set(err, ERR_BAD_INPUT, "line %d: a text with a NUL byte", line_of(event));
    else
        return text;
    return NULL;
}

static enum error_code scalar_value(const yaml_event_t *event, json_t **value, struct error *err)
{
    const char *text = scalar_text(event, err);
    if (!text)
        return ERR_BAD_INPUT;
    *value =
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_value(text) : json_string(text);
    return *value ? ERR_OK : error_set(err, ERR_BAD_INPUT, "line %d: not UTF-8", line_of(event));
}

static enum error_code read_value(struct reader *reader, const yaml_event_t *event, int depth,
                                  json_t **value, struct error *err);

static enum error_code read_list(struct reader *reader, int depth, json_t *list, struct error *err)
{
    for (;;) {
        yaml_event_t event;
        json_t *value = NULL;
        enum error_code code = next(reader, &event, err);
        if (code)
            return code;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end)
            code = read_value(reader, &event, depth + 1, &value, err);
        yaml_event_delete(&event);
        if (end || code)
            return code;
        json_array_append_new(list, value);
    }
}

/* The key that the event is: a scalar that the mapping does not have yet. The caller frees it. */
static enum error_code read_key(const yaml_event_t *event, const json_t *mapping, char **key,
                                struct error *err)
{
    if (event->type != YAML_SCALAR_EVENT)
        return error_set(err, ERR_BAD_INPUT, "line %d: a key must be a text", line_of(event));
    const char *text = scalar_text(event, err);
    if (!text)
        return ERR_BAD_INPUT;
    if (json_object_get(mapping, text))
        return error_set(err, ERR_BAD_INPUT, "line %d: %.60s stands twice", line_of(event), text);
    *key = strdup(text);
    ASSERT(*key);
    return ERR_OK;
}

static enum error_code read_pair(struct reader *reader, const char *key, int depth, json_t *mapping,
                                 struct error *err)
{
    yaml_event_t event;
    json_t *value = NULL;
    enum error_code code = next(reader, &event, err);
    if (code)
        return code;
    code = read_value(reader, &event, depth + 1, &value, err);
    if (!code && json_object_set_new(mapping, key, value))
        code = error_set(err, ERR_BAD_INPUT, "line %d: not UTF-8", line_of(&event));
    yaml_event_delete(&event);
    return code;
}

static enum error_code read_mapping(struct reader *reader, int depth, json_t *mapping,
                                    struct error *err)
{
    for (;;) {
        yaml_event_t event;
        char *key = NULL;
        enum error_code code = next(reader, &event, err);
        if (code)
            return code;
        bool end = event.type == YAML_MAPPING_END_EVENT;
        if (!end)
            code = read_key(&event, mapping, &key, err);
        yaml_event_delete(&event);
        if (!end && !code)
            code = read_pair(reader, key, depth, mapping, err);
        free(key);
        if (end || code)
            return code;
    }
}

/* The value that begins with the event. */
static enum error_code read_value(struct reader *reader, const yaml_event_t *event, int depth,
                                  json_t **value, struct error *err)
{
    enum error_code code;
    if (depth > YAML_DEPTH || ++reader->values > YAML_VALUES)
        return error_set(err, ERR_TOO_LARGE, "line %d: more than %d levels or %d values",
                         line_of(event), YAML_DEPTH, YAML_VALUES);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar_value(event, value, err);
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.anchor || event->data.sequence_start.tag)
            return not_plain(event, err);
        *value = json_array();
        code = read_list(reader, depth, *value, err);
        break;
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor || event->data.mapping_start.tag)
            return not_plain(event, err);
        *value = json_object();
        code = read_mapping(reader, depth, *value, err);
        break;
    default:
        return not_plain(event, err);
    }
    if (code) {
        json_decref(*value);
        *value = NULL;
    }
    return code;
}

/* The event that must come now. */
static enum error_code expect(struct reader *reader, yaml_event_type_t type, struct error *err)
{
    yaml_event_t event;
    enum error_code code = next(reader, &event, err);
    if (code)
        return code;
    if (event.type != type)
        code = error_set(err, ERR_BAD_INPUT, "line %d: one document was expected", line_of(&event));
    yaml_event_delete(&event);
    return code;
}

static enum error_code read_document(struct reader *reader, json_t **value, struct error *err)
{
    yaml_event_t event;
    enum error_code code = expect(reader, YAML_STREAM_START_EVENT, err);
    if (!code)
        code = next(reader, &event, err);
    if (code)
        return code;
    yaml_event_type_t type = event.type;
    yaml_event_delete(&event);
    if (type == YAML_STREAM_END_EVENT) {
        *value = json_null();
        return ERR_OK;
    }
    ASSERT(type == YAML_DOCUMENT_START_EVENT);
    code = next(reader, &event, err);
    if (code)
        return code;
    code = read_value(reader, &event, 0, value, err);
    yaml_event_delete(&event);
    if (!code)
        code = expect(reader, YAML_DOCUMENT_END_EVENT, err);
    return code ? code : expect(reader, YAML_STREAM_END_EVENT, err);
}

enum error_code yaml_parse(const char *bytes, size_t size, json_t **value, struct error *err)
{
    struct reader reader = {.values = 0};
    *value = NULL;
    if (size > YAML_BYTES)
        return error_set(err, ERR_TOO_LARGE, "YAML of more than %d bytes", YAML_BYTES);
    if (!yaml_parser_initialize(&reader.parser))
        abort(); /* out of memory */
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, size);
    enum error_code code = read_document(&reader, value, err);
    yaml_parser_delete(&reader.parser);
    if (code) {
        json_decref(*value);
        *value = NULL;
    }
    return code;
}

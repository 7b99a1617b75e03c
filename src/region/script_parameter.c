/* Parameters of scripts: see script_parameter.h. */
#include "src/region/script_parameter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/container.h"
#include "src/model/script_header.h"

enum { VALUE_BYTES = 1024 };

struct parameter {
    const char *script, *name, *type;
    const json_t *asked;
};

static enum error_code bad(const struct parameter *parameter, const char *what, struct error *err)
{
    return error_set(err, ERR_BAD_INPUT, "%s: %s: expected %s", parameter->script, parameter->name,
                     what);
}

/* What was given for it, else its default; NULL = nothing. */
static json_t *value_of(const struct parameter *parameter, const json_t *given)
{
    char key[2 * SCRIPT_NAME_BYTES + 2];
    snprintf(key, sizeof(key), "%s_%s", parameter->script, parameter->name);
    json_t *value = json_object_get(given, key);
    if (!value)
        value = json_object_get(given, parameter->name);
    if (!value)
        value = json_object_get(parameter->asked, "default");
    return json_is_null(value) ? NULL : value;
}

/* Numbers and truths are taken for their texts, seconds of a runtime among them. */
static json_t *as_text(const json_t *value)
{
    if (json_is_string(value))
        return json_string(json_string_value(value));
    if (json_is_integer(value))
        return json_sprintf("%lld", (long long)json_integer_value(value));
    if (json_is_boolean(value))
        return json_string(json_is_true(value) ? "true" : "false");
    return NULL;
}

/* What ends up in argv is one clean line. */
static bool is_clean(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return strlen(text) <= VALUE_BYTES;
}

static bool in_bounds(const struct parameter *parameter, int64_t number)
{
    const json_t *min = json_object_get(parameter->asked, "min"),
                 *max = json_object_get(parameter->asked, "max");
    return (!json_is_integer(min) || number >= json_integer_value(min)) &&
           (!json_is_integer(max) || number <= json_integer_value(max));
}

static enum error_code check_choice(const struct parameter *parameter, const char *text,
                                    struct error *err)
{
    size_t i;
    json_t *choice;
    json_array_foreach (json_object_get(parameter->asked, "choices"), i, choice) {
        const char *word =
            json_string_value(json_is_array(choice) ? json_array_get(choice, 0) : choice);
        if (word && !strcmp(word, text))
            return ERR_OK;
    }
    return bad(parameter, "one of its choices", err);
}

static enum error_code check_text(const struct parameter *parameter, const char *text,
                                  struct error *err)
{
    if (!is_clean(text))
        return bad(parameter, "one line of at most 1024 bytes", err);
    if (!strcmp(parameter->type, "runtime")) {
        int64_t seconds = script_timeout_parse(text);
        return seconds < 0 || !in_bounds(parameter, seconds)
                   ? bad(parameter, "a time within its bounds, as 0:05:00 or seconds", err)
                   : ERR_OK;
    }
    if (!strcmp(parameter->type, "url"))
        return strncasecmp(text, "http://", 7) && strncasecmp(text, "https://", 8) &&
                       strncasecmp(text, "ftp://", 6) && strncasecmp(text, "icmp://", 7)
                   ? bad(parameter, "a URL", err)
                   : ERR_OK;
    if (!strcmp(parameter->type, "boolean"))
        return strcasecmp(text, "true") && strcasecmp(text, "false") && strcmp(text, "0") &&
                       strcmp(text, "1")
                   ? bad(parameter, "true or false", err)
                   : ERR_OK;
    if (!strcmp(parameter->type, "choice"))
        return check_choice(parameter, text, err);
    if (!strcmp(parameter->type, "storage") || !strcmp(parameter->type, "interface"))
        return strcmp(text, "all") ? bad(parameter, "all", err) : ERR_OK;
    return in_bounds(parameter, (int64_t)strlen(text))
               ? ERR_OK
               : bad(parameter, "a text as long as it asks", err);
}

/* In the form that scripts get: seconds of a runtime, true and false. */
static json_t *normal(const struct parameter *parameter, json_t *text)
{
    const char *value = json_string_value(text);
    char seconds[24];
    snprintf(seconds, sizeof(seconds), "%lld", (long long)script_timeout_parse(value));
    if (!strcmp(parameter->type, "runtime"))
        json_string_set(text, seconds);
    if (!strcmp(parameter->type, "boolean"))
        json_string_set(text, !strcasecmp(value, "true") || !strcmp(value, "1") ? "true" : "false");
    return text;
}

static enum error_code choose(const struct parameter *parameter, const json_t *given,
                              json_t *values, struct error *err)
{
    const json_t *value = value_of(parameter, given), *required, *format;
    bool takes_things =
        !strcmp(parameter->type, "storage") || !strcmp(parameter->type, "interface");
    json_t *text = takes_things && !value ? json_string("all") : value ? as_text(value) : NULL;
    if (!text) {
        required = json_object_get(parameter->asked, "required");
        return value                     ? bad(parameter, "a text", err)
               : json_is_false(required) ? ERR_OK
                                         : bad(parameter, "a value", err);
    }
    enum error_code code = check_text(parameter, json_string_value(text), err);
    if (code) {
        json_decref(text);
        return code;
    }
    json_t *made =
        json_pack("{s:s, s:o}", "type", parameter->type, "value", normal(parameter, text));
    format = json_object_get(parameter->asked, "argument_format");
    if (json_is_string(format))
        json_object_set(made, "argument_format", (json_t *)format);
    json_object_set_new(values, parameter->name, made);
    return ERR_OK;
}

enum error_code script_parameter_choose(const char *script, const json_t *asked,
                                        const json_t *given, json_t **values, struct error *err)
{
    const char *name;
    json_t *one;
    int things = 0;
    *values = json_object();
    json_object_foreach ((json_t *)asked, name, one) {
        struct parameter parameter = {script, name, json_string_value(json_object_get(one, "type")),
                                      one};
        if (!parameter.type)
            return bad(&parameter, "a type", err);
        things += !strcmp(parameter.type, "storage") || !strcmp(parameter.type, "interface");
        enum error_code code = things > 1 ? bad(&parameter, "one disk or interface a script", err)
                                          : choose(&parameter, given, *values, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

/* Parameters: the store, urlencoded and JSON forms. See form.h; multipart is form_multipart.c. */
#include "src/region/form.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "src/base/json_out.h"
#include "src/base/limits.h"

static void *grow(struct arena *arena, void *list, int count, int *room, size_t item)
{
    if (count < *room)
        return list;
    *room = *room ? *room * 2 : 16;
    void *wider = arena_alloc(arena, (size_t)*room * item);
    if (count)
        memcpy(wider, list, (size_t)count * item);
    return wider;
}

enum error_code form_add(struct form *form, const char *name, const char *value, struct error *err)
{
    if (form->params_count + form->files_count >= LIMIT_PARAMS)
        return error_set(err, ERR_TOO_LARGE, "more than %d parameters", LIMIT_PARAMS);
    form->params = grow(form->arena, form->params, form->params_count, &form->params_room,
                        sizeof(*form->params));
    form->params[form->params_count++] = (struct form_param){name, value};
    return ERR_OK;
}

const char *form_find(const struct form *form, const char *name)
{
    for (int i = 0; i < form->params_count; i++)
        if (!strcmp(form->params[i].name, name))
            return form->params[i].value;
    return NULL;
}

const char *form_take(struct form *form, const char *name)
{
    for (int i = 0; i < form->params_count; i++) {
        if (strcmp(form->params[i].name, name))
            continue;
        const char *value = form->params[i].value;
        memmove(&form->params[i], &form->params[i + 1],
                sizeof(*form->params) * (size_t)(--form->params_count - i));
        return value;
    }
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *form_decode(struct arena *arena, const char *bytes, size_t size, int plus_is_space)
{
    char *text = arena_alloc(arena, size + 1), *to = text;
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        bool escape = c == '%' && i + 2 < size;
        int high = escape ? hex_digit(bytes[i + 1]) : -1;
        int low = escape ? hex_digit(bytes[i + 2]) : -1;
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (high >= 0 && low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (!c)
            return NULL;
        *to++ = c;
    }
    return text;
}

char *form_encode(struct arena *arena, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = arena_alloc(arena, strlen(text) * 3 + 1), *to = encoded;
    for (; *text; text++) {
        if (strchr(plain, *text)) {
            *to++ = *text;
            continue;
        }
        *to++ = '%';
        *to++ = digits[(unsigned char)*text >> 4];
        *to++ = digits[(unsigned char)*text & 15];
    }
    return encoded;
}

enum error_code form_urlencoded(struct form *form, const char *bytes, size_t size,
                                struct error *err)
{
    enum error_code code = ERR_OK;
    const char *end = bytes + size;
    while (bytes < end && !code) {
        const char *stop = memchr(bytes, '&', (size_t)(end - bytes));
        if (!stop)
            stop = end;
        if (stop > bytes) {
            const char *equals = memchr(bytes, '=', (size_t)(stop - bytes));
            const char *name_end = equals ? equals : stop;
            const char *value_start = equals ? equals + 1 : stop;
            char *name = form_decode(form->arena, bytes, (size_t)(name_end - bytes), 1);
            char *value = form_decode(form->arena, value_start, (size_t)(stop - value_start), 1);
            if (!name || !value)
                return error_set(err, ERR_BAD_INPUT, "A parameter holds a zero byte.");
            code = form_add(form, name, value, err);
        }
        bytes = stop + 1;
    }
    return code;
}

/* A JSON value as the text that a form would have carried. */
static const char *json_text(struct arena *arena, const json_t *value)
{
    if (json_is_string(value))
        return arena_strdup(arena, json_string_value(value));
    if (json_is_null(value))
        return "";
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    return json_out_dump(arena, value);
}

static enum error_code add_json(struct form *form, const char *key, const json_t *value,
                                struct error *err)
{
    enum error_code code = ERR_OK;
    if (!json_is_array(value))
        return form_add(form, key, json_text(form->arena, value), err);
    for (size_t i = 0; i < json_array_size(value) && !code; i++)
        code = form_add(form, key, json_text(form->arena, json_array_get(value, i)), err);
    return code;
}

enum error_code form_json(struct form *form, const char *bytes, size_t size, struct error *err)
{
    json_error_t problem;
    json_t *object = json_loadb(bytes, size, 0, &problem);
    const char *key;
    json_t *value;
    enum error_code code = ERR_OK;
    if (!json_is_object(object)) {
        json_decref(object);
        return error_set(err, ERR_BAD_INPUT, "The body is no JSON object: %s", problem.text);
    }
    json_object_foreach (object, key, value) {
        code = add_json(form, arena_strdup(form->arena, key), value, err);
        if (code)
            break;
    }
    json_decref(object);
    return code;
}

/* Is the header's media type this one, whatever parameters follow? */
static int is_type(const char *content_type, const char *type)
{
    size_t length = strlen(type);
    return !strncasecmp(content_type, type, length) && strchr("; \t", content_type[length]);
}

enum error_code form_body(struct form *form, const char *content_type, const char *bytes,
                          size_t size, struct error *err)
{
    if (!size || !content_type)
        return ERR_OK;
    if (is_type(content_type, "application/x-www-form-urlencoded"))
        return form_urlencoded(form, bytes, size, err);
    if (is_type(content_type, "application/json"))
        return form_json(form, bytes, size, err);
    if (is_type(content_type, "multipart/form-data"))
        return form_multipart(form, content_type, bytes, size, err);
    return ERR_OK;
}

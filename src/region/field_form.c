/* Forms by a field table: see field_form.h. */
#include "src/region/field_form.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_CHARS = 256, TEXT_MAX_BYTES = 16384 };

static const char *expectation(enum field_type type)
{
    switch (type) {
    case FIELD_BOOL:
        return "Enter true or false.";
    case FIELD_REAL:
        return "Enter a number.";
    default:
        return "Enter a whole number.";
    }
}

void field_form_read(struct api_request *request, struct api_reply *reply,
                     const struct field_form *form, void *object)
{
    for (int i = 0; i < form->count; i++) {
        const struct field *field = &form->fields[i];
        const char *value = field->flags & FIELD_WRITE ? api_param(request, field->name) : NULL;
        if (!value)
            continue;
        value = arena_trim(request->arena, value);
        if (strlen(value) > TEXT_MAX_BYTES)
            api_field_error(reply, field->name, "Ensure this value has at most %d characters.",
                            TEXT_MAX_BYTES);
        else if (field_set(field, object, value, request->arena, NULL))
            api_field_error(reply, field->name, "%s", expectation(field->type));
    }
}

bool field_form_need(struct api_reply *reply, const char *field, const char *text)
{
    if (text && *text)
        return true;
    api_field_error(reply, field, "This field is required.");
    return false;
}

static bool is_name(const char *text)
{
    for (const char *p = text; *p; p++) {
        bool word = isalnum((unsigned char)*p) || *p == '_';
        if (!word && (p == text || (*p != ' ' && *p != '-')))
            return false;
    }
    return *text != '\0';
}

bool field_form_name(struct api_reply *reply, const char *field, const char *text)
{
    if (!field_form_need(reply, field, text))
        return false;
    if (is_name(text) && strlen(text) <= NAME_MAX_CHARS)
        return true;
    if (!is_name(text))
        api_field_error(reply, field, "Enter a valid value.");
    else
        api_field_error(reply, field, "Ensure this value has at most %d characters (it has %zu).",
                        NAME_MAX_CHARS, strlen(text));
    return false;
}

const char *field_form_id(const char *text)
{
    size_t size = strspn(text, "0123456789");
    return size && size <= 18 && !text[size] ? text : NULL;
}

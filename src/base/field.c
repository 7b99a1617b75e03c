/* Field tables: see field.h. */
#include "src/base/field.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void write_one(const struct field *field, const char *member, struct json_out *out)
{
    const struct field_opt_int *opt;
    switch (field->type) {
    case FIELD_BOOL:
        json_out_bool(out, field->name, *(const bool *)member);
        break;
    case FIELD_INT:
        json_out_int(out, field->name, *(const int64_t *)member);
        break;
    case FIELD_REAL:
        json_out_real(out, field->name, *(const double *)member);
        break;
    case FIELD_TEXT:
        json_out_text(out, field->name, *(const char *const *)member);
        break;
    case FIELD_JSON:
        json_out_raw(out, field->name, *(const char *const *)member);
        break;
    case FIELD_OPT_INT:
        opt = (const struct field_opt_int *)member;
        if (opt->set)
            json_out_int(out, field->name, opt->value);
        else
            json_out_null(out, field->name);
        break;
    }
}

void field_write_json(const struct field *fields, int count, const void *object,
                      struct json_out *out)
{
    for (int i = 0; i < count; i++)
        if (!(fields[i].flags & FIELD_NO_JSON))
            write_one(&fields[i], (const char *)object + fields[i].offset, out);
}

static bool parse_bool(const char *text, bool *value)
{
    static const char *const words[] = {"f", "t", "false", "true", "no", "yes",
                                        "n", "y", "off",   "on",   "0",  "1"};
    for (int i = 0; i < 12; i++) {
        if (!strcasecmp(text, words[i])) {
            *value = i & 1;
            return true;
        }
    }
    return false;
}

static bool parse_int(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return !errno && end != text && !*end;
}

static bool parse_real(const char *text, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return !errno && end != text && !*end && isfinite(*value);
}

enum error_code field_set(const struct field *field, void *object, const char *text,
                          struct arena *arena, struct error *err)
{
    char *member = (char *)object + field->offset;
    struct field_opt_int *opt = (struct field_opt_int *)member;
    switch (field->type) {
    case FIELD_BOOL:
        if (text && parse_bool(text, (bool *)member))
            return ERR_OK;
        return error_set(err, ERR_BAD_INPUT, "%s: expected true or false", field->name);
    case FIELD_INT:
        if (text && parse_int(text, (int64_t *)member))
            return ERR_OK;
        return error_set(err, ERR_BAD_INPUT, "%s: expected a whole number", field->name);
    case FIELD_OPT_INT:
        opt->set = text && *text;
        if (!opt->set || parse_int(text, &opt->value))
            return ERR_OK;
        return error_set(err, ERR_BAD_INPUT, "%s: expected a whole number", field->name);
    case FIELD_REAL:
        if (text && parse_real(text, (double *)member))
            return ERR_OK;
        return error_set(err, ERR_BAD_INPUT, "%s: expected a number", field->name);
    case FIELD_TEXT:
    case FIELD_JSON:
        *(const char **)member = arena_strdup(arena, text);
        return ERR_OK;
    }
    ASSERT(!"field type");
    return ERR_INTERNAL;
}

const struct field *field_find(const struct field *fields, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(fields[i].name, name))
            return &fields[i];
    return NULL;
}

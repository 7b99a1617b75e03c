/* Facts as bytes: see record.h. */
#include "raft/record.h"

#include <stdlib.h>
#include <string.h>

static void put_bytes(struct record_out *out, const void *bytes, size_t size)
{
    if (out->size + size > out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 256;
        while (capacity < out->size + size)
            capacity *= 2;
        out->bytes = realloc(out->bytes, capacity);
        ASSERT(out->bytes);
        out->capacity = capacity;
    }
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

void record_put_number(struct record_out *out, uint64_t value, int bytes)
{
    uint8_t little[8];
    for (int i = 0; i < bytes; i++)
        little[i] = (uint8_t)(value >> (8 * i));
    put_bytes(out, little, (size_t)bytes);
}

void record_out_free(struct record_out *out)
{
    free(out->bytes);
    *out = (struct record_out){0};
}

uint64_t record_take_number(struct record_in *in, int bytes, const char *name)
{
    if (in->wrong || in->left < (size_t)bytes) {
        in->wrong = in->wrong ? in->wrong : name;
        return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)in->bytes[i] << (8 * i);
    in->bytes += bytes;
    in->left -= (size_t)bytes;
    return value;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

bool record_is_name(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    for (size_t i = 0; i < length; i++)
        if (!is_name_byte(text[i]))
            return false;
    return length > 0 && length < size;
}

bool record_is_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return length < size;
}

static void put_field(struct record_out *out, const struct record_field *field, const void *at)
{
    switch (field->type) {
    case RECORD_U32:
        record_put_number(out, *(const uint32_t *)at, 4);
        break;
    case RECORD_U64:
        record_put_number(out, *(const uint64_t *)at, 8);
        break;
    case RECORD_CHOICE:
        record_put_number(out, (uint64_t) * (const int *)at, 1);
        break;
    case RECORD_FLAG:
        record_put_number(out, *(const bool *)at, 1);
        break;
    case RECORD_NAME:
    case RECORD_TEXT: {
        size_t length = strnlen(at, field->size);
        ASSERT(length < field->size && length <= UINT16_MAX);
        record_put_number(out, length, 2);
        put_bytes(out, at, length);
        break;
    }
    case RECORD_BYTES:
        put_bytes(out, at, field->size);
        break;
    case RECORD_NEST:
        record_put(out, field->nest, at);
        break;
    }
}

void record_put(struct record_out *out, const struct record_table *table, const void *record)
{
    for (int i = 0; i < table->count; i++)
        put_field(out, &table->fields[i], (const char *)record + table->fields[i].offset);
}

static void take_text(struct record_in *in, const struct record_field *field, char *at)
{
    size_t length = (size_t)record_take_number(in, 2, field->name);
    if (in->wrong || length >= field->size || length > in->left) {
        in->wrong = field->name;
        return;
    }
    memset(at, 0, field->size);
    memcpy(at, in->bytes, length);
    bool fits = field->type == RECORD_NAME ? record_is_name(at, field->size)
                                           : record_is_text(at, field->size);
    if (!fits || strlen(at) != length) {
        in->wrong = field->name;
        return;
    }
    in->bytes += length;
    in->left -= length;
}

static void take_field(struct record_in *in, const struct record_field *field, void *at)
{
    uint64_t value;
    switch (field->type) {
    case RECORD_U32:
        value = record_take_number(in, 4, field->name);
        if (field->high && value > field->high)
            in->wrong = field->name;
        *(uint32_t *)at = (uint32_t)value;
        break;
    case RECORD_U64:
        *(uint64_t *)at = record_take_number(in, 8, field->name);
        break;
    case RECORD_CHOICE:
        value = record_take_number(in, 1, field->name);
        if (value > field->high)
            in->wrong = field->name;
        *(int *)at = (int)value;
        break;
    case RECORD_FLAG:
        value = record_take_number(in, 1, field->name);
        if (value > 1)
            in->wrong = field->name;
        *(bool *)at = value == 1;
        break;
    case RECORD_NAME:
    case RECORD_TEXT:
        take_text(in, field, at);
        break;
    case RECORD_BYTES:
        if (in->left < field->size) {
            in->wrong = field->name;
            break;
        }
        memcpy(at, in->bytes, field->size);
        in->bytes += field->size;
        in->left -= field->size;
        break;
    case RECORD_NEST:
        record_take(in, field->nest, at);
        break;
    }
}

bool record_take(struct record_in *in, const struct record_table *table, void *record)
{
    for (int i = 0; i < table->count && !in->wrong; i++)
        take_field(in, &table->fields[i], (char *)record + table->fields[i].offset);
    return !in->wrong;
}

bool record_take_known(struct record_in *in, const struct record_table *table, void *record)
{
    for (int i = 0; i < table->count && in->left && !in->wrong; i++)
        take_field(in, &table->fields[i], (char *)record + table->fields[i].offset);
    return !in->wrong;
}

static bool may_stand(const struct record_field *field, const void *at, struct error *err)
{
    switch (field->type) {
    case RECORD_U32:
        return !field->high || *(const uint32_t *)at <= field->high;
    case RECORD_CHOICE:
        return *(const int *)at >= 0 && (uint32_t) * (const int *)at <= field->high;
    case RECORD_NAME:
        return record_is_name(at, field->size);
    case RECORD_TEXT:
        return record_is_text(at, field->size);
    case RECORD_NEST:
        return record_check(field->nest, at, err) == ERR_OK;
    default:
        return true;
    }
}

enum error_code record_check(const struct record_table *table, const void *record,
                             struct error *err)
{
    for (int i = 0; i < table->count; i++) {
        const struct record_field *field = &table->fields[i];
        if (may_stand(field, (const char *)record + field->offset, err))
            continue;
        if (field->type == RECORD_NEST)
            return error_wrap(err, "%s", field->name);
        return error_set(err, ERR_BAD_INPUT, "%s: not allowed%s", field->name,
                         field->type == RECORD_NAME
                             ? " (letters, digits, '.', '-', '_', and not too long)"
                             : "");
    }
    return ERR_OK;
}

/* JSON into a spool: see json_out.h. Source: RFC 8259. */
#include "src/base/json_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void json_out_init(struct json_out *out, struct spool *spool)
{
    *out = (struct json_out){.spool = spool};
}

void json_out_end(struct json_out *out)
{
    ASSERT(out->depth == 0);
}

/* Length of the valid UTF-8 sequence at p (RFC 3629), 0 when it is not one. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static void put_escaped(struct spool *spool, unsigned char c)
{
    switch (c) {
    case '"':
        spool_put(spool, "\\\"", 2);
        break;
    case '\\':
        spool_put(spool, "\\\\", 2);
        break;
    case '\n':
        spool_put(spool, "\\n", 2);
        break;
    case '\t':
        spool_put(spool, "\\t", 2);
        break;
    default:
        spool_printf(spool, "\\u%04x", c);
    }
}

static void put_string(struct spool *spool, const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t start = 0, i = 0;
    spool_put(spool, "\"", 1);
    while (i < size) {
        bool plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\';
        size_t n = plain ? 1 : p[i] >= 0x80 ? utf8_length(p + i, size - i) : 0;
        if (n) {
            i += n;
            continue;
        }
        spool_put(spool, text + start, i - start);
        if (p[i] >= 0x80)
            spool_put(spool, "\xef\xbf\xbd", 3);
        else
            put_escaped(spool, p[i]);
        start = ++i;
    }
    spool_put(spool, text + start, size - start);
    spool_put(spool, "\"", 1);
}

static void begin(struct json_out *out, const char *key)
{
    if (out->more[out->depth])
        spool_put(out->spool, ",", 1);
    out->more[out->depth] = true;
    if (key) {
        put_string(out->spool, key, strlen(key));
        spool_put(out->spool, ":", 1);
    }
}

static void open_level(struct json_out *out, const char *key, const char *bracket)
{
    begin(out, key);
    spool_put(out->spool, bracket, 1);
    ASSERT(out->depth + 1 < JSON_OUT_DEPTH);
    out->more[++out->depth] = false;
}

static void close_level(struct json_out *out, const char *bracket)
{
    ASSERT(out->depth > 0);
    out->depth--;
    spool_put(out->spool, bracket, 1);
}

void json_out_open_object(struct json_out *out, const char *key)
{
    open_level(out, key, "{");
}

void json_out_close_object(struct json_out *out)
{
    close_level(out, "}");
}

void json_out_open_list(struct json_out *out, const char *key)
{
    open_level(out, key, "[");
}

void json_out_close_list(struct json_out *out)
{
    close_level(out, "]");
}

void json_out_text_n(struct json_out *out, const char *key, const char *text, size_t size)
{
    begin(out, key);
    put_string(out->spool, text, size);
}

void json_out_text(struct json_out *out, const char *key, const char *text)
{
    if (!text)
        json_out_null(out, key);
    else
        json_out_text_n(out, key, text, strlen(text));
}

void json_out_int(struct json_out *out, const char *key, int64_t value)
{
    begin(out, key);
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRId64, value);
    spool_put(out->spool, digits, (size_t)n);
}

void json_out_real(struct json_out *out, const char *key, double value)
{
    ASSERT(isfinite(value));
    begin(out, key);
    char digits[40];
    int n = snprintf(digits, sizeof(digits), "%.15g", value);
    spool_put(out->spool, digits, (size_t)n);
    if (!strpbrk(digits, ".e"))
        spool_put(out->spool, ".0", 2);
}

void json_out_bool(struct json_out *out, const char *key, bool value)
{
    begin(out, key);
    spool_text(out->spool, value ? "true" : "false");
}

void json_out_null(struct json_out *out, const char *key)
{
    begin(out, key);
    spool_put(out->spool, "null", 4);
}

void json_out_raw(struct json_out *out, const char *key, const char *json)
{
    begin(out, key);
    spool_text(out->spool, json ? json : "null");
}

char *json_out_dump(struct arena *arena, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    ASSERT(text);
    char *copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

/* The text of a notification: see notification_text.h. */
#include "src/model/notification_text.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/spool.h"

enum { TEXT_BYTES = 64 << 10 }; /* a name may stand there many times */

static void put_value(struct spool *out, const json_t *value)
{
    if (json_is_string(value)) {
        spool_text(out, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    spool_text(out, text ? text : "");
    free(text);
}

/* at stands behind a brace that opens; what is behind the one that closes, NULL = malformed. */
static const char *put_name(struct spool *out, const char *at, const json_t *values)
{
    size_t size = strcspn(at, ".[!:{}");
    char name[256];
    if (!size || size >= sizeof(name))
        return NULL;
    memcpy(name, at, size);
    name[size] = '\0';
    const json_t *value = json_object_get(values, name);
    const char *end = at + size + strcspn(at + size, "{}");
    if (!value || *end != '}')
        return NULL;
    put_value(out, value);
    return end + 1;
}

static bool put_all(struct spool *out, const char *message, const json_t *values)
{
    for (const char *at = message; at && *at;) {
        size_t plain = strcspn(at, "{}");
        spool_put(out, at, plain);
        at += plain;
        if (!*at)
            break;
        if (at[1] == at[0]) {
            spool_put(out, at, 1);
            at += 2;
            continue;
        }
        at = *at == '{' ? put_name(out, at + 1, values) : NULL;
        if (!at || out->used > TEXT_BYTES)
            return false;
    }
    return true;
}

const char *notification_text(const char *message, const json_t *values, struct arena *arena)
{
    struct spool out;
    spool_init(&out);
    const char *text = NULL;
    if (put_all(&out, message, values) && out.used <= TEXT_BYTES)
        text = arena_strndup(arena, out.bytes ? out.bytes : "", out.used);
    spool_close(&out);
    return text;
}

/* Any bytes as YAML: refused with the line, or a value that is within its bounds and that, written
 * as JSON, which is YAML, is read as the same. */
// rooms: base
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seen {
    int values;
    bool other; /* YAML has another form for it than JSON */
};

static bool is_plain(const char *text)
{
    size_t size = strlen(text);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
            return false;
    return size < 1000; /* what may be a key */
}

static void look(const json_t *value, int depth, struct seen *seen)
{
    const char *key;
    json_t *item;
    size_t i;
    seen->values++;
    ASSERT(depth <= YAML_DEPTH + 1 && seen->values <= 2 * YAML_VALUES);
    seen->other |=
        json_is_real(value) || (json_is_string(value) && !is_plain(json_string_value(value)));
    json_object_foreach ((json_t *)value, key, item) {
        seen->other |= !is_plain(key);
        look(item, depth + 1, seen);
    }
    json_array_foreach (value, i, item)
        look(item, depth + 1, seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    json_t *value = NULL, *again = NULL;
    struct error err = {0};
    enum error_code code = yaml_parse((const char *)bytes, size, &value, &err);
    if (code) {
        ASSERT((code == ERR_BAD_INPUT || code == ERR_TOO_LARGE) && err.text[0] && !value);
        return 0;
    }
    struct seen seen = {0, false};
    look(value, 1, &seen);
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    ASSERT(text);
    if (!seen.other && strlen(text) <= YAML_BYTES) {
        ASSERT(!yaml_parse(text, strlen(text), &again, &err));
        ASSERT(json_equal(value, again));
    }
    free(text);
    json_decref(value);
    json_decref(again);
    return 0;
}

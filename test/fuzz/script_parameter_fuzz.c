/*
 * Any script whose header asks for parameters, and after a NUL any JSON as what was given: refused
 * with a reason, or values of one line each that a command may have.
 */
// rooms: region
#include <stdint.h>
#include <string.h>

#include "src/model/script_header.h"
#include "src/region/script_parameter.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const json_t *asked, json_t *values)
{
    const char *name;
    json_t *one;
    json_object_foreach (values, name, one) {
        const char *value = json_string_value(json_object_get(one, "value"));
        ASSERT(json_object_get(asked, name));
        ASSERT(json_is_string(json_object_get(one, "type")) && value);
        ASSERT(strlen(value) <= 1024 && !strpbrk(value, "\n\r"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = memchr(bytes, '\0', size);
    size_t script_size = end ? (size_t)(end - bytes) : size;
    struct script_header header;
    struct error err = {0};
    struct arena *arena = arena_new();
    json_t *values = NULL, *given = NULL;
    script_header_init(&header);
    if (end)
        given = json_loadb((const char *)end + 1, size - script_size - 1, 0, NULL);
    char *script = arena_strndup(arena, (const char *)bytes, script_size);
    if (!script_header_parse(script, script_size, arena, &header, &err) && header.parameters) {
        if (script_parameter_choose("s", header.parameters, given, &values, &err))
            ASSERT(err.text[0]);
        else
            check(header.parameters, values);
    }
    json_decref(values);
    json_decref(given);
    script_header_close(&header);
    arena_free(arena);
    return 0;
}

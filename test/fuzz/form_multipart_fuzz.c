/* First line: the Content-Type; the rest: the body. Parts inside the body, or an error. */
// rooms: region
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/limits.h"
#include "src/region/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct form form = {.arena = arena_new()};
    struct error err = {0};
    const uint8_t *newline = memchr(bytes, '\n', size);
    size_t head = newline ? (size_t)(newline - bytes) : size;
    char *type = arena_strndup(form.arena, (const char *)bytes, head);
    size_t rest = newline ? size - head - 1 : 0;
    char *body = malloc(rest ? rest : 1); /* of its exact size: reading past it is found */
    memcpy(body, bytes + (newline ? head + 1 : size), rest);
    enum error_code code = form_multipart(&form, type, body, rest, &err);
    ASSERT(code == ERR_OK || err.text[0]);
    ASSERT(form.params_count + form.files_count <= LIMIT_PARAMS);
    for (int i = 0; i < form.files_count; i++)
        ASSERT(form.files[i].size <= rest && form.files[i].bytes[form.files[i].size] == '\0');
    for (int i = 0; i < form.params_count; i++)
        ASSERT(strlen(form.params[i].name) + strlen(form.params[i].value) <= rest);
    free(body);
    arena_free(form.arena);
    return 0;
}

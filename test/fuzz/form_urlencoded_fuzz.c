/* Any bytes as an urlencoded form or a query string: bounded parameters without NUL, or an error.
 */
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
    enum error_code code = form_urlencoded(&form, (const char *)bytes, size, &err);
    ASSERT(code == ERR_OK || err.text[0]);
    ASSERT(form.params_count <= LIMIT_PARAMS && form.files_count == 0);
    for (int i = 0; i < form.params_count; i++)
        ASSERT(strlen(form.params[i].name) <= size && strlen(form.params[i].value) <= size);
    arena_free(form.arena);
    return 0;
}

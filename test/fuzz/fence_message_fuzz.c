/* Any packet as a request to gantry-fenced: refused, or every text in it ends inside its field. */
// rooms: fence
#include <stdint.h>
#include <string.h>

#include "src/fence/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fence_request request;
    struct error err;
    if (request_check(bytes, size, REQUEST_FROM_REGIOND, &request, &err))
        return 0;
    ASSERT(request.number && request.type && request.type < FENCE_TYPES);
    if (request.type == FENCE_LISTEN)
        ASSERT(strnlen(request.listen.interface, FENCE_INTERFACE) < FENCE_INTERFACE);
    if (request.type == FENCE_PG_START)
        ASSERT(strnlen(request.pg_start.data_dir, LIMIT_PATH) < LIMIT_PATH);
    return 0;
}

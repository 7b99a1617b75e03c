/* pg_control as a damaged disk gives it back; with a right checksum, too, so that the rest is seen.
 */
// rooms: ha
#include <stdlib.h>
#include <string.h>

#include "ha/pg_control.h"

enum { SUM_AT = 288 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void parse(const uint8_t *bytes, size_t size)
{
    struct pg_control control;
    uint8_t *copy = malloc(size ? size : 1); /* of its own size: reads past it are seen */
    ASSERT(copy);
    if (size)
        memcpy(copy, bytes, size);
    if (pg_control_parse(copy, size, &control))
        ASSERT(control.system_id && control.redo.timeline && size == PG_CONTROL_BYTES);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t whole[PG_CONTROL_BYTES] = {0};
    parse(bytes, size);
    if (size)
        memcpy(whole, bytes, size < sizeof(whole) ? size : sizeof(whole));
    uint32_t sum = pg_wal_sum(whole, SUM_AT);
    memcpy(whole + SUM_AT, &sum, sizeof(sum));
    parse(whole, sizeof(whole));
    return 0;
}

/* Any bytes as a firmware's structure table: a sum, never a read past the end. */
// rooms: agent
#include <stdint.h>

#include "src/agent/smbios.h"
#include "src/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    /* Each device takes at least its head and two NULs and tells at most 2^31 MiB. */
    ASSERT(smbios_memory_bytes(bytes, size) <= (uint64_t)(size / 6 + 1) << 51);
    return 0;
}

/* Any bytes as a rule, a zero byte and a machine's XML: an answer within bounds. */
// rooms: region
#include <stdint.h>
#include <string.h>

#include "src/region/tag_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = memchr(bytes, 0, size);
    struct error err = {0};
    if (!end || size > 65536)
        return 0;
    size_t used = (size_t)(end - bytes) + 1;
    struct tag_rule_hardware *hardware =
        tag_rule_hardware_read((const char *)bytes + used, size - used);
    if (tag_rule_check((const char *)bytes, &err) == ERR_OK && hardware)
        tag_rule_matches(hardware, (const char *)bytes);
    tag_rule_hardware_free(hardware);
    return 0;
}

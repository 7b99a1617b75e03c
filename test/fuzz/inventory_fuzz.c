/* The inventory that an agent sends. */
// rooms: region
#include <stddef.h>
#include <stdint.h>

#include "src/region/hardware_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    json_t *report = NULL;
    struct error err = {0};
    enum error_code code = hardware_report_parse((const char *)bytes, size, &report, &err);
    ASSERT((code == ERR_OK) == (report != NULL));
    ASSERT(code == ERR_OK || code == ERR_BAD_INPUT || code == ERR_TOO_LARGE);
    json_decref(report);
    return 0;
}

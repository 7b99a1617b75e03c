/* The table of parts: see region_part.h. */
#include "src/region/region_part.h"

#include "src/region/region_health.h"

const struct region_part region_parts[] = {
    {.name = "health", .look = NULL, .metrics = region_health_metrics},
};
const int region_parts_count = (int)(sizeof(region_parts) / sizeof(region_parts[0]));

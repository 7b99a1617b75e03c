/* What the region's health listener answers. Loop thread. */
#pragma once

#include "src/base/spool.h"
#include "src/region/region.h"

/** Errors: CONFLICT (port in use), BAD_INPUT (no such address here), IO. */
enum error_code region_health_open(struct region *region, struct error *err);

/** The region's own numbers, for /metrics. */
void region_health_metrics(struct spool *spool);

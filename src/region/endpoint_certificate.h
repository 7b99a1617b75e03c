/*
 * The certificate that HAProxy shows at the endpoint: this region's, made out to all virtual IPs,
 * since any of them may come here. Made anew at each start and when an address is added; every
 * region can sign. Loop thread.
 */
#pragma once

#include "src/region/region.h"

/** Row of region_part.h. */
void endpoint_certificate_look(struct region *region, const struct cluster_view *view);

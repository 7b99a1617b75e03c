/*
 * The list of revoked certificates as a file, for those who check certificates without asking the
 * facts: HAProxy at the hop port, and PostgreSQL. Written anew when the facts' list grew; every
 * region can sign. Loop thread.
 */
#pragma once

#include "src/region/region.h"

/** Row of region_part.h. */
void revoked_list_look(struct region *region, const struct cluster_view *view);

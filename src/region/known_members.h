/*
 * Tells fenced which addresses are members', so that strangers who flood the ports of consensus and
 * database leave room for them. Loop thread only.
 */
#pragma once

#include "src/region/region.h"

/** A part's look: tells anew when the members' addresses have changed. */
void known_members_look(struct region *region, const struct cluster_view *view);

/*
 * DHCP and router advertisements as a part of gantry-rackd: the functions of its row in
 * rack_part.c, which says when each is called. Loop thread.
 */
#pragma once

#include "src/rack/rack.h"

enum error_code dhcp_part_start(struct rack *rack, struct error *err);
void dhcp_part_interfaces(struct rack *rack);
void dhcp_part_linked(struct rack *rack);
void dhcp_part_stop(struct rack *rack);
void dhcp_part_metrics(struct rack *rack, struct spool *spool);

/*
 * The rack's part that boots machines: TFTP, HTTP, image cache, boot answers, and the proxy of
 * /MAAS/ (a row of rack_part.c). Loop thread.
 */
#pragma once

#include "src/rack/rack.h"

/** Open the stores, then serve on the provisioning interfaces. Errors: IO, BAD_INPUT (settings). */
enum error_code boot_part_start(struct rack *rack, struct error *err);

void boot_part_interfaces(struct rack *rack);
void boot_part_linked(struct rack *rack);
void boot_part_stop(struct rack *rack);
void boot_part_metrics(struct rack *rack, struct spool *spool);

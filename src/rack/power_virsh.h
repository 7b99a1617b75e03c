/*
 * The driver "virsh": domains of a libvirt host, by virsh as a child program. Blocking; any thread.
 * Source: virsh(1), libvirt's page on remote URIs, ssh(1) on SSH_ASKPASS.
 */
#pragma once

#include "src/rack/power_order.h"

/** What "virsh domstate" wrote. Pure; false: none of libvirt's words. */
bool power_virsh_read(const char *output, enum power_seen *seen);

/** As power_order_run. */
enum error_code power_virsh_run(const struct power_order *order, struct arena *arena,
                                enum power_seen *seen, struct error *err);

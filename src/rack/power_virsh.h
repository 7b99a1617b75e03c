/*
 * The driver "virsh": domains of a libvirt host, by virsh as a child program. Blocking; any thread.
 * Source: virsh(1), libvirt's page on remote URIs, ssh(1) on SSH_ASKPASS.
 */
#pragma once

#include "src/rack/power_chassis.h"
#include "src/rack/power_order.h"

/** What "virsh domstate" wrote. Pure; false: none of libvirt's words. */
bool power_virsh_read(const char *output, enum power_seen *seen);

/** As power_order_run. */
enum error_code power_virsh_run(const struct power_order *order, struct arena *arena,
                                enum power_seen *seen, struct error *err);

/** The machines with their MACs. Errors: as power_order_run; TOO_LARGE, CORRUPT. */
enum error_code power_virsh_list(const struct power_order *order, struct arena *arena,
                                 struct power_chassis *chassis, struct error *err);

/** One domain by what "virsh dumpxml" wrote of it. Pure. Errors: CORRUPT, TOO_LARGE. */
enum error_code power_virsh_add(const char *xml, const char *name, struct arena *arena,
                                struct power_chassis *chassis, struct error *err);

/*
 * The driver "vmware": virtual machines of vCenter or ESXi, by the vSphere Web Services API.
 * Blocking; any thread. Source: vSphere Web Services API (RetrieveServiceContent, Login,
 * FindByUuid, CreateContainerView, RetrieveProperties, PowerOnVM_Task, PowerOffVM_Task).
 */
#pragma once

#include "src/rack/power_chassis.h"
#include "src/rack/power_order.h"
#include "src/rack/power_xml.h"

enum { POWER_VMWARE_ID = 128 };

/** A machine in the host's words, and its power. */
struct power_vmware_vm {
    char id[POWER_VMWARE_ID]; /* "" = none was found */
    enum power_seen power;
};

/**
 * Of what RetrieveProperties answers, the machine of this name (NULL = the first). Pure.
 * Errors: NOT_FOUND, BAD_INPUT (two of this name), CORRUPT.
 */
enum error_code power_vmware_find(const struct power_xml *xml, const char *name,
                                  struct power_vmware_vm *vm, struct error *err);

/** As power_order_run. */
enum error_code power_vmware_run(const struct power_order *order, struct arena *arena,
                                 enum power_seen *seen, struct error *err);

/** Add the machines of such an answer. Pure. Errors: TOO_LARGE, CORRUPT. */
enum error_code power_vmware_add(const struct power_xml *xml, struct arena *arena,
                                 struct power_chassis *chassis, struct error *err);

/** The machines with their MACs. Errors: as power_order_run; TOO_LARGE, CORRUPT. */
enum error_code power_vmware_list(const struct power_order *order, struct arena *arena,
                                  struct power_chassis *chassis, struct error *err);

/*
 * The driver "proxmox": virtual machines and containers of a Proxmox VE cluster. Blocking; any
 * thread. Source: Proxmox VE API (cluster/resources, access/ticket, nodes/.../status).
 */
#pragma once

#include "src/rack/power_chassis.h"
#include "src/rack/power_order.h"

/** Where the cluster has a machine. */
struct power_proxmox_vm {
    char place[64];   /* its node, in the words of Proxmox */
    const char *type; /* "qemu", "lxc"; static */
    long vmid;
    enum power_seen power;
};

/** Find the machine with this name or VM id. Pure. Errors: CORRUPT, NOT_FOUND, BAD_INPUT (two). */
enum error_code power_proxmox_find(const char *bytes, size_t size, const char *name,
                                   struct power_proxmox_vm *vm, struct error *err);

/** As power_order_run. */
enum error_code power_proxmox_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err);

/** The machines with their MACs. Errors: as power_order_run; TOO_LARGE, CORRUPT. */
enum error_code power_proxmox_list(const struct power_order *order, struct arena *arena,
                                   struct power_chassis *chassis, struct error *err);

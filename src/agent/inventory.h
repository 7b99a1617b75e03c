/*
 * The hardware of a machine as facts, and as the JSON of docs/inventory.md. Texts are NULL and
 * numbers -1 where the machine does not tell. Everything lives in the arena of the tree. Blocking.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/agent/tree.h"
#include "src/base/address.h"
#include "src/base/spool.h"

enum {
    INVENTORY_VERSION = 1,
    INVENTORY_BYTES = 512 << 10,
    INVENTORY_BUS = 1024, /* members of pci and of usb */
    INVENTORY_DISKS = 256,
    INVENTORY_INTERFACES = 256,
    INVENTORY_NUMA = 64,
    INVENTORY_CPUS = 4096,
};

/** Where a device hangs: its PCI function or USB port (NULL if neither), and the NUMA node of it.
 */
struct inventory_place {
    const char *address;
    const char *pci; /* the nearest PCI function */
    int numa_node;
};

struct inventory_numa {
    int index;
    int64_t memory_bytes;
    int *cpus, cpus_count;
};

struct inventory_disk {
    const char *name, *model, *serial, *vendor, *firmware_version, *id_path;
    int64_t size_bytes, block_size;
    bool rotational, removable, read_only;
    struct inventory_place place;
};

struct inventory_interface {
    const char *name, *driver, *vendor, *product, *firmware_version;
    struct mac mac;
    bool boot;
    int64_t link, speed_mbps, mtu; /* link: 1, 0 or -1 */
    struct inventory_place place;
};

struct inventory_pci {
    const char *address, *class, *vendor, *product, *driver;
    uint16_t vendor_id, product_id;
    int numa_node;
};

struct inventory_usb {
    const char *address, *class, *vendor_id, *product_id, *vendor, *product, *serial;
    int64_t bus_number, device_number;
};

struct inventory {
    const char *architecture, *kernel_release, *boot_method;
    int secure_boot; /* 1, 0 or -1 */
    struct {
        const char *vendor, *product, *version, *serial, *sku, *family, *uuid;
    } system;
    struct {
        const char *vendor, *product, *version, *serial;
    } mainboard;
    struct {
        const char *vendor, *version, *serial;
        int64_t type;
    } chassis;
    struct {
        const char *vendor, *version, *date;
    } firmware;
    struct {
        const char *model;
        int64_t sockets, cores, threads, max_mhz;
    } cpu;
    int64_t installed_bytes, usable_bytes;
    struct inventory_numa *numa;
    struct inventory_disk *disks;
    struct inventory_interface *interfaces;
    struct inventory_pci *pci;
    struct inventory_usb *usb;
    int numa_count, disks_count, interfaces_count, pci_count, usb_count;
};

/** Read everything. boot_mac is the address of BOOTIF=, NULL when there is none. */
void inventory_read(const struct tree *tree, const struct mac *boot_mac,
                    struct inventory *inventory);

/**
 * The JSON, at most INVENTORY_BYTES: when it would be more, members of usb and then of pci are left
 * out from the end. Returns how many were.
 */
int inventory_json(const struct inventory *inventory, struct spool *spool);

/** The parts of inventory_read, one file each. */
void inventory_cpu_read(const struct tree *tree, struct inventory *inventory);
void inventory_memory_read(const struct tree *tree, struct inventory *inventory);
void inventory_disk_read(const struct tree *tree, struct inventory *inventory);
void inventory_interface_read(const struct tree *tree, const struct mac *boot_mac,
                              struct inventory *inventory);
void inventory_bus_read(const struct tree *tree, struct inventory *inventory);

/** The place of the device that path (in /sys, links are followed) leads to. */
struct inventory_place inventory_place_of(const struct tree *tree, const char *path);

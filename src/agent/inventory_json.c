/* The inventory as JSON, in the form of docs/inventory.md. See inventory.h. */
#include <stdio.h>

#include "src/agent/inventory.h"
#include "src/base/json_out.h"

static void put_number(struct json_out *out, const char *key, int64_t number)
{
    if (number < 0)
        json_out_null(out, key);
    else
        json_out_int(out, key, number);
}

static void put_truth(struct json_out *out, const char *key, int64_t truth)
{
    if (truth < 0)
        json_out_null(out, key);
    else
        json_out_bool(out, key, truth != 0);
}

static void put_identity(const struct inventory *inventory, struct json_out *out)
{
    json_out_open_object(out, "system");
    json_out_text(out, "vendor", inventory->system.vendor);
    json_out_text(out, "product", inventory->system.product);
    json_out_text(out, "version", inventory->system.version);
    json_out_text(out, "serial", inventory->system.serial);
    json_out_text(out, "sku", inventory->system.sku);
    json_out_text(out, "family", inventory->system.family);
    json_out_text(out, "uuid", inventory->system.uuid);
    json_out_close_object(out);
    json_out_open_object(out, "mainboard");
    json_out_text(out, "vendor", inventory->mainboard.vendor);
    json_out_text(out, "product", inventory->mainboard.product);
    json_out_text(out, "version", inventory->mainboard.version);
    json_out_text(out, "serial", inventory->mainboard.serial);
    json_out_close_object(out);
    json_out_open_object(out, "chassis");
    json_out_text(out, "vendor", inventory->chassis.vendor);
    put_number(out, "type", inventory->chassis.type);
    json_out_text(out, "version", inventory->chassis.version);
    json_out_text(out, "serial", inventory->chassis.serial);
    json_out_close_object(out);
    json_out_open_object(out, "firmware");
    json_out_text(out, "vendor", inventory->firmware.vendor);
    json_out_text(out, "version", inventory->firmware.version);
    json_out_text(out, "date", inventory->firmware.date);
    json_out_close_object(out);
}

static void put_compute(const struct inventory *inventory, struct json_out *out)
{
    json_out_open_object(out, "cpu");
    json_out_text(out, "model", inventory->cpu.model);
    put_number(out, "sockets", inventory->cpu.sockets);
    put_number(out, "cores", inventory->cpu.cores);
    put_number(out, "threads", inventory->cpu.threads);
    put_number(out, "max_mhz", inventory->cpu.max_mhz);
    json_out_close_object(out);
    json_out_open_object(out, "memory");
    put_number(out, "installed_bytes", inventory->installed_bytes);
    put_number(out, "usable_bytes", inventory->usable_bytes);
    json_out_close_object(out);
    json_out_open_list(out, "numa");
    for (int i = 0; i < inventory->numa_count; i++) {
        json_out_open_object(out, NULL);
        json_out_int(out, "index", inventory->numa[i].index);
        put_number(out, "memory_bytes", inventory->numa[i].memory_bytes);
        json_out_open_list(out, "cpus");
        for (int k = 0; k < inventory->numa[i].cpus_count; k++)
            json_out_int(out, NULL, inventory->numa[i].cpus[k]);
        json_out_close_list(out);
        json_out_close_object(out);
    }
    json_out_close_list(out);
}

static void put_disk(const struct inventory_disk *disk, struct json_out *out)
{
    json_out_open_object(out, NULL);
    json_out_text(out, "name", disk->name);
    json_out_text(out, "model", disk->model);
    json_out_text(out, "serial", disk->serial);
    json_out_text(out, "vendor", disk->vendor);
    json_out_text(out, "firmware_version", disk->firmware_version);
    json_out_int(out, "size_bytes", disk->size_bytes);
    json_out_int(out, "block_size", disk->block_size);
    json_out_bool(out, "rotational", disk->rotational);
    json_out_bool(out, "removable", disk->removable);
    json_out_bool(out, "read_only", disk->read_only);
    json_out_text(out, "id_path", disk->id_path);
    json_out_text(out, "address", disk->place.address);
    json_out_int(out, "numa_node", disk->place.numa_node);
    json_out_close_object(out);
}

static void put_interface(const struct inventory_interface *interface, struct json_out *out)
{
    char mac[MAC_TEXT];
    json_out_open_object(out, NULL);
    json_out_text(out, "name", interface->name);
    json_out_text(out, "mac", mac_format(interface->mac, mac));
    json_out_bool(out, "boot", interface->boot);
    json_out_text(out, "driver", interface->driver);
    put_truth(out, "link", interface->link);
    put_number(out, "speed_mbps", interface->speed_mbps);
    put_number(out, "mtu", interface->mtu);
    json_out_text(out, "vendor", interface->vendor);
    json_out_text(out, "product", interface->product);
    json_out_text(out, "firmware_version", interface->firmware_version);
    json_out_text(out, "address", interface->place.address);
    json_out_int(out, "numa_node", interface->place.numa_node);
    json_out_close_object(out);
}

static void put_pci(const struct inventory_pci *pci, struct json_out *out)
{
    char vendor[8], product[8];
    snprintf(vendor, sizeof(vendor), "%04x", pci->vendor_id);
    snprintf(product, sizeof(product), "%04x", pci->product_id);
    json_out_open_object(out, NULL);
    json_out_text(out, "address", pci->address);
    json_out_text(out, "class", pci->class);
    json_out_text(out, "vendor_id", vendor);
    json_out_text(out, "product_id", product);
    json_out_text(out, "vendor", pci->vendor);
    json_out_text(out, "product", pci->product);
    json_out_text(out, "driver", pci->driver);
    json_out_int(out, "numa_node", pci->numa_node);
    json_out_close_object(out);
}

static void put_usb(const struct inventory_usb *usb, struct json_out *out)
{
    json_out_open_object(out, NULL);
    json_out_text(out, "address", usb->address);
    put_number(out, "bus_number", usb->bus_number);
    put_number(out, "device_number", usb->device_number);
    json_out_text(out, "class", usb->class);
    json_out_text(out, "vendor_id", usb->vendor_id);
    json_out_text(out, "product_id", usb->product_id);
    json_out_text(out, "vendor", usb->vendor);
    json_out_text(out, "product", usb->product);
    json_out_text(out, "serial", usb->serial);
    json_out_close_object(out);
}

static void put_all(const struct inventory *inventory, int pci_count, int usb_count,
                    struct spool *spool)
{
    struct json_out out;
    json_out_init(&out, spool);
    json_out_open_object(&out, NULL);
    json_out_int(&out, "inventory_version", INVENTORY_VERSION);
    json_out_text(&out, "agent_version", GANTRY_VERSION);
    json_out_text(&out, "architecture", inventory->architecture);
    json_out_text(&out, "kernel_release", inventory->kernel_release);
    json_out_text(&out, "boot_method", inventory->boot_method);
    put_truth(&out, "secure_boot", inventory->secure_boot);
    put_identity(inventory, &out);
    put_compute(inventory, &out);
    json_out_open_list(&out, "disks");
    for (int i = 0; i < inventory->disks_count; i++)
        put_disk(&inventory->disks[i], &out);
    json_out_close_list(&out);
    json_out_open_list(&out, "interfaces");
    for (int i = 0; i < inventory->interfaces_count; i++)
        put_interface(&inventory->interfaces[i], &out);
    json_out_close_list(&out);
    json_out_open_list(&out, "pci");
    for (int i = 0; i < pci_count; i++)
        put_pci(&inventory->pci[i], &out);
    json_out_close_list(&out);
    json_out_open_list(&out, "usb");
    for (int i = 0; i < usb_count; i++)
        put_usb(&inventory->usb[i], &out);
    json_out_close_list(&out);
    json_out_close_object(&out);
    json_out_end(&out);
}

int inventory_json(const struct inventory *inventory, struct spool *spool)
{
    int pci = inventory->pci_count, usb = inventory->usb_count;
    put_all(inventory, pci, usb, spool);
    while (spool_size(spool) > INVENTORY_BYTES && pci + usb > 0) {
        if (usb)
            usb /= 2;
        else
            pci /= 2;
        spool_reset(spool);
        put_all(inventory, pci, usb, spool);
    }
    return inventory->pci_count + inventory->usb_count - pci - usb;
}

/* PCI functions, USB devices, and where other devices hang. See inventory.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/agent/inventory.h"
#include "src/agent/pci_ids.h"

#define PCI_FOLDER "/sys/bus/pci/devices"
#define USB_FOLDER "/sys/bus/usb/devices"

/* "0000:00:04.0"; a domain may have up to eight digits. */
static bool is_pci_address(const char *name)
{
    size_t domain = strspn(name, "0123456789abcdef");
    const char *rest = name + domain;
    return domain >= 4 && domain <= 8 && strlen(rest) == 8 && rest[0] == ':' &&
           isxdigit((unsigned char)rest[1]) && isxdigit((unsigned char)rest[2]) && rest[3] == ':' &&
           isxdigit((unsigned char)rest[4]) && isxdigit((unsigned char)rest[5]) && rest[6] == '.' &&
           rest[7] >= '0' && rest[7] <= '7';
}

/* "1-4.2": a device at a port. Root hubs ("usb1") and interfaces ("1-4:1.0") are none. */
static bool is_usb_port(const char *name)
{
    size_t bus = strspn(name, "0123456789");
    const char *port = name + bus;
    return bus && *port == '-' && port[1] && strspn(port + 1, "0123456789.") == strlen(port + 1);
}

static int numa_node_of(const struct tree *tree, const char *pci)
{
    int64_t number;
    if (!pci || !tree_number(tree, &number, PCI_FOLDER "/%s/numa_node", pci) || number < 0 ||
        number > INVENTORY_CPUS)
        return 0;
    return (int)number;
}

struct inventory_place inventory_place_of(const struct tree *tree, const char *path)
{
    struct inventory_place place = {0};
    char *rest = (char *)tree_real(tree, "%s", path), *slash;
    while (rest && !place.pci && (slash = strrchr(rest, '/'))) {
        if (is_pci_address(slash + 1))
            place.pci = slash + 1;
        if (!place.address && (place.pci || is_usb_port(slash + 1)))
            place.address = slash + 1;
        *slash = '\0';
    }
    place.numa_node = numa_node_of(tree, place.pci);
    return place;
}

static bool read_pci(const struct tree *tree, const char *address, struct inventory_pci *pci)
{
    int64_t class, vendor, product;
    if (!is_pci_address(address) || !tree_number(tree, &class, PCI_FOLDER "/%s/class", address) ||
        !tree_number(tree, &vendor, PCI_FOLDER "/%s/vendor", address) ||
        !tree_number(tree, &product, PCI_FOLDER "/%s/device", address))
        return false;
    pci->address = address;
    pci->class = arena_printf(tree->arena, "%06x", (unsigned)class & 0xffffff);
    pci->vendor_id = (uint16_t)vendor;
    pci->product_id = (uint16_t)product;
    pci->driver = tree_link(tree, PCI_FOLDER "/%s/driver", address);
    pci->numa_node = numa_node_of(tree, address);
    return true;
}

static void name_pci(const struct tree *tree, struct inventory *inventory)
{
    size_t size = 0;
    const char *list = tree_bytes(tree, PCI_IDS_BYTES, &size, "/usr/share/misc/pci.ids");
    if (!list)
        return;
    struct pci_ids_row *rows =
        ARENA_ARRAY(tree->arena, struct pci_ids_row, (size_t)inventory->pci_count + 1);
    for (int i = 0; i < inventory->pci_count; i++) {
        rows[i].vendor_id = inventory->pci[i].vendor_id;
        rows[i].product_id = inventory->pci[i].product_id;
    }
    pci_ids_fill(list, size, tree->arena, rows, inventory->pci_count);
    for (int i = 0; i < inventory->pci_count; i++) {
        inventory->pci[i].vendor = rows[i].vendor;
        inventory->pci[i].product = rows[i].product;
    }
}

static void read_usb(const struct tree *tree, const char *address, struct inventory_usb *usb)
{
    const char *folder = arena_printf(tree->arena, USB_FOLDER "/%s", address);
    *usb = (struct inventory_usb){
        .address = address,
        .class = tree_text(tree, "%s/bDeviceClass", folder),
        .vendor_id = tree_text(tree, "%s/idVendor", folder),
        .product_id = tree_text(tree, "%s/idProduct", folder),
        .vendor = tree_text(tree, "%s/manufacturer", folder),
        .product = tree_text(tree, "%s/product", folder),
        .serial = tree_text(tree, "%s/serial", folder),
        .bus_number = -1,
        .device_number = -1,
    };
    tree_number(tree, &usb->bus_number, "%s/busnum", folder);
    tree_number(tree, &usb->device_number, "%s/devnum", folder);
}

void inventory_bus_read(const struct tree *tree, struct inventory *inventory)
{
    int count;
    const char *const *names = tree_names(tree, PCI_FOLDER, &count);
    inventory->pci = ARENA_ARRAY(tree->arena, struct inventory_pci, INVENTORY_BUS);
    for (int i = 0; i < count && inventory->pci_count < INVENTORY_BUS; i++)
        inventory->pci_count += read_pci(tree, names[i], &inventory->pci[inventory->pci_count]);
    name_pci(tree, inventory);
    names = tree_names(tree, USB_FOLDER, &count);
    inventory->usb = ARENA_ARRAY(tree->arena, struct inventory_usb, INVENTORY_BUS);
    for (int i = 0; i < count && inventory->usb_count < INVENTORY_BUS; i++)
        if (is_usb_port(names[i]))
            read_usb(tree, names[i], &inventory->usb[inventory->usb_count++]);
}

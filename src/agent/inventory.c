/* What the machine is: firmware's strings, and everything the other files read. See inventory.h. */
#include "src/agent/inventory.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

#include "src/agent/smbios.h"

/* EFI_GLOBAL_VARIABLE; four bytes of attributes stand before the value. */
#define SECURE_BOOT_PATH "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static const char *told(const struct tree *tree, const char *name)
{
    const char *text = tree_text(tree, "/sys/class/dmi/id/%s", name);
    return text && !smbios_is_filler(text) ? text : NULL;
}

/* Lower case with dashes; NULL unless it is one that can tell machines apart. */
static const char *uuid_of(const struct tree *tree)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    const char *text = tree_text(tree, "/sys/class/dmi/id/product_uuid");
    if (!text || strlen(text) != strlen(form))
        return NULL;
    char *uuid = arena_strdup(tree->arena, text);
    for (size_t i = 0; uuid[i]; i++) {
        uuid[i] = (char)tolower((unsigned char)uuid[i]);
        if (form[i] == '-' ? uuid[i] != '-' : !isxdigit((unsigned char)uuid[i]))
            return NULL;
    }
    return strspn(uuid, "0-") == strlen(uuid) || strspn(uuid, "f-") == strlen(uuid) ? NULL : uuid;
}

static void read_firmware(const struct tree *tree, struct inventory *inventory)
{
    inventory->boot_method = tree_has(tree, "/sys/firmware/efi") ? "uefi" : "bios";
    inventory->secure_boot = -1;
    size_t size = 0;
    const char *variable = tree_bytes(tree, 64, &size, SECURE_BOOT_PATH);
    if (variable && size == 5)
        inventory->secure_boot = variable[4] == 1;
    inventory->firmware.vendor = told(tree, "bios_vendor");
    inventory->firmware.version = told(tree, "bios_version");
    inventory->firmware.date = told(tree, "bios_date");
}

static void read_identity(const struct tree *tree, struct inventory *inventory)
{
    inventory->system.vendor = told(tree, "sys_vendor");
    inventory->system.product = told(tree, "product_name");
    inventory->system.version = told(tree, "product_version");
    inventory->system.serial = told(tree, "product_serial");
    inventory->system.sku = told(tree, "product_sku");
    inventory->system.family = told(tree, "product_family");
    inventory->system.uuid = uuid_of(tree);
    inventory->mainboard.vendor = told(tree, "board_vendor");
    inventory->mainboard.product = told(tree, "board_name");
    inventory->mainboard.version = told(tree, "board_version");
    inventory->mainboard.serial = told(tree, "board_serial");
    inventory->chassis.vendor = told(tree, "chassis_vendor");
    inventory->chassis.version = told(tree, "chassis_version");
    inventory->chassis.serial = told(tree, "chassis_serial");
    inventory->chassis.type = -1;
    int64_t type;
    if (tree_number(tree, &type, "/sys/class/dmi/id/chassis_type") && type > 0 && type < 128)
        inventory->chassis.type = type;
}

/* Debian's words for what the kernel calls its machine. */
static const char *architecture_of(const char *machine)
{
    return !strcmp(machine, "x86_64")    ? "amd64/generic"
           : !strcmp(machine, "aarch64") ? "arm64/generic"
           : !strcmp(machine, "ppc64le") ? "ppc64el/generic"
           : !strcmp(machine, "s390x")   ? "s390x/generic"
                                         : NULL;
}

void inventory_read(const struct tree *tree, const struct mac *boot_mac,
                    struct inventory *inventory)
{
    *inventory = (struct inventory){0};
    struct utsname names;
    if (uname(&names) == 0)
        inventory->architecture = arena_strdup(tree->arena, architecture_of(names.machine));
    inventory->kernel_release = tree_text(tree, "/proc/sys/kernel/osrelease");
    read_firmware(tree, inventory);
    read_identity(tree, inventory);
    inventory_cpu_read(tree, inventory);
    inventory_memory_read(tree, inventory);
    inventory_bus_read(tree, inventory);
    inventory_disk_read(tree, inventory);
    inventory_interface_read(tree, boot_mac, inventory);
}

/* Disks that could hold a system. See inventory.h. Source: sysfs-block ABI, udev's
 * 60-persistent-storage.rules. */
#include <ctype.h>
#include <string.h>

#include "src/agent/inventory.h"

enum { SECTOR_BYTES = 512, PAGE_HEAD_BYTES = 4 };

/* Names of what is no disk, whatever it says of itself; "nvme0c0n1" is a path to an nvme0n1. */
static bool is_disk_name(const char *name)
{
    static const char *const others[] = {"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strncmp(name, others[i], strlen(others[i])) == 0 &&
            isdigit((unsigned char)name[strlen(others[i])]))
            return false;
    if (strncmp(name, "mmcblk", 6) == 0)
        return name[6 + strspn(name + 6, "0123456789")] == '\0'; /* not its boot areas */
    return strncmp(name, "nvme", 4) != 0 || !strchr(name + 4, 'c');
}

/* A value as udev puts it into a link's name: blanks and what may not stand there become "_". */
static const char *link_part(struct arena *arena, const char *text)
{
    char *part = arena_strdup(arena, text);
    for (char *p = part; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("#+-.:=@_", *p))
            *p = '_';
    return part;
}

/* Unit serial number page of SCSI: page 80h, its length in bytes 2 and 3 (SPC-4 7.8.15). */
static const char *scsi_serial(const struct tree *tree, const char *folder)
{
    size_t size = 0;
    const char *page =
        tree_bytes(tree, 4096, &size, arena_printf(tree->arena, "%s/device/vpd_pg80", folder));
    if (!page || size <= PAGE_HEAD_BYTES || (unsigned char)page[1] != 0x80)
        return NULL;
    size_t length = (size_t)(unsigned char)page[2] << 8 | (unsigned char)page[3];
    length = length < size - PAGE_HEAD_BYTES ? length : size - PAGE_HEAD_BYTES;
    return tree_clean(tree->arena, arena_strndup(tree->arena, page + PAGE_HEAD_BYTES, length));
}

static const char *id_path_of(const struct tree *tree, const char *folder,
                              const struct inventory_disk *disk)
{
    struct arena *arena = tree->arena;
    const char *by_id = "/dev/disk/by-id/", *wwid = tree_text(tree, "%s/device/wwid", folder);
    if (!strncmp(disk->name, "vd", 2))
        return disk->serial
                   ? arena_printf(arena, "%svirtio-%s", by_id, link_part(arena, disk->serial))
                   : NULL;
    if (!strncmp(disk->name, "nvme", 4))
        return disk->model && disk->serial
                   ? arena_printf(arena, "%snvme-%s_%s", by_id, link_part(arena, disk->model),
                                  link_part(arena, disk->serial))
                   : NULL;
    if (wwid && !strncmp(wwid, "naa.", 4) && wwid[4])
        return arena_printf(arena, "%swwn-0x%s", by_id, link_part(arena, wwid + 4));
    return NULL;
}

static bool is_set(const struct tree *tree, const char *folder, const char *name)
{
    int64_t value;
    return tree_number(tree, &value, "%s/%s", folder, name) && value != 0;
}

static bool read_disk(const struct tree *tree, const char *name, struct inventory_disk *disk)
{
    const char *folder = arena_printf(tree->arena, "/sys/block/%s", name);
    int64_t sectors;
    if (!is_disk_name(name) || is_set(tree, folder, "hidden") ||
        !tree_has(tree, "%s/device", folder) || !tree_number(tree, &sectors, "%s/size", folder) ||
        sectors <= 0 || sectors > INT64_MAX / SECTOR_BYTES)
        return false;
    *disk = (struct inventory_disk){.name = name, .size_bytes = sectors * SECTOR_BYTES};
    if (!tree_number(tree, &disk->block_size, "%s/queue/logical_block_size", folder))
        disk->block_size = SECTOR_BYTES;
    disk->model = tree_text(tree, "%s/device/model", folder);
    disk->vendor = tree_text(tree, "%s/device/vendor", folder);
    if (disk->vendor && !strncmp(disk->vendor, "0x", 2)) /* virtio's number, no name */
        disk->vendor = NULL;
    disk->serial = tree_text(tree, "%s/serial", folder);
    if (!disk->serial)
        disk->serial = tree_text(tree, "%s/device/serial", folder);
    if (!disk->serial)
        disk->serial = scsi_serial(tree, folder);
    disk->firmware_version = tree_text(tree, "%s/device/firmware_rev", folder);
    if (!disk->firmware_version)
        disk->firmware_version = tree_text(tree, "%s/device/rev", folder);
    disk->rotational = is_set(tree, folder, "queue/rotational");
    disk->removable = is_set(tree, folder, "removable");
    disk->read_only = is_set(tree, folder, "ro");
    disk->id_path = id_path_of(tree, folder, disk);
    disk->place = inventory_place_of(tree, arena_printf(tree->arena, "%s/device", folder));
    return true;
}

void inventory_disk_read(const struct tree *tree, struct inventory *inventory)
{
    int count;
    const char *const *names = tree_names(tree, "/sys/block", &count);
    inventory->disks = ARENA_ARRAY(tree->arena, struct inventory_disk, INVENTORY_DISKS);
    for (int i = 0; i < count && inventory->disks_count < INVENTORY_DISKS; i++)
        inventory->disks_count +=
            read_disk(tree, names[i], &inventory->disks[inventory->disks_count]);
}

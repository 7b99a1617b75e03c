/* Layouts of disks: see storage_layout.h. */
#include "src/model/storage_layout.h"

#include <stdio.h>
#include <string.h>

enum { EFI_MIB = 512, GRUB_MIB = 1, ROOT_LEAST_MIB = 1024, GROUP_MIB = 8, ID_BYTES = 300 };

static void add(json_t *config, json_t *item)
{
    ASSERT(item);
    json_array_append_new(config, item);
}

static const char *part_id(const struct storage_layout *layout, int number, char *text)
{
    snprintf(text, ID_BYTES, "%.200s-part%d", layout->disk, number);
    return text;
}

static void add_disk(const struct storage_layout *layout, json_t *config)
{
    char path[ID_BYTES];
    snprintf(path, sizeof(path), "/dev/%.200s", layout->disk);
    json_t *disk =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "id", layout->disk, "name", layout->disk,
                  "type", "disk", "ptable", "gpt", "wipe", "superblock", "path",
                  layout->id_path ? layout->id_path : path, "grub_device", !layout->uefi);
    ASSERT(disk);
    if (layout->serial)
        json_object_set_new(disk, "serial", json_string(layout->serial));
    add(config, disk);
}

static void add_filesystem(json_t *config, const char *volume, const char *type, const char *path)
{
    char format[ID_BYTES], mount[ID_BYTES];
    bool root = !strcmp(path, "/");
    snprintf(format, sizeof(format), "%.250s_format", volume);
    snprintf(mount, sizeof(mount), "%.250s_mount", volume);
    add(config, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", format, "type", "format", "fstype",
                          type, "label", root ? "root" : "efi", "volume", volume));
    add(config, json_pack("{s:s, s:s, s:s, s:s}", "id", mount, "type", "mount", "device", format,
                          "path", path));
}

/* What the firmware boots from: the first partition. */
static void add_boot_partition(const struct storage_layout *layout, json_t *config)
{
    char id[ID_BYTES];
    json_int_t mib = layout->uefi ? EFI_MIB : GRUB_MIB;
    add(config, json_pack("{s:s, s:s, s:s, s:i, s:I, s:s}", "id", part_id(layout, 1, id), "type",
                          "partition", "device", layout->disk, "number", 1, "size", mib << 20,
                          "flag", layout->uefi ? "boot" : "bios_grub"));
    if (layout->uefi)
        add_filesystem(config, id, "fat32", "/boot/efi");
}

/* What is left for the system, in whole MiB, without that of the second table at the end. */
static json_int_t room_mib(const struct storage_layout *layout)
{
    json_int_t mib = (json_int_t)(layout->size_bytes >> 20);
    return mib - (layout->uefi ? EFI_MIB : GRUB_MIB) - 2;
}

static json_int_t root_mib(const struct storage_layout *layout)
{
    return layout->root_bytes ? (json_int_t)(layout->root_bytes >> 20) : room_mib(layout);
}

static void add_root_partition(const struct storage_layout *layout, json_t *config,
                               const char *flag)
{
    char id[ID_BYTES];
    add(config, json_pack("{s:s, s:s, s:s, s:i, s:I, s:s}", "id", part_id(layout, 2, id), "type",
                          "partition", "device", layout->disk, "number", 2, "size",
                          root_mib(layout) << 20, "flag", flag));
}

static void make_flat(const struct storage_layout *layout, json_t *config)
{
    char id[ID_BYTES];
    add_root_partition(layout, config, "linux");
    add_filesystem(config, part_id(layout, 2, id), "ext4", "/");
}

static void make_lvm(const struct storage_layout *layout, json_t *config)
{
    const char *group = layout->group ? layout->group : "vgroot";
    const char *volume = layout->volume ? layout->volume : "lvroot";
    char part[ID_BYTES], id[ID_BYTES];
    add_root_partition(layout, config, "lvm");
    add(config, json_pack("{s:s, s:s, s:s, s:[s]}", "id", group, "type", "lvm_volgroup", "name",
                          group, "devices", part_id(layout, 2, part)));
    snprintf(id, sizeof(id), "%.120s-%.120s", group, volume);
    json_t *logical = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "type", "lvm_partition", "name",
                                volume, "volgroup", group);
    ASSERT(logical);
    uint64_t bytes = layout->volume_bytes & ~((UINT64_C(1) << 20) - 1);
    if (bytes)
        json_object_set_new(logical, "size", json_integer((json_int_t)bytes));
    add(config, logical);
    add_filesystem(config, id, "ext4", "/");
}

/* The group keeps some MiB for itself. */
static enum error_code check_sizes(const struct storage_layout *layout, bool lvm, struct error *err)
{
    json_int_t room = room_mib(layout), root = root_mib(layout);
    json_int_t volume = lvm && layout->volume_bytes ? (json_int_t)(layout->volume_bytes >> 20) : 0;
    if (layout->size_bytes >> 20 < STORAGE_LAYOUT_LEAST_MIB)
        return error_set(err, ERR_CONFLICT, "Boot disk %.60s is smaller than %d MiB.", layout->disk,
                         STORAGE_LAYOUT_LEAST_MIB);
    if (layout->root_bytes && (root > room || root < ROOT_LEAST_MIB))
        return error_set(err, ERR_CONFLICT,
                         "root_size: %lld MiB; between %d and %lld fit on boot disk %.60s.",
                         (long long)root, ROOT_LEAST_MIB, (long long)room, layout->disk);
    if (volume && (volume > root - GROUP_MIB || volume < ROOT_LEAST_MIB))
        return error_set(err, ERR_CONFLICT, "lv_size: %lld MiB; between %d and %lld fit.",
                         (long long)volume, ROOT_LEAST_MIB, (long long)(root - GROUP_MIB));
    return ERR_OK;
}

bool storage_layout_is_known(const char *name)
{
    return !strcmp(name, "flat") || !strcmp(name, "lvm");
}

enum error_code storage_layout_make(const struct storage_layout *layout, json_t **storage,
                                    struct error *err)
{
    bool flat = !strcmp(layout->name, "flat");
    if (!storage_layout_is_known(layout->name))
        return error_set(err, ERR_BAD_INPUT,
                         "Storage layout '%.40s' cannot be deployed; expected flat or lvm.",
                         layout->name);
    enum error_code code = check_sizes(layout, !flat, err);
    if (code)
        return code;
    json_t *config = json_array();
    add_disk(layout, config);
    add_boot_partition(layout, config);
    (flat ? make_flat : make_lvm)(layout, config);
    *storage = json_pack("{s:i, s:o}", "version", 1, "config", config);
    ASSERT(*storage);
    return ERR_OK;
}

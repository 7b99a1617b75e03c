/* Disks, partitions, volumes, file systems: see storage_make.h. names: storage_
 * Source: sgdisk(8), lvm(8), mkfs(8). */
#include "src/agent/storage_make.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/agent/talk.h"
#include "src/base/container.h"
#include "src/base/log.h"
#include "src/wire/digest.h"

enum { TOOL_S = 120, MKFS_S = 900, WAIT_MS = 10000, LOOK_MS = 50, BLANK_BYTES = 1 << 20 };

/* There is no udev here: LVM makes its device nodes itself, and asks the kernel what there is. */
static const char lvm_config[] =
    "activation { udev_sync=0 udev_rules=0 } devices { use_devicesfile=0 "
    "obtain_device_list_from_udev=0 external_device_info_source=\"none\" }";

static const char *device_of(struct arena *arena, const struct inventory_disk *disk)
{
    return arena_printf(arena, "/dev/%s", disk->name);
}

static bool is_at(const struct inventory_disk *disk, const char *path)
{
    return (!strncmp(path, "/dev/", 5) && !strcmp(path + 5, disk->name)) ||
           (disk->id_path && !strcmp(path, disk->id_path));
}

enum error_code storage_find_disk(const struct inventory *inventory,
                                  const struct storage_item *item,
                                  const struct inventory_disk **disk, struct error *err)
{
    int found = 0;
    *disk = NULL;
    for (int pass = 0; pass < 2 && found != 1; pass++) {
        found = 0;
        for (int i = 0; i < inventory->disks_count; i++) {
            const struct inventory_disk *one = &inventory->disks[i];
            bool fits = !item->serial || (one->serial && !strcmp(one->serial, item->serial));
            if (pass == 1 || !item->serial)
                fits = fits && item->path && is_at(one, item->path);
            if (!fits)
                continue;
            *disk = one;
            found++;
        }
    }
    if (!found)
        return error_set(err, ERR_NOT_FOUND, "this machine has no disk with serial %s at %s",
                         item->serial ? item->serial : "(any)", item->path ? item->path : "(any)");
    if (found > 1 || (*disk)->read_only)
        return error_set(err, ERR_CONFLICT, "disk %s: %s", item->id,
                         found > 1 ? "several disks fit" : "it cannot be written");
    return ERR_OK;
}

enum error_code storage_blank_ends(const char *device, struct error *err)
{
    uint64_t size = 0;
    int fd = open(device, O_WRONLY | O_CLOEXEC);
    char *zeros = calloc(1, BLANK_BYTES);
    ASSERT(zeros);
    enum error_code code = ERR_OK;
    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
        code = error_errno(err, "%s", device);
    size_t part = size < BLANK_BYTES ? (size_t)size : BLANK_BYTES;
    if (!code && (pwrite(fd, zeros, part, 0) != (ssize_t)part ||
                  pwrite(fd, zeros, part, (off_t)(size - part)) != (ssize_t)part || fsync(fd)))
        code = error_errno(err, "%s: write zeros over what was there", device);
    free(zeros);
    if (fd >= 0)
        close(fd);
    return code;
}

static enum error_code wait_for_device(const char *device, struct error *err)
{
    for (int waited = 0; access(device, F_OK); waited += LOOK_MS) {
        if (waited >= WAIT_MS)
            return error_set(err, ERR_TIMEOUT, "%s does not appear", device);
        talk_pause(LOOK_MS);
    }
    return ERR_OK;
}

static const char *type_code(const char *flag)
{
    static const char *const codes[][2] = {{"boot", "ef00"},
                                           {"bios_grub", "ef02"},
                                           {"swap", "8200"},
                                           {"lvm", "8e00"},
                                           {"raid", "fd00"}};
    for (size_t i = 0; flag && i < COUNT_OF(codes); i++)
        if (!strcmp(codes[i][0], flag))
            return codes[i][1];
    return "8300";
}

/* The whole table in one run of sgdisk, so that the kernel reads it once. */
static enum error_code make_table(const struct storage_work *work, struct storage_item *disk,
                                  struct error *err)
{
    struct arena *arena = work->log->arena;
    const char *argv[4 + 4 * STORAGE_PARTITIONS] = {"/usr/sbin/sgdisk", "--clear"};
    int count = 2;
    for (int i = 0; i < work->plan->count; i++) {
        struct storage_item *item = &work->plan->items[i];
        if (item->type != STORAGE_PARTITION || item->on != disk)
            continue;
        bool digit = isdigit((unsigned char)disk->device[strlen(disk->device) - 1]);
        item->device = arena_printf(arena, "%s%s%d", disk->device, digit ? "p" : "", item->number);
        argv[count++] = "-n";
        argv[count++] = item->size_bytes ? arena_printf(arena, "%d:0:+%lluK", item->number,
                                                        (unsigned long long)item->size_bytes / 1024)
                                         : arena_printf(arena, "%d:0:0", item->number);
        argv[count++] = "-t";
        argv[count++] = arena_printf(arena, "%d:%s", item->number, type_code(item->flag));
    }
    if (count == 2)
        return ERR_OK; /* used as a whole, or not at all */
    argv[count++] = disk->device;
    return tool_run(work->log, argv, TOOL_S, err);
}

static enum error_code make_disk(const struct storage_work *work, struct storage_item *item,
                                 struct error *err)
{
    const struct inventory_disk *disk;
    enum error_code code = storage_find_disk(work->inventory, item, &disk, err);
    if (code)
        return code;
    item->device = device_of(work->log->arena, disk);
    tool_note(work->log, "disk %s is %s, %llu MiB", item->id, item->device,
              (unsigned long long)disk->size_bytes >> 20);
    code = storage_blank_ends(item->device, err);
    return code ? code : make_table(work, item, err);
}

static enum error_code make_partition(const struct storage_work *work, struct storage_item *item,
                                      struct error *err)
{
    (void)work;
    enum error_code code = wait_for_device(item->device, err);
    return code ? code : storage_blank_ends(item->device, err);
}

static enum error_code make_volgroup(const struct storage_work *work, struct storage_item *item,
                                     struct error *err)
{
    const char **argv = ARENA_ARRAY(work->log->arena, const char *, (size_t)item->in_count + 8);
    int count = 0;
    const char *const head[] = {"/usr/sbin/vgcreate", "-qq",      "--yes",
                                "--config",           lvm_config, item->name};
    for (size_t i = 0; i < COUNT_OF(head); i++)
        argv[count++] = head[i];
    for (int i = 0; i < item->in_count; i++) /* vgcreate makes the physical volumes too */
        argv[count++] = item->in[i]->device;
    item->device = item->name;
    return tool_run(work->log, argv, TOOL_S, err);
}

void storage_release(const struct storage_work *work)
{
    struct error err;
    for (int i = 0; i < work->plan->count; i++) {
        const struct storage_item *item = &work->plan->items[i];
        if (item->type == STORAGE_VOLGROUP && item->device &&
            tool_run(
                work->log,
                TOOL_ARGV("/usr/sbin/vgchange", "-qq", "--config", lvm_config, "-an", item->name),
                TOOL_S, &err))
            log_warning("%s", err.text);
    }
}

static enum error_code make_logical(const struct storage_work *work, struct storage_item *item,
                                    struct error *err)
{
    struct arena *arena = work->log->arena;
    const char *size = item->size_bytes
                           ? arena_printf(arena, "%llub", (unsigned long long)item->size_bytes)
                           : "100%FREE";
    enum error_code code =
        tool_run(work->log,
                 TOOL_ARGV("/usr/sbin/lvcreate", "-qq", "--yes", "--config", lvm_config, "-W", "y",
                           "-n", item->name, item->size_bytes ? "-L" : "-l", size, item->on->name),
                 TOOL_S, err);
    item->device = arena_printf(arena, "/dev/%s/%s", item->on->name, item->name);
    return code ? code : wait_for_device(item->device, err);
}

/* FAT has four bytes for it; everybody else takes a real one. */
static const char *make_uuid(struct arena *arena, bool fat)
{
    uint8_t r[16];
    char hex[33];
    digest_random(r, sizeof(r));
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* RFC 9562 5.4 */
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    digest_hex(r, sizeof(r), hex);
    if (fat)
        return arena_printf(arena, "%02X%02X-%02X%02X", r[0], r[1], r[2], r[3]);
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
}

static bool is_fat(const struct storage_item *format)
{
    return !strcmp(format->fstype, "vfat") || !strcmp(format->fstype, "fat32");
}

/* "A1B2-C3D4" for FAT. */
static bool fits_uuid(const struct storage_item *format)
{
    const char *form = is_fat(format) ? "xxxx-xxxx" : "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (!format->uuid || strlen(format->uuid) != strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == '-' ? format->uuid[i] != '-' : !isxdigit((unsigned char)format->uuid[i]))
            return false;
    return true;
}

static enum error_code make_format(const struct storage_work *work, struct storage_item *item,
                                   struct error *err)
{
    struct arena *arena = work->log->arena;
    const char *argv[16], *type = item->fstype;
    int count = 0;
    item->device = item->on->device;
    if (!fits_uuid(item))
        item->uuid = make_uuid(arena, is_fat(item));
    if (work->image == item)
        return ERR_OK;
    bool ext = !strncmp(type, "ext", 3), xfs = !strcmp(type, "xfs"), fat = is_fat(item);
    argv[count++] = ext   ? arena_printf(arena, "/usr/sbin/mkfs.%s", type)
                    : xfs ? "/usr/sbin/mkfs.xfs"
                    : fat ? "/usr/sbin/mkfs.vfat"
                          : "/usr/sbin/mkswap";
    if (ext || xfs)
        argv[count++] = "-q";
    if (!fat)
        argv[count++] = ext ? "-F" : "-f";
    else if (!strcmp(type, "fat32")) {
        argv[count++] = "-F";
        argv[count++] = "32";
    }
    if (!strcmp(type, "ext4")) { /* older systems' fsck and GRUB do not know them */
        argv[count++] = "-O";
        argv[count++] = "^metadata_csum_seed,^orphan_file";
    }
    if (item->label) {
        argv[count++] = fat ? "-n" : "-L";
        argv[count++] = item->label;
    }
    argv[count++] = xfs ? "-m" : fat ? "-i" : "-U";
    argv[count++] = xfs   ? arena_printf(arena, "uuid=%s", item->uuid)
                    : fat ? arena_printf(arena, "%.4s%s", item->uuid, item->uuid + 5)
                          : item->uuid;
    argv[count++] = item->device;
    argv[count] = NULL;
    return tool_run(work->log, argv, MKFS_S, err);
}

enum error_code storage_make(const struct storage_work *work, struct error *err)
{
    static enum error_code (*const makers[STORAGE_TYPES])(
        const struct storage_work *work, struct storage_item *item, struct error *err) = {
        [STORAGE_DISK] = make_disk,       [STORAGE_PARTITION] = make_partition,
        [STORAGE_FORMAT] = make_format,   [STORAGE_VOLGROUP] = make_volgroup,
        [STORAGE_LOGICAL] = make_logical,
    };
    for (int i = 0; i < work->plan->count; i++) {
        struct storage_item *item = &work->plan->items[i];
        enum error_code code = makers[item->type] ? makers[item->type](work, item, err) : ERR_OK;
        if (code)
            return error_wrap(err, "storage: %s", item->id);
    }
    return ERR_OK;
}

/* Images of whole disks: see install_disk.h. Source: ioctl_list(2) BLKRRPART, sysfs block. */
#include "src/agent/install_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/agent/talk.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"

enum { TRIES = 50, PAUSE_MS = 100, PARTITIONS = 128 };

enum error_code install_disk_prepare(const struct storage_work *work, const char **device,
                                     struct error *err)
{
    const struct inventory_disk *disk = NULL;
    const struct storage_item *item = NULL;
    for (int i = 0; i < work->plan->count && !item; i++)
        if (work->plan->items[i].type == STORAGE_DISK)
            item = &work->plan->items[i];
    if (!item)
        return error_set(err, ERR_BAD_INPUT, "storage: no disk to write the image to");
    enum error_code code = storage_find_disk(work->inventory, item, &disk, err);
    if (code)
        return code;
    *device = arena_printf(work->log->arena, "/dev/%s", disk->name);
    tool_note(work->log, "disk %s is %s, %llu MiB", item->id, *device,
              (unsigned long long)disk->size_bytes >> 20);
    return storage_blank_ends(*device, err);
}

/* The kernel learns which partitions there are now; something may look at the disk just then. */
static enum error_code read_table(const char *device, struct error *err)
{
    int fd = open(device, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "%s", device);
    int failed = ioctl(fd, BLKRRPART);
    for (int i = 0; failed && errno == EBUSY && i < TRIES; i++) {
        talk_pause(PAUSE_MS);
        failed = ioctl(fd, BLKRRPART);
    }
    enum error_code code = failed ? error_errno(err, "%s: read the partitions", device) : ERR_OK;
    close(fd);
    return code;
}

/* Names of the disk's partitions as /sys has them; how many. */
static int list_partitions(const char *device, struct arena *arena, const char **names)
{
    const char *disk = strrchr(device, '/') + 1;
    const char *folder = arena_printf(arena, "/sys/class/block/%s", disk);
    DIR *entries = opendir(folder);
    int count = 0;
    for (struct dirent *entry; entries && (entry = readdir(entries)) && count < PARTITIONS;)
        if (!strncmp(entry->d_name, disk, strlen(disk)) &&
            !access(arena_printf(arena, "%s/%s/partition", folder, entry->d_name), F_OK))
            names[count++] = arena_strdup(arena, entry->d_name);
    if (entries)
        closedir(entries);
    return count;
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

/* Links of the image are not followed: they might lead out of it. */
static bool is_system(const char *root, struct arena *arena)
{
    static const char *const marks[] = {"usr/lib/os-release", "etc/os-release"};
    struct stat entry;
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (!lstat(arena_printf(arena, "%s/%s", root, marks[i]), &entry))
            return true;
    return false;
}

static bool mount_one(const char *device, const char *root, struct arena *arena)
{
    static const char *const types[] = {"ext4", "xfs", "btrfs"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (mount(device, root, types[i], MS_NOATIME, NULL))
            continue;
        if (is_system(root, arena))
            return true;
        umount2(root, 0);
        return false;
    }
    return false;
}

enum error_code install_disk_mount(const char *device, const char *root, struct tool_log *log,
                                   bool *found, struct error *err)
{
    const char *names[PARTITIONS];
    struct error ignored;
    *found = false;
    tool_run(log, TOOL_ARGV("/usr/sbin/modprobe", "-a", "-q", "ext4", "xfs", "btrfs"), 60,
             &ignored);
    enum error_code code = file_make_folders(root, 0755, err);
    if (!code)
        code = read_table(device, err);
    if (code)
        return code;
    int count = list_partitions(device, log->arena, names);
    qsort((void *)names, (size_t)count, sizeof(names[0]), compare_names);
    for (int i = 0; i < count && !*found; i++) {
        *found = mount_one(arena_printf(log->arena, "/dev/%s", names[i]), root, log->arena);
        if (*found)
            tool_note(log, "the system of the image is on /dev/%s", names[i]);
    }
    if (!*found)
        tool_note(log, "%d partitions, none with a system that can be configured from here", count);
    return ERR_OK;
}

void install_disk_unmount(const char *root)
{
    if (umount2(root, 0) && errno != EINVAL && errno != ENOENT)
        log_warning("cannot unmount %s: %m", root);
}

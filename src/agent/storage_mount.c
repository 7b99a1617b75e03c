/* File systems in their places, and fstab: see storage_mount.h. Source: mount(2), fstab(5). */
#include "src/agent/storage_mount.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "src/base/file.h"
#include "src/base/log.h"

static bool is_swap(const struct storage_item *mount)
{
    return mount->path[0] != '/';
}

static const char *kernel_type(const struct storage_item *mount)
{
    const char *type = mount->on ? mount->on->fstype : mount->fstype;
    return strcmp(type, "fat32") ? type : "vfat";
}

enum error_code storage_mount_all(const struct storage_work *work, const char *root,
                                  struct error *err)
{
    struct storage_item *mounts[STORAGE_ITEMS];
    int count = storage_plan_mounts(work->plan, mounts);
    for (int i = 0; i < count; i++) {
        const struct storage_item *item = mounts[i];
        if (is_swap(item) || !item->on) /* swap and tmpfs are the installed system's */
            continue;
        bool is_root = !item->path[1];
        const char *place = arena_printf(work->log->arena, "%s%s", root, is_root ? "" : item->path);
        enum error_code code = file_make_folders(place, 0755, err);
        if (code)
            return code;
        if (mount(item->on->device, place, kernel_type(item), MS_NOATIME, NULL))
            return error_errno(err, "mount %s (%s) at %s", item->on->device, kernel_type(item),
                               item->path);
    }
    return ERR_OK;
}

void storage_mount_undo(const struct storage_work *work, const char *root)
{
    struct storage_item *mounts[STORAGE_ITEMS];
    int count = storage_plan_mounts(work->plan, mounts);
    for (int i = count - 1; i >= 0; i--) {
        const char *path = mounts[i]->path;
        const char *place = arena_printf(work->log->arena, "%s%s", root, path[1] ? path : "");
        if (!is_swap(mounts[i]) && mounts[i]->on && umount2(place, 0) && errno != EINVAL &&
            errno != ENOENT)
            log_warning("cannot unmount %s: %m", place);
    }
}

/* fsck looks at the root first and at the others after it, and at FAT too. */
static int pass_of(const struct storage_item *mount)
{
    return !mount->on || is_swap(mount) ? 0 : mount->path[1] ? 2 : 1;
}

const char *storage_mount_fstab(const struct storage_work *work)
{
    struct storage_item *mounts[STORAGE_ITEMS];
    struct arena *arena = work->log->arena;
    int count = storage_plan_mounts(work->plan, mounts);
    const char *text = "# Made at installation. <device> <place> <type> <options> <dump> <pass>\n";
    for (int i = 0; i < count; i++) {
        const struct storage_item *item = mounts[i];
        const char *device = item->on ? arena_printf(arena, "UUID=%s", item->on->uuid) : item->spec;
        const char *options = item->options    ? item->options
                              : is_swap(item)  ? "sw"
                              : !item->path[1] ? "defaults,errors=remount-ro"
                                               : "defaults";
        if (!item->options && !strcmp(kernel_type(item), "xfs"))
            options = "defaults";
        text = arena_printf(arena, "%s%s\t%s\t%s\t%s\t0\t%d\n", text, device, item->path,
                            kernel_type(item), options, pass_of(item));
    }
    return text;
}

/* Links to disks: see disk_links.h. Source: udev's 60-persistent-storage.rules. */
#include "src/agent/disk_links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"

static const char folder[] = "/dev/disk/by-id/";

static void make_link(const struct inventory_disk *disk, const char *root)
{
    char path[LIMIT_PATH], target[LIMIT_PATH];
    const char *name = disk->id_path ? disk->id_path + sizeof(folder) - 1 : NULL;
    if (!disk->id_path || strncmp(disk->id_path, folder, sizeof(folder) - 1) != 0 || !*name ||
        strchr(name, '/'))
        return;
    snprintf(path, sizeof(path), "%s%s", root, disk->id_path);
    snprintf(target, sizeof(target), "../../%s", disk->name);
    if (symlink(target, path) && errno != EEXIST)
        log_warning("%s: %m", path);
}

void disk_links_make(const struct inventory *inventory, const char *root)
{
    char path[LIMIT_PATH];
    struct error err;
    snprintf(path, sizeof(path), "%s%s", root, folder);
    if (file_make_folders(path, 0755, &err)) {
        log_warning("%s", err.text);
        return;
    }
    for (int i = 0; i < inventory->disks_count; i++)
        make_link(&inventory->disks[i], root);
}

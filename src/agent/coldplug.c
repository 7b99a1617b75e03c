/* Modules, links, disks of a system without udev: see coldplug.h. Source: modprobe(8),
 * netdevice(7). */
#include "src/agent/coldplug.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/process.h"

enum {
    ALIASES = 2048,
    MODPROBE_MS = 60000,
    OUTPUT_BYTES = 64 << 10,
    MODULES_BYTES = 1 << 20,
    LOOK_MS = 200,
    CALM_LOOKS = 5,   /* no new device for so many looks: it is over */
    MOST_LOOKS = 100, /* never longer */
};

static bool is_listed(const char *const *list, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(list[i], text))
            return true;
    return false;
}

/* Aliases of the devices of a bus that have no driver yet, behind those already in argv. */
static int add_aliases(const struct tree *tree, const char *bus, const char **argv, int count)
{
    int names_count;
    const char *folder = arena_printf(tree->arena, "/sys/bus/%s/devices", bus);
    const char *const *names = tree_names(tree, folder, &names_count);
    for (int i = 0; i < names_count && count < ALIASES; i++) {
        const char *alias = tree_text(tree, "%s/%s/modalias", folder, names[i]);
        if (alias && !tree_has(tree, "%s/%s/driver", folder, names[i]) &&
            !is_listed(argv, count, alias))
            argv[count++] = alias;
    }
    return count;
}

/* true when modules were loaded. */
static bool load_modules(const struct tree *tree)
{
    static const char *const buses[] = {"pci", "usb", "virtio", "scsi", "hid", "acpi", "vmbus"};
    const char **argv = ARENA_ARRAY(tree->arena, const char *, ALIASES + 1);
    int count = 0;
    argv[count++] = "/sbin/modprobe";
    argv[count++] = "-qab";
    int flags = count;
    for (size_t i = 0; i < sizeof(buses) / sizeof(buses[0]); i++)
        count = add_aliases(tree, buses[i], argv, count);
    if (count == flags)
        return false;
    const char *before = tree_bytes(tree, MODULES_BYTES, NULL, "/proc/modules");
    struct process_run run = {
        .argv = argv, .output_limit = OUTPUT_BYTES, .timeout_ms = MODPROBE_MS};
    struct process_result result;
    struct error err;
    /* Its status says only that some alias has no module, which is usual. */
    if (process_run(&run, tree->arena, &result, &err))
        log_warning("%s", err.text);
    const char *after = tree_bytes(tree, MODULES_BYTES, NULL, "/proc/modules");
    return !before || !after || strcmp(before, after) != 0;
}

static void take_links_up(const struct tree *tree)
{
    int count, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const char *const *names = tree_names(tree, "/sys/class/net", &count);
    for (int i = 0; fd >= 0 && i < count; i++) {
        struct ifreq request = {0};
        if (!tree_has(tree, "/sys/class/net/%s/device", names[i]))
            continue;
        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", names[i]);
        if (ioctl(fd, SIOCGIFFLAGS, &request) || (request.ifr_flags & IFF_UP))
            continue;
        request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
        if (ioctl(fd, SIOCSIFFLAGS, &request))
            log_warning("cannot take %s up: %m", names[i]);
    }
    if (fd >= 0)
        close(fd);
}

static int count_devices(const struct tree *tree)
{
    int disks, interfaces;
    tree_names(tree, "/sys/block", &disks);
    tree_names(tree, "/sys/class/net", &interfaces);
    return disks + interfaces;
}

/* Where a driver that is loaded looks for its devices later; virtio's are there at once. */
static bool devices_follow(const struct tree *tree)
{
    static const char *const folders[] = {"/sys/class/scsi_host", "/sys/class/nvme",
                                          "/sys/class/mmc_host",  "/sys/bus/usb/devices",
                                          "/sys/bus/xen/devices", "/sys/bus/vmbus/devices"};
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(folders) && !count; i++)
        tree_names(tree, folders[i], &count);
    return count > 0;
}

static void wait_for_devices(const struct tree *tree)
{
    int last = count_devices(tree), calm = 0;
    for (int look = 0; look < MOST_LOOKS && calm < CALM_LOOKS; look++) {
        struct timespec pause = {0, LOOK_MS * (long)CLOCK_MS};
        nanosleep(&pause, NULL);
        int now = count_devices(tree);
        calm = now == last ? calm + 1 : 0;
        last = now;
    }
}

void coldplug_run(const struct tree *tree)
{
    if (load_modules(tree)) {
        if (devices_follow(tree))
            wait_for_devices(tree);
        load_modules(tree); /* what sits behind the controllers found just now */
    }
    take_links_up(tree);
}

/* Before a cluster is made: see preflight.h. */
#include "src/region/preflight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/region/loop_ask.h"

enum { ROOM_MIB = 512, PROBE_LEASE_MS = 1500 };

static enum error_code check_programs(const struct settings *settings, struct error *err)
{
    static const char *const programs[] = {"postgres", "initdb"};
    char path[LIMIT_PATH + 16];
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        snprintf(path, sizeof(path), "%s/%s", settings->pg_bin_dir, programs[i]);
        if (access(path, X_OK))
            return error_set(err, ERR_NOT_FOUND,
                             "%s is missing: install PostgreSQL 15 or newer, or set [postgres] "
                             "bin_dir",
                             path);
    }
    if (access(settings->haproxy, X_OK))
        return error_set(err, ERR_NOT_FOUND,
                         "%s is missing: install HAProxy, or set [balancer] program",
                         settings->haproxy);
    return ERR_OK;
}

static enum error_code check_room(const struct settings *settings, struct error *err)
{
    struct statvfs room;
    if (statvfs(settings->data_dir, &room))
        return error_errno(err, "%s", settings->data_dir);
    unsigned long long mib = (unsigned long long)room.f_bavail * room.f_frsize >> 20;
    if (mib < ROOM_MIB)
        return error_set(err, ERR_LIMIT,
                         "%s has %llu MiB of room: expected at least %d MiB for the database; free "
                         "some, or set [region] data_dir",
                         settings->data_dir, mib, ROOM_MIB);
    return ERR_OK;
}

/* Bound and let go at once: what is in use is told here, by name. */
static enum error_code check_port(const char *address, int port, const char *key, struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    inet_pton(AF_INET, address, &where.sin_addr);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
        return error_errno(err, "socket");
    if (!bind(fd, (struct sockaddr *)&where, sizeof(where)) && !listen(fd, 1))
        return ERR_OK;
    if (errno == EADDRINUSE)
        return error_set(err, ERR_CONFLICT,
                         "port %d on %s is in use by another program: stop it, or set [ports] %s",
                         port, address, key);
    if (errno == EADDRNOTAVAIL)
        return error_set(err, ERR_BAD_INPUT,
                         "%s is not an address of this host: correct [region] address", address);
    return error_errno(err, "port %d on %s", port, address);
}

static enum error_code check_ports(const struct settings *settings, struct error *err)
{
    const struct {
        int port;
        const char *key;
    } ports[] = {{settings->raft_port, "raft"},
                 {settings->hop_port, "hop"},
                 {settings->pg_port, "postgres"},
                 {settings->rack_port, "racks"}};
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(ports) && !code; i++)
        code = check_port(settings->address, ports[i].port, ports[i].key, err);
    return code;
}

/* fenced asks the wire; the address is let go again at once. */
static enum error_code check_vip(struct region *region, struct error *err)
{
    const struct settings *settings = &region->settings;
    if (!*settings->vip_net)
        return error_set(err, ERR_BAD_INPUT,
                         "the cluster needs a virtual IP for its API: set [vip] address and "
                         "interface");
    if (!if_nametoindex(settings->vip_interface))
        return error_set(err, ERR_BAD_INPUT,
                         "there is no interface %s on this host: correct [vip] interface",
                         settings->vip_interface);
    struct fence_request request = {.type = FENCE_ADDRESS_ADD};
    snprintf(request.address.address, FENCE_NET, "%s", settings->vip_net);
    snprintf(request.address.interface, FENCE_INTERFACE, "%s", settings->vip_interface);
    request.address.epoch = 1;
    request.address.probe = 1;
    request.address.deadline_ns = clock_boot_ns() + PROBE_LEASE_MS * CLOCK_MS;
    enum error_code code = loop_ask_fenced(region, &request, err);
    if (code)
        return error_wrap(err, "[vip] address");
    struct fence_request drop = {.type = FENCE_ADDRESS_DROP};
    snprintf(drop.address.address, FENCE_NET, "%s", settings->vip_net);
    return loop_ask_fenced(region, &drop, err);
}

enum error_code preflight_check(struct region *region, struct error *err)
{
    enum error_code code = check_programs(&region->settings, err);
    code = code ? code : check_room(&region->settings, err);
    code = code ? code : check_ports(&region->settings, err);
    return code ? code : check_vip(region, err);
}

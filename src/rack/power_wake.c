/* The driver "wakeonlan": see power_wake.h. */
#include "src/rack/power_wake.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/file.h"

enum { DISCARD_PORT = 9, TIMES = 3, SYNC_BYTES = 6 };

void power_wake_packet(const struct mac *mac, uint8_t packet[POWER_WAKE_BYTES])
{
    memset(packet, 0xff, SYNC_BYTES);
    for (size_t at = SYNC_BYTES; at < POWER_WAKE_BYTES; at += sizeof(mac->bytes))
        memcpy(packet + at, mac->bytes, sizeof(mac->bytes));
}

/* Several times: nobody answers, and a packet may be lost. */
static bool send_to(int fd, struct in_addr address, const uint8_t packet[POWER_WAKE_BYTES])
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(DISCARD_PORT), .sin_addr = address};
    bool sent = false;
    for (int i = 0; i < TIMES; i++)
        sent |= sendto(fd, packet, POWER_WAKE_BYTES, 0, (const struct sockaddr *)&to, sizeof(to)) ==
                POWER_WAKE_BYTES;
    return sent;
}

/* The broadcast address of each network this rack is in. */
static int send_to_all(int fd, const uint8_t packet[POWER_WAKE_BYTES])
{
    struct ifaddrs *list = NULL;
    int count = 0;
    if (getifaddrs(&list))
        return 0;
    for (const struct ifaddrs *each = list; each; each = each->ifa_next) {
        if (!each->ifa_addr || each->ifa_addr->sa_family != AF_INET || !each->ifa_broadaddr ||
            !(each->ifa_flags & IFF_UP) || !(each->ifa_flags & IFF_BROADCAST))
            continue;
        const struct sockaddr_in *broadcast = (const void *)each->ifa_broadaddr;
        count += send_to(fd, broadcast->sin_addr, packet);
    }
    freeifaddrs(list);
    return count;
}

static enum error_code wake(const struct power_order *order, struct error *err)
{
    struct mac mac;
    uint8_t packet[POWER_WAKE_BYTES];
    const char *address = power_order_text(order, "power_address");
    if (!mac_parse(power_order_text(order, "power_mac"), &mac))
        return error_set(err, ERR_BAD_INPUT, "power_mac: not a MAC address");
    power_wake_packet(&mac, packet);
    __attribute__((cleanup(file_close_fd))) int fd =
        socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int)))
        return error_errno(err, "wake on LAN: socket");
    struct in_addr named = {.s_addr = inet_addr(*address ? address : "0.0.0.0")};
    int sent = *address ? send_to(fd, named, packet) : send_to_all(fd, packet);
    return sent ? ERR_OK
                : error_set(err, ERR_UNAVAILABLE,
                            "no interface of this rack took the packet that wakes the machine");
}

enum error_code power_wake_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err)
{
    (void)arena;
    *seen = POWER_SEEN_UNKNOWN;
    return order->action == POWER_ON || order->action == POWER_CYCLE ? wake(order, err) : ERR_OK;
}

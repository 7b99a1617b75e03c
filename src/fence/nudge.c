/* A TCP segment out of the blue: see nudge.h. Source: RFC 791, RFC 9293 3.1. */
#include "src/fence/nudge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum { TTL = 64, WINDOW = 1024, ADDRESSES_AT = 12 };

enum error_code nudge_open(int *fd, struct error *err)
{
    /* Of this kind nothing is received, and the header is ours to write. */
    *fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
    return *fd < 0 ? error_errno(err, "raw socket") : ERR_OK;
}

static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

void nudge_write(struct nudge_end from, struct nudge_end to, uint8_t packet[NUDGE_BYTES])
{
    struct iphdr ip = {.version = 4,
                       .ihl = 5,
                       .tot_len = htons(NUDGE_BYTES),
                       .ttl = TTL,
                       .protocol = IPPROTO_TCP,
                       .saddr = htonl(from.address),
                       .daddr = htonl(to.address)};
    struct tcphdr tcp = {.source = htons(from.port),
                         .dest = htons(to.port),
                         .doff = sizeof(tcp) / 4,
                         .ack = 1,
                         .window = htons(WINDOW)};
    uint8_t *segment = packet + sizeof(ip);
    memcpy(packet, &ip, sizeof(ip));
    memcpy(segment, &tcp, sizeof(tcp));
    ip.check = fold(add_words(0, packet, sizeof(ip)));
    /* The pseudo header: both addresses, protocol, length. */
    uint32_t sum = add_words(IPPROTO_TCP + sizeof(tcp), packet + ADDRESSES_AT, 8);
    tcp.check = fold(add_words(sum, segment, sizeof(tcp)));
    memcpy(packet, &ip, sizeof(ip));
    memcpy(segment, &tcp, sizeof(tcp));
}

void nudge_send(int fd, struct nudge_end from, struct nudge_end to)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(to.address)};
    uint8_t packet[NUDGE_BYTES];
    nudge_write(from, to, packet);
    if (sendto(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&where, sizeof(where)) <
        0)
        return; /* no route, or full queues */
}

/* A verdict as bytes: see dhcp_reply.h. */
#include "src/rack/dhcp_reply.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

#include "src/rack/dhcp_boot.h"

enum { HEADERS = 20 + 8, SERVER_PORT = 67, CLIENT_PORT = 68, TTL = 64 };
enum { IPXE_NO_PROXY = 176 }; /* encapsulated in option 175 */
/* Offsets in a frame. */
enum {
    AT_IP = 14,
    AT_IP_CHECK = 24,
    AT_FROM = 26,
    AT_UDP = 34,
    AT_UDP_CHECK = 40,
    AT_MESSAGE = 42
};

static void put_addresses(struct dhcp_writer *writer, uint8_t option, const ip4 *addresses,
                          int count)
{
    uint32_t bytes[DHCP_CONFIG_SERVERS];
    for (int i = 0; i < count; i++)
        bytes[i] = htonl(addresses[i]);
    if (count)
        dhcp_writer_option(writer, option, bytes, sizeof(bytes[0]) * (size_t)count);
}

/* Asked for, or the client has no list and gets what every client understands. */
static bool is_due(const struct dhcp_packet *packet, uint8_t option)
{
    return dhcp_packet_wants(packet, option) ||
           !dhcp_packet_option(packet, DHCP_OPTION_WANTED, NULL);
}

static void put_lease(const struct dhcp_verdict *verdict, struct dhcp_writer *writer)
{
    if (!verdict->lease_s)
        return;
    dhcp_writer_u32(writer, DHCP_OPTION_LEASE, verdict->lease_s);
    dhcp_writer_u32(writer, DHCP_OPTION_RENEW, verdict->lease_s / 2);
    dhcp_writer_u32(writer, DHCP_OPTION_REBIND, verdict->lease_s / 8 * 7);
}

static void put_network(const struct dhcp_packet *packet, const struct dhcp_network *network,
                        struct dhcp_writer *writer)
{
    dhcp_writer_u32(writer, DHCP_OPTION_MASK, ip4_net_mask(network->net));
    if (network->gateway)
        dhcp_writer_u32(writer, DHCP_OPTION_ROUTER, network->gateway);
    put_addresses(writer, DHCP_OPTION_DNS, network->dns, network->dns_count);
    if (dhcp_packet_wants(packet, DHCP_OPTION_MTU) && network->mtu)
        dhcp_writer_u16(writer, DHCP_OPTION_MTU, (uint16_t)network->mtu);
    if (is_due(packet, DHCP_OPTION_BROADCAST))
        dhcp_writer_u32(writer, DHCP_OPTION_BROADCAST, ip4_net_last(network->net));
    if (dhcp_packet_wants(packet, DHCP_OPTION_NTP))
        put_addresses(writer, DHCP_OPTION_NTP, network->ntp, network->ntp_count);
    if (is_due(packet, DHCP_OPTION_DOMAIN) && network->domain[0])
        dhcp_writer_text(writer, DHCP_OPTION_DOMAIN, network->domain);
}

static void put_boot(const struct dhcp_packet *packet, const struct dhcp_boot_answer *boot,
                     const struct dhcp_place *place, struct dhcp_writer *writer)
{
    static const uint8_t no_proxy[] = {IPXE_NO_PROXY, 1, 1};
    char rack[IP4_TEXT];
    if (boot->no_proxy)
        dhcp_writer_option(writer, DHCP_OPTION_IPXE, no_proxy, sizeof(no_proxy));
    if (boot->vendor_class)
        dhcp_writer_text(writer, DHCP_OPTION_VENDOR_CLASS, boot->vendor_class);
    if (boot->path_prefix[0])
        dhcp_writer_text(writer, DHCP_OPTION_PATH_PREFIX, boot->path_prefix);
    if (dhcp_packet_wants(packet, DHCP_OPTION_BOOT_FILE))
        dhcp_writer_text(writer, DHCP_OPTION_BOOT_FILE, boot->file);
    if (dhcp_packet_wants(packet, DHCP_OPTION_TFTP_NAME))
        dhcp_writer_text(writer, DHCP_OPTION_TFTP_NAME, ip4_format(place->rack, rack));
}

static void start(const struct dhcp_question *question, const struct dhcp_verdict *verdict,
                  const struct dhcp_boot_answer *boot, struct dhcp_writer *writer)
{
    const struct dhcp_packet *packet = question->packet;
    uint16_t most = dhcp_packet_u16(packet, DHCP_OPTION_MAX_SIZE);
    struct dhcp_packet reply = {.op = 2,
                                .xid = packet->xid,
                                .flags = packet->flags,
                                .yiaddr = verdict->address,
                                .giaddr = packet->giaddr,
                                .mac = packet->mac};
    if (verdict->reply == DHCP_NAK) {
        if (packet->giaddr) /* the relay has to broadcast it (4.3.2) */
            reply.flags |= DHCP_FLAG_BROADCAST;
    } else {
        reply.ciaddr = verdict->reply == DHCP_ACK ? packet->ciaddr : 0;
        reply.siaddr = boot ? verdict->place->rack : 0;
        memcpy(reply.file, boot ? boot->file : "", boot ? sizeof(boot->file) : 1);
    }
    dhcp_writer_start(writer, &reply, most > HEADERS ? (size_t)most - HEADERS : 0);
}

/* 4.1: how the client can be reached now. */
static void aim(const struct dhcp_packet *packet, const struct dhcp_verdict *verdict,
                struct dhcp_target *target)
{
    *target =
        (struct dhcp_target){DHCP_WAY_BROADCAST, verdict->place->rack, 0xffffffff, packet->mac};
    if (packet->giaddr) {
        target->way = DHCP_WAY_RELAY;
        target->to = packet->giaddr;
    } else if (verdict->reply == DHCP_NAK) {
        return;
    } else if (packet->ciaddr) {
        target->way = DHCP_WAY_UNICAST;
        target->to = packet->ciaddr;
    } else if (!(packet->flags & DHCP_FLAG_BROADCAST)) {
        target->way = DHCP_WAY_FRAME;
        target->to = verdict->address;
    }
}

size_t dhcp_reply_write(const struct dhcp_question *question, const struct dhcp_verdict *verdict,
                        struct dhcp_writer *writer, struct dhcp_target *target)
{
    const struct dhcp_packet *packet = question->packet;
    struct dhcp_boot_answer answer;
    const struct dhcp_boot *boot = verdict->reply == DHCP_NAK ? NULL : dhcp_boot_find(packet);
    size_t size;
    if (boot)
        dhcp_boot_fill(boot, verdict->place->rack, &answer);
    start(question, verdict, boot ? &answer : NULL, writer);
    dhcp_writer_u8(writer, DHCP_OPTION_TYPE, verdict->reply);
    dhcp_writer_u32(writer, DHCP_OPTION_SERVER, verdict->place->rack);
    const uint8_t *value = dhcp_packet_option(packet, DHCP_OPTION_CLIENT_ID, &size);
    if (value) /* RFC 6842: as it came */
        dhcp_writer_option(writer, DHCP_OPTION_CLIENT_ID, value, size);
    value = dhcp_packet_option(packet, DHCP_OPTION_RELAY, &size);
    if (value && packet->giaddr)
        dhcp_writer_option(writer, DHCP_OPTION_RELAY, value, size);
    if (verdict->reply == DHCP_NAK) {
        dhcp_writer_text(writer, DHCP_OPTION_MESSAGE, dhcp_reason_text(verdict->reason));
    } else {
        put_lease(verdict, writer);
        if (boot)
            put_boot(packet, &answer, verdict->place, writer);
        put_network(packet, verdict->place->network, writer);
        if (verdict->host && verdict->host->hostname[0])
            dhcp_writer_text(writer, DHCP_OPTION_HOSTNAME, verdict->host->hostname);
    }
    aim(packet, verdict, target);
    return dhcp_writer_end(writer);
}

/* RFC 1071, over 16-bit words in network order; bytes may be odd in number. */
static uint32_t add_words(uint32_t sum, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < size; i++)
        sum += i % 2 ? from[i] : (uint32_t)from[i] << 8;
    return sum;
}

static void put_sum(uint8_t *place, uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    if (sum == 0xffff) /* whose complement says in UDP that there is no checksum */
        sum = 0;
    place[0] = (uint8_t)(~sum >> 8);
    place[1] = (uint8_t)~sum;
}

size_t dhcp_reply_frame(const struct dhcp_target *target, struct mac from, const void *message,
                        size_t size, uint8_t *frame)
{
    struct ether_header ethernet = {.ether_type = htons(ETHERTYPE_IP)};
    struct iphdr ip = {.version = 4,
                       .ihl = 5,
                       .tot_len = htons((uint16_t)(HEADERS + size)),
                       .ttl = TTL,
                       .protocol = IPPROTO_UDP,
                       .saddr = htonl(target->from),
                       .daddr = htonl(target->to)};
    struct udphdr udp = {.source = htons(SERVER_PORT),
                         .dest = htons(CLIENT_PORT),
                         .len = htons((uint16_t)(sizeof(struct udphdr) + size))};
    ASSERT(size <= DHCP_PACKET_MAX);
    memcpy(ethernet.ether_dhost, target->mac.bytes, sizeof(ethernet.ether_dhost));
    memcpy(ethernet.ether_shost, from.bytes, sizeof(ethernet.ether_shost));
    memcpy(frame, &ethernet, sizeof(ethernet));
    memcpy(frame + AT_IP, &ip, sizeof(ip));
    memcpy(frame + AT_UDP, &udp, sizeof(udp));
    memcpy(frame + AT_MESSAGE, message, size);
    put_sum(frame + AT_IP_CHECK, add_words(0, frame + AT_IP, sizeof(ip)));
    /* The pseudo header: protocol, length of UDP, both addresses. */
    uint32_t sum = add_words((uint32_t)(IPPROTO_UDP + sizeof(udp) + size), frame + AT_FROM, 8);
    put_sum(frame + AT_UDP_CHECK, add_words(sum, frame + AT_UDP, sizeof(udp) + size));
    return AT_MESSAGE + size;
}

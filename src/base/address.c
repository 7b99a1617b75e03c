/* Addresses as values: see address.h. */
#include "src/base/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mac_parse(const char *text, struct mac *mac)
{
    if (strlen(text) != 17 || (text[2] != ':' && text[2] != '-'))
        return false;
    for (int i = 0; i < 6; i++) {
        const char *p = text + 3 * i;
        int high = hex_value((char)tolower((unsigned char)p[0]));
        int low = hex_value((char)tolower((unsigned char)p[1]));
        if (high < 0 || low < 0 || (i < 5 && p[2] != text[2]))
            return false;
        mac->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

const char *mac_format(struct mac mac, char text[MAC_TEXT])
{
    const uint8_t *b = mac.bytes;
    snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return text;
}

bool mac_equal(struct mac a, struct mac b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

bool ip4_parse(const char *text, ip4 *ip)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return false;
    *ip = ntohl(address.s_addr);
    return true;
}

const char *ip4_format(ip4 ip, char text[IP4_TEXT])
{
    snprintf(text, IP4_TEXT, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
    return text;
}

bool ip4_net_parse(const char *text, struct ip4_net *net)
{
    const char *slash = strchr(text, '/');
    char address[IP4_TEXT];
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    size_t digits = strspn(slash + 1, "0123456789");
    if (digits < 1 || digits > 2 || slash[1 + digits] || (digits == 2 && slash[1] == '0'))
        return false;
    net->prefix = (int)strtol(slash + 1, NULL, 10);
    return net->prefix <= 32 && ip4_parse(address, &net->address);
}

const char *ip4_net_format(struct ip4_net net, char text[IP4_NET_TEXT])
{
    char address[IP4_TEXT];
    snprintf(text, IP4_NET_TEXT, "%.15s/%d", ip4_format(net.address, address), net.prefix & 63);
    return text;
}

ip4 ip4_net_mask(struct ip4_net net)
{
    return net.prefix ? (ip4)(0xffffffffU << (32 - net.prefix)) : 0;
}

ip4 ip4_net_first(struct ip4_net net)
{
    return net.address & ip4_net_mask(net);
}

ip4 ip4_net_last(struct ip4_net net)
{
    return net.address | ~ip4_net_mask(net);
}

bool ip4_net_contains(struct ip4_net net, ip4 ip)
{
    return (ip & ip4_net_mask(net)) == ip4_net_first(net);
}

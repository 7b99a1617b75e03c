/*
 * Addresses as values: MAC, IPv4, networks. Strict text forms. Any thread.
 * names: mac_ ip4_
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mac {
    uint8_t bytes[6];
};

/** IPv4 in host byte order, so that addresses compare and add as numbers. */
typedef uint32_t ip4;

struct ip4_net {
    ip4 address; /* as written: host bits may be set */
    int prefix;  /* 0..32 */
};

enum { MAC_TEXT = 18, IP4_TEXT = 16, IP4_NET_TEXT = 19 };

/** "aa:bb:cc:dd:ee:ff", also with dashes or upper case; nothing else. */
bool mac_parse(const char *text, struct mac *mac);
const char *mac_format(struct mac mac, char text[MAC_TEXT]);
bool mac_equal(struct mac a, struct mac b);

/** Dotted quad without leading zeros; "a.b.c.d/n". */
bool ip4_parse(const char *text, ip4 *ip);
const char *ip4_format(ip4 ip, char text[IP4_TEXT]);
bool ip4_net_parse(const char *text, struct ip4_net *net);
const char *ip4_net_format(struct ip4_net net, char text[IP4_NET_TEXT]);

ip4 ip4_net_mask(struct ip4_net net);
ip4 ip4_net_first(struct ip4_net net); /* the network address */
ip4 ip4_net_last(struct ip4_net net);  /* the broadcast address */
bool ip4_net_contains(struct ip4_net net, ip4 ip);

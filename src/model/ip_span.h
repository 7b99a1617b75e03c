/*
 * Addresses of both families as numbers, and sets of them as spans: what of a network is taken, for
 * what, and what is free. Pure; any thread.
 * names: ip_span_ ip_number_ ip_network_
 */
#pragma once

#include <stdbool.h>

#include "src/base/arena.h"

typedef unsigned __int128 ip_number; /* IPv4 in the lowest 32 bits */

struct ip_network {
    bool is_v6;
    int prefix;
    ip_number first, last; /* all of its addresses: network and broadcast, too */
};

enum { IP_NUMBER_TEXT = 46, IP_NETWORK_TEXT = 50, IP_COUNT_TEXT = 40 };

/** Strict text forms; *is_v6 tells the family. A network may be written with host bits. */
bool ip_number_parse(const char *text, ip_number *number, bool *is_v6);
const char *ip_number_format(ip_number number, bool is_v6, char text[IP_NUMBER_TEXT]);
bool ip_network_parse(const char *text, struct ip_network *network);
const char *ip_network_format(const struct ip_network *network, char text[IP_NETWORK_TEXT]);

/** A count of addresses in decimal: it may be larger than 64 bits. */
const char *ip_number_count(ip_number count, char text[IP_COUNT_TEXT]);

/**
 * The addresses that a machine may have: without network and broadcast address (IPv4 up to /30),
 * without the first, which is the routers' (IPv6 up to /126; RFC 4291 2.6.1).
 */
void ip_network_usable(const struct ip_network *network, ip_number *first, ip_number *last);

/** What addresses are taken for. */
#define IP_PURPOSES(X)              \
    X(ASSIGNED, "assigned-ip")      \
    X(DNS, "dns-server")            \
    X(DYNAMIC, "dynamic")           \
    X(GATEWAY, "gateway-ip")        \
    X(PROPOSED, "proposed-dynamic") \
    X(RESERVED, "reserved")         \
    X(ROUTERS, "rfc-4291-2.6.1")    \
    X(UNMANAGED, "unmanaged")       \
    X(UNUSED, "unused")
enum ip_purpose {
#define X(name, text) IP_##name,
    IP_PURPOSES(X)
#undef X
        IP_PURPOSE_COUNT
};
extern const char *const ip_span_purposes[IP_PURPOSE_COUNT];

struct ip_span {
    ip_number first, last;
    unsigned purposes; /* bits 1 << enum ip_purpose */
};

/** The purpose with this text, -1 when there is none. */
int ip_span_purpose(const char *text);

/**
 * Bring spans into order: none overlaps another; where they did, the purposes are united; those
 * that touch and have the same purposes are one. The result lies in the arena.
 */
struct ip_span *ip_span_unite(const struct ip_span *spans, int count, struct arena *arena,
                              int *united);

/** What united spans leave of first..last, with one purpose. The result lies in the arena. */
struct ip_span *ip_span_gaps(const struct ip_span *spans, int count, const struct ip_span *whole,
                             struct arena *arena, int *gaps);

/** How many addresses; what is outside of whole does not count. */
ip_number ip_span_size(const struct ip_span *span);
ip_number ip_span_size_within(const struct ip_span *spans, int count, const struct ip_span *whole);

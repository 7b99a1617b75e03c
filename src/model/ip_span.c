/* Addresses as numbers and sets of them as spans: see ip_span.h. */
#include "src/model/ip_span.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const ip_span_purposes[IP_PURPOSE_COUNT] = {
#define X(name, text) text,
    IP_PURPOSES(X)
#undef X
};

bool ip_number_parse(const char *text, ip_number *number, bool *is_v6)
{
    unsigned char bytes[16];
    *is_v6 = strchr(text, ':') != NULL;
    if (inet_pton(*is_v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
        return false;
    *number = 0;
    for (int i = 0; i < (*is_v6 ? 16 : 4); i++)
        *number = *number << 8 | bytes[i];
    return true;
}

const char *ip_number_format(ip_number number, bool is_v6, char text[IP_NUMBER_TEXT])
{
    unsigned char bytes[16];
    int size = is_v6 ? 16 : 4;
    for (int i = size - 1; i >= 0; i--, number >>= 8)
        bytes[i] = (unsigned char)(number & 0xff);
    return inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes, text, IP_NUMBER_TEXT);
}

bool ip_network_parse(const char *text, struct ip_network *network)
{
    char address[IP_NUMBER_TEXT];
    const char *slash = strchr(text, '/'), *digits = slash ? slash + 1 : NULL;
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    size_t count = strspn(digits, "0123456789");
    if (!ip_number_parse(address, &network->first, &network->is_v6) || count < 1 || count > 3 ||
        digits[count] || (digits[0] == '0' && count > 1))
        return false;
    int bits = network->is_v6 ? 128 : 32;
    network->prefix = (int)strtol(digits, NULL, 10);
    if (network->prefix > bits)
        return false;
    int host = bits - network->prefix;
    ip_number mask = host == 128 ? ~(ip_number)0 : ((ip_number)1 << host) - 1;
    network->first &= ~mask;
    network->last = network->first | mask;
    return true;
}

const char *ip_network_format(const struct ip_network *network, char text[IP_NETWORK_TEXT])
{
    char address[IP_NUMBER_TEXT];
    snprintf(text, IP_NETWORK_TEXT, "%s/%d",
             ip_number_format(network->first, network->is_v6, address), network->prefix);
    return text;
}

const char *ip_number_count(ip_number count, char text[IP_COUNT_TEXT])
{
    char *p = text + IP_COUNT_TEXT - 1;
    *p = '\0';
    do {
        *--p = (char)('0' + (int)(count % 10));
        count /= 10;
    } while (count);
    return memmove(text, p, strlen(p) + 1);
}

void ip_network_usable(const struct ip_network *network, ip_number *first, ip_number *last)
{
    int host = (network->is_v6 ? 128 : 32) - network->prefix;
    *first = network->first + (host > 1);
    *last = network->last - (host > 1 && !network->is_v6);
}

int ip_span_purpose(const char *text)
{
    for (int i = 0; i < IP_PURPOSE_COUNT; i++)
        if (!strcmp(ip_span_purposes[i], text))
            return i;
    return -1;
}

/* One end of a span: from `at` on a purpose counts once more, or once less. */
struct edge {
    ip_number at;
    bool past_all; /* behind the last address there is: at would not fit */
    unsigned purposes;
    int step;
};

static int by_place(const void *a, const void *b)
{
    const struct edge *left = a, *right = b;
    if (left->past_all != right->past_all)
        return left->past_all ? 1 : -1;
    return left->at < right->at ? -1 : left->at > right->at;
}

static void count_purposes(int counts[IP_PURPOSE_COUNT], const struct edge *edge)
{
    for (int i = 0; i < IP_PURPOSE_COUNT; i++)
        if (edge->purposes & 1U << i)
            counts[i] += edge->step;
}

static unsigned present(const int counts[IP_PURPOSE_COUNT])
{
    unsigned purposes = 0;
    for (int i = 0; i < IP_PURPOSE_COUNT; i++)
        purposes |= counts[i] ? 1U << i : 0;
    return purposes;
}

struct ip_span *ip_span_unite(const struct ip_span *spans, int count, struct arena *arena,
                              int *united)
{
    int counts[IP_PURPOSE_COUNT] = {0}, edges_count = 2 * count;
    struct edge *edges = ARENA_ARRAY(arena, struct edge, (size_t)edges_count + 1);
    struct ip_span *result = ARENA_ARRAY(arena, struct ip_span, (size_t)edges_count + 1);
    for (int i = 0; i < count; i++) {
        ip_number end = spans[i].last + 1;
        edges[2 * i] = (struct edge){spans[i].first, false, spans[i].purposes, 1};
        edges[2 * i + 1] = (struct edge){end, end == 0, spans[i].purposes, -1};
    }
    qsort(edges, (size_t)edges_count, sizeof(*edges), by_place);
    *united = 0;
    for (int i = 0; i < edges_count; i++) {
        count_purposes(counts, &edges[i]);
        unsigned purposes = present(counts);
        if (!purposes || i + 1 == edges_count || !by_place(&edges[i], &edges[i + 1]))
            continue;
        struct ip_span part = {edges[i].at, edges[i + 1].at - 1, purposes};
        struct ip_span *before = *united ? &result[*united - 1] : NULL;
        if (before && before->purposes == purposes && before->last + 1 == part.first)
            before->last = part.last;
        else
            result[(*united)++] = part;
    }
    return result;
}

struct ip_span *ip_span_gaps(const struct ip_span *spans, int count, const struct ip_span *whole,
                             struct arena *arena, int *gaps)
{
    struct ip_span *result = ARENA_ARRAY(arena, struct ip_span, (size_t)count + 1);
    ip_number next = whole->first;
    bool left = true; /* something may remain from next on */
    *gaps = 0;
    for (int i = 0; i < count && left; i++) {
        if (spans[i].last < next)
            continue;
        if (spans[i].first > whole->last)
            break;
        if (spans[i].first > next)
            result[(*gaps)++] = (struct ip_span){next, spans[i].first - 1, whole->purposes};
        left = spans[i].last < whole->last;
        next = spans[i].last + 1;
    }
    if (left)
        result[(*gaps)++] = (struct ip_span){next, whole->last, whole->purposes};
    return result;
}

ip_number ip_span_size(const struct ip_span *span)
{
    return span->last - span->first + 1;
}

ip_number ip_span_size_within(const struct ip_span *spans, int count, const struct ip_span *whole)
{
    ip_number size = 0;
    for (int i = 0; i < count; i++) {
        ip_number first = spans[i].first > whole->first ? spans[i].first : whole->first;
        ip_number last = spans[i].last < whole->last ? spans[i].last : whole->last;
        if (first <= last)
            size += last - first + 1;
    }
    return size;
}

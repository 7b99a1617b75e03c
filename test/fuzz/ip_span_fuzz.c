/*
 * Lines of networks "a/b" and addresses: what is read is written back the same, and the spans they
 * make are in order, apart, and leave gaps that add up.
 */
// rooms: model
#include <stdint.h>
#include <string.h>

#include "src/base/error.h"
#include "src/model/ip_span.h"

enum { LINES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool read_span(const char *line, struct ip_span *span)
{
    char text[IP_NETWORK_TEXT];
    struct ip_network network, again;
    bool is_v6;
    if (ip_network_parse(line, &network)) {
        bool same = ip_network_parse(ip_network_format(&network, text), &again);
        ASSERT(same && again.first == network.first && again.last == network.last);
        ip_network_usable(&network, &span->first, &span->last);
        ASSERT(span->first <= span->last);
        return true;
    }
    if (!ip_number_parse(line, &span->first, &is_v6))
        return false;
    span->last = span->first;
    bool same = ip_number_parse(ip_number_format(span->first, is_v6, text), &span->last, &is_v6);
    ASSERT(same && span->first == span->last);
    return true;
}

static void check(const struct ip_span *spans, int count, struct arena *arena)
{
    const struct ip_span whole = {1, ~(ip_number)0, 1U << IP_UNUSED}; /* its size fits */
    int united_count, gaps_count;
    struct ip_span *united = ip_span_unite(spans, count, arena, &united_count);
    struct ip_span *gaps = ip_span_gaps(united, united_count, &whole, arena, &gaps_count);
    for (int i = 0; i < united_count; i++)
        ASSERT(united[i].first <= united[i].last && united[i].purposes &&
               (i == 0 || united[i - 1].last < united[i].first));
    ASSERT(ip_span_size_within(united, united_count, &whole) +
               ip_span_size_within(gaps, gaps_count, &whole) ==
           ip_span_size(&whole));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct ip_span spans[LINES_MAX];
    int count = 0;
    char *text = arena_strndup(arena, (const char *)bytes, size), *rest = text, *line;
    for (int i = 0; i < LINES_MAX && (line = strsep(&rest, "\n")); i++) {
        spans[count].purposes = 1U << (i % IP_PURPOSE_COUNT);
        count += read_span(line, &spans[count]);
    }
    check(spans, count, arena);
    arena_free(arena);
    return 0;
}

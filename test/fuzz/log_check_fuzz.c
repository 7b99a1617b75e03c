/*
 * Segments of the log. The first byte even: any bytes as one. Odd: a sound one, made of the bytes
 * as sizes and contents of its entries, in which then one byte is another; what is in front of that
 * is found sound, and nothing from there on.
 */
// rooms: raft
#include <string.h>

#include "raft/log_check.h"

enum { MOST = 64 << 10, FORMAT_BYTES = 8, HEAD_BYTES = 16, ENTRY_BYTES = 16, BATCHES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct segment {
    uint8_t bytes[MOST];
    size_t used;
    size_t begins[BATCHES + 1]; /* of the batches, and the end */
    int count;
};

/* CRC-32, bit by bit, over the whole as one number: as libraft's byte.c has it in a table. */
static uint32_t sum_of(const uint8_t *bytes, size_t size)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < 8 * (size + 4); i++) {
        size_t at = i / 8;
        rest = rest << 1 | (at < size ? bytes[at] >> (7 - i % 8) & 1 : 0);
        if (rest >> 32)
            rest ^= 0x104c11db7;
    }
    return (uint32_t)rest;
}

static void put(uint8_t *at, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* One batch: as many entries as the first byte says, each as long as its next byte says. */
static size_t add_batch(struct segment *segment, const uint8_t *bytes, size_t size)
{
    size_t count = bytes[0] % 8 + (size_t)1, taken = 1, entries = 0;
    uint8_t *batch = segment->bytes + segment->used;
    size_t head = HEAD_BYTES + ENTRY_BYTES * count;
    uint8_t *content = batch + head;
    put(batch + 8, count, 8);
    for (size_t i = 0; i < count; i++) {
        size_t length = 8 * (taken < size ? bytes[taken] % 32 + (size_t)1 : 1);
        taken++;
        uint8_t *entry = batch + HEAD_BYTES + ENTRY_BYTES * i;
        put(entry, 1, 8);
        entry[8] = 1;
        put(entry + 12, length, 4);
        for (size_t k = 0; k < length; k++, taken++)
            content[entries++] = taken < size && bytes[taken] ? bytes[taken] : 0xff;
    }
    put(batch, sum_of(batch + 8, head - 8), 4);
    put(batch + 4, sum_of(content, entries), 4);
    segment->used += head + entries;
    segment->begins[++segment->count] = segment->used;
    return taken < size ? taken : size;
}

static void check_damaged(const uint8_t *bytes, size_t size)
{
    static struct segment segment;
    size_t at;
    memset(&segment, 0, sizeof(segment));
    segment.used = segment.begins[0] = FORMAT_BYTES;
    segment.bytes[0] = 1;
    if (size < 4)
        return;
    size_t where = (size_t)(bytes[0] | bytes[1] << 8);
    uint8_t change = bytes[2] ? bytes[2] : 1;
    for (size_t from = 3; from < size && segment.count < BATCHES && segment.used < MOST - 4096;)
        from += add_batch(&segment, bytes + from, size - from);
    ASSERT(log_check_segment(segment.bytes, segment.used + 512, &at) && at == segment.used);
    where = FORMAT_BYTES + where % (segment.used - FORMAT_BYTES);
    segment.bytes[where] ^= change;
    bool sound = log_check_segment(segment.bytes, segment.used + 512, &at);
    int hit = 0;
    while (segment.begins[hit + 1] <= where)
        hit++;
    ASSERT(at == segment.begins[hit]);
    /* what follows shows that no write was cut off there, unless the batch says that it is longer
     */
    size_t offset = where - segment.begins[hit];
    ASSERT(!sound || hit + 1 == segment.count || (offset >= 8 && offset < HEAD_BYTES));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t at;
    if (!size)
        return 0;
    if (bytes[0] & 1) {
        check_damaged(bytes + 1, size - 1);
        return 0;
    }
    bool sound = log_check_segment(bytes + 1, size - 1, &at);
    ASSERT(at == FORMAT_BYTES || at < size);
    ASSERT(sound || at < size - 1);
    return 0;
}

/* The DHCP leases of this rack in memory: see dhcp_lease.h. */
#include "src/rack/dhcp_lease.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { BUCKETS = 1 << 16, NONE = -1, FIRST_SIZE = 256, KEEP_DEAD_S = 24 * 3600 };

struct entry {
    struct dhcp_lease lease;
    int next_by_address, next_by_mac;
    bool marked;
};

/* Entries 0..count-1 are in use; the last one moves into a gap. */
struct dhcp_leases {
    struct entry *entry;
    int count, size;
    uint64_t seed; /* so that clients cannot choose MACs that fall into one bucket */
    int by_address[BUCKETS], by_mac[BUCKETS];
    ip4 *marks; /* a ring of addresses, those that were dropped meanwhile included */
    unsigned marks_first, marks_count, marks_size;
    uint64_t marks_taken; /* since the start */
};

static unsigned bucket_of(const struct dhcp_leases *leases, uint64_t key)
{
    key = (key ^ leases->seed) * 0x9e3779b97f4a7c15u;
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    return (unsigned)(key >> 48);
}

static unsigned address_bucket(const struct dhcp_leases *leases, ip4 address)
{
    return bucket_of(leases, address);
}

static unsigned mac_bucket(const struct dhcp_leases *leases, struct mac mac)
{
    uint64_t key = 0;
    memcpy(&key, mac.bytes, sizeof(mac.bytes));
    return bucket_of(leases, key);
}

bool dhcp_lease_is_free(const struct dhcp_lease *lease, uint64_t now_s)
{
    uint32_t slack_s = lease->kind == DHCP_LEASE_OFFERED ? 0 : lease->duration_s / 4;
    return now_s >= lease->expires_s + slack_s;
}

void dhcp_lease_lend(struct dhcp_lease *lease, uint64_t asked_s, int64_t left_s)
{
    enum { LATE_S = 10, DRIFT_PERCENT = 2 };
    int64_t whole_s = lease->duration_s + lease->duration_s / 4;
    if (left_s < -(int64_t)asked_s) /* over since before there was a clock */
        left_s = -(int64_t)asked_s;
    int64_t end_s = (int64_t)asked_s + left_s - whole_s * DRIFT_PERCENT / 100 - LATE_S;
    lease->expires_s = end_s > 0 ? (uint64_t)end_s : 0;
}

struct dhcp_leases *dhcp_leases_new(void)
{
    struct dhcp_leases *leases = calloc(1, sizeof(*leases));
    ASSERT(leases);
    ssize_t n = getrandom(&leases->seed, sizeof(leases->seed), 0);
    ASSERT(n == (ssize_t)sizeof(leases->seed));
    for (int i = 0; i < BUCKETS; i++)
        leases->by_address[i] = leases->by_mac[i] = NONE;
    return leases;
}

void dhcp_leases_free(struct dhcp_leases *leases)
{
    if (!leases)
        return;
    free(leases->entry);
    free(leases->marks);
    free(leases);
}

static int find(const struct dhcp_leases *leases, ip4 address)
{
    int i = leases->by_address[address_bucket(leases, address)];
    while (i != NONE && leases->entry[i].lease.address != address)
        i = leases->entry[i].next_by_address;
    return i;
}

const struct dhcp_lease *dhcp_leases_at(const struct dhcp_leases *leases, ip4 address)
{
    int i = find(leases, address);
    return i == NONE ? NULL : &leases->entry[i].lease;
}

const struct dhcp_lease *dhcp_leases_of(const struct dhcp_leases *leases, struct mac mac,
                                        struct ip4_net net)
{
    const struct dhcp_lease *best = NULL;
    for (int i = leases->by_mac[mac_bucket(leases, mac)]; i != NONE;
         i = leases->entry[i].next_by_mac) {
        const struct dhcp_lease *lease = &leases->entry[i].lease;
        if (lease->kind != DHCP_LEASE_DECLINED && mac_equal(lease->mac, mac) &&
            ip4_net_contains(net, lease->address) && (!best || lease->expires_s > best->expires_s))
            best = lease;
    }
    return best;
}

static void link_entry(struct dhcp_leases *leases, int i)
{
    struct entry *entry = &leases->entry[i];
    int *address = &leases->by_address[address_bucket(leases, entry->lease.address)];
    int *mac = &leases->by_mac[mac_bucket(leases, entry->lease.mac)];
    entry->next_by_address = *address;
    entry->next_by_mac = *mac;
    *address = *mac = i;
}

static void unlink_entry(struct dhcp_leases *leases, int i)
{
    struct entry *entry = &leases->entry[i];
    int *p = &leases->by_address[address_bucket(leases, entry->lease.address)];
    while (*p != i)
        p = &leases->entry[*p].next_by_address;
    *p = entry->next_by_address;
    p = &leases->by_mac[mac_bucket(leases, entry->lease.mac)];
    while (*p != i)
        p = &leases->entry[*p].next_by_mac;
    *p = entry->next_by_mac;
}

void dhcp_leases_drop(struct dhcp_leases *leases, ip4 address)
{
    int i = find(leases, address), last = leases->count - 1;
    if (i == NONE)
        return;
    unlink_entry(leases, i);
    if (i != last) {
        unlink_entry(leases, last);
        leases->entry[i] = leases->entry[last];
        link_entry(leases, i);
    }
    leases->count--;
}

/* Looks at all of them: only when LIMIT_LEASES addresses were given within a day. */
static enum error_code make_room(struct dhcp_leases *leases, uint64_t now_s, struct error *err)
{
    const struct dhcp_lease *oldest = NULL;
    for (int i = 0; i < leases->count; i++) {
        const struct dhcp_lease *lease = &leases->entry[i].lease;
        if (dhcp_lease_is_free(lease, now_s) && (!oldest || lease->expires_s < oldest->expires_s))
            oldest = lease;
    }
    if (!oldest)
        return error_set(err, ERR_LIMIT, "%d leases are in use: none can be added", LIMIT_LEASES);
    dhcp_leases_drop(leases, oldest->address);
    return ERR_OK;
}

enum error_code dhcp_leases_put(struct dhcp_leases *leases, const struct dhcp_lease *lease,
                                uint64_t now_s, struct error *err)
{
    struct dhcp_lease copy = *lease; /* it may point into the table */
    int i = find(leases, copy.address);
    if (i != NONE) {
        unlink_entry(leases, i);
        leases->entry[i].lease = copy;
        link_entry(leases, i);
        return ERR_OK;
    }
    if (leases->count == LIMIT_LEASES && make_room(leases, now_s, err))
        return ERR_LIMIT;
    if (leases->count == leases->size) {
        leases->size = leases->size ? leases->size * 2 : FIRST_SIZE;
        leases->entry = realloc(leases->entry, sizeof(leases->entry[0]) * (size_t)leases->size);
        ASSERT(leases->entry);
    }
    leases->entry[leases->count] = (struct entry){.lease = copy};
    link_entry(leases, leases->count++);
    return ERR_OK;
}

int dhcp_leases_count(const struct dhcp_leases *leases)
{
    return leases->count;
}

const struct dhcp_lease *dhcp_leases_nth(const struct dhcp_leases *leases, int i)
{
    ASSERT(i >= 0 && i < leases->count);
    return &leases->entry[i].lease;
}

struct dhcp_lease *dhcp_leases_copy(const struct dhcp_leases *leases, uint64_t now_s, int *count)
{
    struct dhcp_lease *copy = calloc((size_t)leases->count + 1, sizeof(*copy));
    ASSERT(copy);
    *count = 0;
    for (int i = 0; i < leases->count; i++) {
        const struct dhcp_lease *lease = &leases->entry[i].lease;
        if (lease->kind != DHCP_LEASE_OFFERED &&
            (now_s < KEEP_DEAD_S || !dhcp_lease_is_free(lease, now_s - KEEP_DEAD_S)))
            copy[(*count)++] = *lease;
    }
    return copy;
}

static void grow_marks(struct dhcp_leases *leases)
{
    unsigned size = leases->marks_size ? leases->marks_size * 2 : FIRST_SIZE;
    ip4 *marks = calloc(size, sizeof(*marks));
    ASSERT(marks);
    for (unsigned i = 0; i < leases->marks_count; i++)
        marks[i] = leases->marks[(leases->marks_first + i) % leases->marks_size];
    free(leases->marks);
    leases->marks = marks;
    leases->marks_first = 0;
    leases->marks_size = size;
}

void dhcp_leases_mark(struct dhcp_leases *leases, ip4 address)
{
    int i = find(leases, address);
    if (i == NONE || leases->entry[i].marked)
        return;
    if (leases->marks_count == leases->marks_size)
        grow_marks(leases);
    leases->entry[i].marked = true;
    leases->marks[(leases->marks_first + leases->marks_count++) % leases->marks_size] = address;
}

void dhcp_leases_mark_all(struct dhcp_leases *leases)
{
    for (int i = 0; i < leases->count; i++)
        if (leases->entry[i].lease.kind != DHCP_LEASE_OFFERED)
            dhcp_leases_mark(leases, leases->entry[i].lease.address);
}

uint64_t dhcp_leases_marked(const struct dhcp_leases *leases)
{
    return leases->marks_taken + leases->marks_count;
}

uint64_t dhcp_leases_taken(const struct dhcp_leases *leases)
{
    return leases->marks_taken;
}

int dhcp_leases_take_marked(struct dhcp_leases *leases, struct dhcp_lease *taken, int most)
{
    int count = 0;
    while (count < most && leases->marks_count) {
        int i = find(leases, leases->marks[leases->marks_first]);
        leases->marks_first = (leases->marks_first + 1) % leases->marks_size;
        leases->marks_count--;
        leases->marks_taken++;
        if (i == NONE || !leases->entry[i].marked)
            continue;
        leases->entry[i].marked = false;
        taken[count++] = leases->entry[i].lease;
    }
    return count;
}

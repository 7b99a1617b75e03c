/* What is known of racks: see rack_seen.h. */
#include "src/region/rack_seen.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"

enum { VLANS_MAX = 32, SUBNETS_MAX = 32 };

struct seen {
    char system_id[LIMIT_NAME];
    struct ip4_net subnets[SUBNETS_MAX];
    int subnets_count;
    int64_t vlans[VLANS_MAX];
    int vlans_count;
    bool linked;
    uint64_t heard_ns;
};

static struct {
    pthread_mutex_t lock;
    const char *region;
    uint64_t opened_ns;
    struct seen racks[LIMIT_RACKS];
    int count;
} shown = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct seen *find(const char *system_id)
{
    for (int i = 0; i < shown.count; i++)
        if (!strcmp(shown.racks[i].system_id, system_id))
            return &shown.racks[i];
    return NULL;
}

static struct seen *seen_of(const char *system_id)
{
    struct seen *known = find(system_id);
    if (known || shown.count == LIMIT_RACKS)
        return known;
    struct seen *seen = &shown.racks[shown.count++];
    *seen = (struct seen){.linked = false};
    snprintf(seen->system_id, sizeof(seen->system_id), "%s", system_id);
    return seen;
}

static void take_subnets(const struct rack_hello *hello, struct seen *seen)
{
    seen->subnets_count = 0;
    for (int i = 0; i < hello->nets_count && seen->subnets_count < SUBNETS_MAX; i++) {
        struct ip4_net net = {ip4_net_first(hello->nets[i]), hello->nets[i].prefix};
        bool known = false;
        for (int j = 0; j < seen->subnets_count; j++)
            known |=
                seen->subnets[j].address == net.address && seen->subnets[j].prefix == net.prefix;
        if (!known)
            seen->subnets[seen->subnets_count++] = net;
    }
}

void rack_seen_open(const char *region)
{
    pthread_mutex_lock(&shown.lock);
    shown.region = region;
    shown.opened_ns = clock_boot_ns();
    shown.count = 0;
    pthread_mutex_unlock(&shown.lock);
}

void rack_seen_show(const struct rack_hello *hello, bool linked, uint64_t heard_ns)
{
    pthread_mutex_lock(&shown.lock);
    struct seen *seen = seen_of(hello->system_id);
    if (seen) {
        seen->linked = linked;
        if (heard_ns)
            seen->heard_ns = heard_ns;
        take_subnets(hello, seen);
    }
    pthread_mutex_unlock(&shown.lock);
}

bool rack_seen_linked(const char *system_id)
{
    pthread_mutex_lock(&shown.lock);
    const struct seen *seen = find(system_id);
    bool linked = seen && seen->linked;
    pthread_mutex_unlock(&shown.lock);
    return linked;
}

int64_t rack_seen_lost_s(const char *system_id)
{
    pthread_mutex_lock(&shown.lock);
    const struct seen *seen = find(system_id);
    bool linked = seen && seen->linked;
    uint64_t since_ns = seen && seen->heard_ns > shown.opened_ns ? seen->heard_ns : shown.opened_ns;
    pthread_mutex_unlock(&shown.lock);
    return linked ? 0 : (int64_t)((clock_boot_ns() - since_ns) / CLOCK_S);
}

bool rack_seen_any_linked(void)
{
    bool any = false;
    pthread_mutex_lock(&shown.lock);
    for (int i = 0; i < shown.count; i++)
        any = any || shown.racks[i].linked;
    pthread_mutex_unlock(&shown.lock);
    return any;
}

json_t *rack_seen_linked_list(void)
{
    json_t *list = json_array();
    pthread_mutex_lock(&shown.lock);
    for (int i = 0; i < shown.count; i++)
        if (shown.racks[i].linked)
            json_array_append_new(list, json_string(shown.racks[i].system_id));
    pthread_mutex_unlock(&shown.lock);
    return list;
}

void rack_seen_vlans(const char *system_id, json_t *vlans)
{
    json_t *vlan;
    size_t i;
    pthread_mutex_lock(&shown.lock);
    struct seen *seen = seen_of(system_id);
    if (seen)
        seen->vlans_count = 0;
    json_array_foreach (vlans, i, vlan)
        if (seen && seen->vlans_count < VLANS_MAX)
            seen->vlans[seen->vlans_count++] = json_integer_value(vlan);
    pthread_mutex_unlock(&shown.lock);
}

void rack_seen_keep(const struct cluster_state *facts)
{
    pthread_mutex_lock(&shown.lock);
    int kept = 0;
    for (int i = 0; i < shown.count; i++)
        if (cluster_state_rack(facts, shown.racks[i].system_id))
            shown.racks[kept++] = shown.racks[i];
    shown.count = kept;
    pthread_mutex_unlock(&shown.lock);
}

static json_t *list_subnets(const struct seen *seen)
{
    char text[IP4_NET_TEXT];
    json_t *list = json_array();
    for (int i = 0; i < seen->subnets_count; i++)
        json_array_append_new(list, json_string(ip4_net_format(seen->subnets[i], text)));
    return list;
}

static json_t *list_vlans(const struct seen *seen)
{
    json_t *list = json_array();
    for (int i = 0; i < seen->vlans_count; i++)
        json_array_append_new(list, json_integer((json_int_t)seen->vlans[i]));
    return list;
}

void rack_seen_status(json_t *status)
{
    json_t *row;
    size_t i;
    pthread_mutex_lock(&shown.lock);
    json_array_foreach (json_object_get(status, "racks"), i, row) {
        const char *system_id = json_string_value(json_object_get(row, "system_id"));
        const struct seen *seen = system_id ? find(system_id) : NULL;
        if (!seen || !seen->heard_ns)
            continue;
        uint64_t ago_ms = (clock_boot_ns() - seen->heard_ns) / CLOCK_MS;
        json_object_set_new(row, "last_seen_ms", json_integer((json_int_t)ago_ms));
        json_object_set_new(row, "subnets", list_subnets(seen));
        json_object_set_new(row, "vlans", list_vlans(seen));
        if (seen->linked)
            json_object_set_new(row, "region", json_string(shown.region));
    }
    pthread_mutex_unlock(&shown.lock);
}

/* Memory and NUMA nodes. See inventory.h. Source: proc_meminfo(5), DSP0134 7.18. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/agent/inventory.h"
#include "src/agent/smbios.h"

enum { MEMINFO_BYTES = 64 << 10 };

/* Bytes of the line "... MemTotal:  123 kB"; -1 without. */
static int64_t total_of(const char *meminfo)
{
    const char *line = meminfo ? strstr(meminfo, "MemTotal:") : NULL;
    if (!line)
        return -1;
    long long kib = strtoll(line + strlen("MemTotal:"), NULL, 10);
    return kib > 0 && kib < INT64_MAX / 1024 ? kib * 1024 : -1;
}

static int64_t blocks_bytes(const struct tree *tree)
{
    const char *text = tree_text(tree, "/sys/devices/system/memory/block_size_bytes");
    int64_t size = text ? strtoll(text, NULL, 16) : 0, blocks = 0;
    int count;
    const char *const *names = tree_names(tree, "/sys/devices/system/memory", &count);
    for (int i = 0; i < count; i++)
        blocks += !strncmp(names[i], "memory", 6) && isdigit((unsigned char)names[i][6]);
    return size > 0 && blocks > 0 && size < INT64_MAX / blocks ? size * blocks : -1;
}

static int64_t installed_bytes(const struct tree *tree)
{
    size_t size = 0;
    const char *table = tree_bytes(tree, SMBIOS_TABLE_BYTES, &size, "/sys/firmware/dmi/tables/DMI");
    uint64_t sum = table ? smbios_memory_bytes((const uint8_t *)table, size) : 0;
    return sum > 0 && sum < INT64_MAX ? (int64_t)sum : blocks_bytes(tree);
}

static void read_node(const struct tree *tree, const char *name, struct inventory_numa *numa)
{
    const char *folder = arena_printf(tree->arena, "/sys/devices/system/node/%s", name);
    const char *meminfo =
        tree_bytes(tree, MEMINFO_BYTES, NULL, arena_printf(tree->arena, "%s/meminfo", folder));
    const char *cpus =
        tree_bytes(tree, MEMINFO_BYTES, NULL, arena_printf(tree->arena, "%s/cpulist", folder));
    numa->index = (int)strtol(name + 4, NULL, 10);
    numa->memory_bytes = total_of(meminfo);
    numa->cpus = ARENA_ARRAY(tree->arena, int, INVENTORY_CPUS);
    numa->cpus_count = tree_list(cpus, numa->cpus, INVENTORY_CPUS);
}

/* A kernel without NUMA: all of it is node 0. */
static void read_flat(const struct tree *tree, struct inventory *inventory)
{
    struct inventory_numa *numa = &inventory->numa[inventory->numa_count++];
    const char *online = tree_bytes(tree, MEMINFO_BYTES, NULL, "/sys/devices/system/cpu/online");
    numa->memory_bytes = inventory->usable_bytes;
    numa->cpus = ARENA_ARRAY(tree->arena, int, INVENTORY_CPUS);
    numa->cpus_count = tree_list(online, numa->cpus, INVENTORY_CPUS);
    while (!online && numa->cpus_count < inventory->cpu.threads &&
           numa->cpus_count < INVENTORY_CPUS) {
        numa->cpus[numa->cpus_count] = numa->cpus_count;
        numa->cpus_count++;
    }
}

void inventory_memory_read(const struct tree *tree, struct inventory *inventory)
{
    inventory->usable_bytes = total_of(tree_bytes(tree, MEMINFO_BYTES, NULL, "/proc/meminfo"));
    inventory->installed_bytes = installed_bytes(tree);
    if (inventory->installed_bytes < 0)
        inventory->installed_bytes = inventory->usable_bytes;
    int count;
    const char *const *names = tree_names(tree, "/sys/devices/system/node", &count);
    inventory->numa = ARENA_ARRAY(tree->arena, struct inventory_numa, INVENTORY_NUMA);
    for (int i = 0; i < count && inventory->numa_count < INVENTORY_NUMA; i++)
        if (!strncmp(names[i], "node", 4) && isdigit((unsigned char)names[i][4]))
            read_node(tree, names[i], &inventory->numa[inventory->numa_count++]);
    if (!inventory->numa_count)
        read_flat(tree, inventory);
}

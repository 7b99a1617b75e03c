/* Processors: model, how many, how fast. See inventory.h. Source: proc_cpuinfo(5), cputopology.rst.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/agent/inventory.h"

enum { CPUINFO_BYTES = 64 << 20 };
#define CPU_FOLDER "/sys/devices/system/cpu"

/* Value of the first line "key : value" in cpuinfo; NULL when there is none. */
static const char *value_of(const struct tree *tree, const char *cpuinfo, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = cpuinfo; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, key, length) == 0) {
            const char *after = line + length + strspn(line + length, " \t");
            if (*after == ':')
                return tree_clean(tree->arena, after + 1);
        }
    return NULL;
}

static int64_t count_lines(const char *cpuinfo, const char *key)
{
    int64_t count = 0;
    size_t length = strlen(key);
    for (const char *line = cpuinfo; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        count += strncmp(line, key, length) == 0 && strchr("\t :", line[length]) != NULL;
    return count;
}

/* MHz from a model name that ends in "@ 2.40GHz"; -1 without. */
static int64_t mhz_of_model(const char *model)
{
    const char *at = model ? strrchr(model, '@') : NULL;
    if (!at)
        return -1;
    char *unit;
    double value = strtod(at + 1, &unit);
    double mhz = !strncmp(unit, "GHz", 3) ? value * 1000 : !strncmp(unit, "MHz", 3) ? value : 0;
    return mhz >= 1 && mhz < 100000 ? (int64_t)(mhz + 0.5) : -1;
}

static int64_t max_mhz(const struct tree *tree, const char *cpuinfo, const char *model,
                       const char *const *names, int count)
{
    int64_t best = -1, khz;
    for (int i = 0; i < count; i++)
        if (isdigit((unsigned char)names[i][3]) &&
            tree_number(tree, &khz, CPU_FOLDER "/%s/cpufreq/cpuinfo_max_freq", names[i]) &&
            khz / 1000 > best)
            best = khz / 1000;
    if (best > 0)
        return best;
    best = mhz_of_model(model);
    const char *now = value_of(tree, cpuinfo, "cpu MHz");
    if (best < 0 && now && atof(now) >= 1 && atof(now) < 100000) // NOLINT(cert-err34-c)
        best = (int64_t)(atof(now) + 0.5);                       // NOLINT(cert-err34-c)
    return best;
}

struct word_set {
    const char *words[INVENTORY_CPUS];
    int count;
};

static void add_word(struct word_set *set, const char *word)
{
    for (int i = set->count - 1; i >= 0; i--) /* the newest first: siblings often follow */
        if (!strcmp(set->words[i], word))
            return;
    if (word && set->count < INVENTORY_CPUS)
        set->words[set->count++] = word;
}

void inventory_cpu_read(const struct tree *tree, struct inventory *inventory)
{
    const char *cpuinfo = tree_bytes(tree, CPUINFO_BYTES, NULL, "/proc/cpuinfo");
    if (!cpuinfo)
        cpuinfo = "";
    int count;
    const char *const *names = tree_names(tree, CPU_FOLDER, &count);
    struct word_set *sockets = ARENA_NEW(tree->arena, struct word_set);
    struct word_set *cores = ARENA_NEW(tree->arena, struct word_set);
    for (int i = 0; i < count; i++) {
        if (strncmp(names[i], "cpu", 3) != 0 || !isdigit((unsigned char)names[i][3]))
            continue;
        const char *folder = arena_printf(tree->arena, CPU_FOLDER "/%s/topology", names[i]);
        const char *socket = tree_text(tree, "%s/physical_package_id", folder);
        const char *siblings = tree_text(tree, "%s/thread_siblings_list", folder);
        if (socket && siblings) { /* an offline CPU has neither */
            add_word(sockets, socket);
            add_word(cores, siblings);
        }
    }
    int64_t threads = count_lines(cpuinfo, "processor");
    inventory->cpu.model = value_of(tree, cpuinfo, "model name");
    inventory->cpu.threads = threads ? threads : -1;
    inventory->cpu.sockets = sockets->count ? sockets->count : -1;
    inventory->cpu.cores = cores->count ? cores->count : inventory->cpu.threads;
    inventory->cpu.max_mhz = max_mhz(tree, cpuinfo, inventory->cpu.model, names, count);
}

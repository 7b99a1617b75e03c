/* The simulation by hand: sim [--seeds N] [--from N] [--seed N] [--trace] [--plant NAME] [--nodes
 * N]
 * [--raft-only] [--no-term]. Exit 1 when an invariant broke; the seed replays it to the byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/sim.h"

static int usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N] [--from N] [--seed N] [--trace] [--plant NAME]\n"
                    "           [--nodes 3|5] [--raft-only] [--no-term]\nplants:\n");
#define X(name, what) fprintf(stderr, "  %-26s %s\n", #name, what);
    PLANT_TABLE(X)
#undef X
    return 2;
}

static bool set_plant(const char *name)
{
#define X(plant, what)             \
    if (!strcmp(name, #plant)) {   \
        plant_now = PLANT_##plant; \
        return true;               \
    }
    PLANT_TABLE(X)
#undef X
    return false;
}

int main(int argc, char **argv)
{
    struct sim_options options = {0};
    uint64_t seeds = 2000, from = 1, failed = 0, steps = 0, all = 0;
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(flag, "--trace"))
            options.trace = true;
        else if (!strcmp(flag, "--raft-only"))
            options.raft_only = true;
        else if (!strcmp(flag, "--no-term"))
            options.no_term = true;
        else if (!strcmp(flag, "--seeds") && *value)
            seeds = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(flag, "--from") && *value)
            from = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(flag, "--nodes") && *value)
            options.nodes = atoi(argv[++i]);
        else if (!strcmp(flag, "--seed") && *value) {
            from = strtoull(argv[++i], NULL, 10);
            seeds = 1;
        } else if (!strcmp(flag, "--plant") && set_plant(value))
            i++;
        else
            return usage();
    }
    for (uint64_t seed = from; seed < from + seeds; seed++) {
        options.seed = seed;
        bool held = sim_run(&options);
        steps += sim.steps;
        failed += !held;
        all = (all ^ sim.trace_hash) * 1099511628211ull;
        if (!held)
            printf("seed %llu: %s\n", (unsigned long long)seed, sim.wrong);
        if (seeds == 1)
            printf("seed %llu: %s, history %016llx\n", (unsigned long long)seed,
                   held ? "held" : "broke", (unsigned long long)sim.trace_hash);
    }
    printf("%llu seeds, %llu broke, %llu steps, histories %016llx\n", (unsigned long long)seeds,
           (unsigned long long)failed, (unsigned long long)steps, (unsigned long long)all);
    return failed ? 1 : 0;
}

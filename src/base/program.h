/* The command line that the programs of a controller have in common. At start, before threads. */
#pragma once

#include "src/base/config.h"

struct program {
    const char *name;   /* "gantry-rackd" */
    const char *is;     /* one sentence for --help */
    const char *config; /* the file that is read when none is named */
    void (*print_keys)(void);
    /** Its exit status; check_only: read the configuration, say whether it is sound. */
    int (*run)(const struct config_source *source, bool check_only);
};

/** All of main: the exit status, 2 for wrong use. */
int program_main(const struct program *program, int argc, char **argv);

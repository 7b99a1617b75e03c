/*
 * The scripts that come with the program: the files of src/region/scripts, made into one C file by
 * scripts/embed_scripts. Each has a header (script_header.h) whose name is the file's. Any thread.
 * names: script_default script_runner
 */
#pragma once

#include <stddef.h>

struct script_default {
    const char *name, *text;
    size_t size;
};

extern const struct script_default script_defaults[];
extern const int script_defaults_count;

/** User-data that makes a stock system run its scripts: the one file of src/region/runners. */
extern const struct script_default script_runners[];
extern const int script_runners_count;

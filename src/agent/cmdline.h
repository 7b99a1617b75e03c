/* What the kernel's command line tells the agent. Pure; any thread. Source: docs/images.md. */
#pragma once

#include <stdbool.h>

#include "src/base/address.h"
#include "src/base/arena.h"
#include "src/base/error.h"

enum {
    CMDLINE_BYTES = 16 << 10,
    CMDLINE_LIMIT_S = 540,
    CMDLINE_LIMIT_MAX_S = 30 * 86400, /* erasing a large disk takes days */
    CMDLINE_RACKS = 8,
};

struct cmdline {
    const char *preseed_url;          /* cloud-config-url= */
    const char *root_url;             /* root=squash: */
    const char *racks[CMDLINE_RACKS]; /* gantry.racks=ADDRESS,...: who else serves this machine */
    int racks_count;
    struct mac boot_mac; /* BOOTIF=01-aa-bb-... */
    bool has_boot_mac;
    int limit_s; /* gantry.limit_s=: the agent gives up and powers off after so long */
};

/**
 * Texts live in the arena; the last of several wins, as in the kernel.
 * Errors: BAD_INPUT: a word of ours with a value that is none.
 */
enum error_code cmdline_parse(const char *text, struct arena *arena, struct cmdline *cmdline,
                              struct error *err);

/*
 * The rack controller as one object: its settings, its control loop and what hangs on it. What it
 * serves stands in the table of rack_part.h. Loop thread.
 */
#pragma once

#include "src/base/loop.h"
#include "src/base/interfaces.h"
#include "src/rack/membership.h"
#include "src/rack/region_link.h"
#include "src/rack/settings.h"
#include "src/wire/fence_link.h"
#include "src/wire/tls_credentials.h"

struct rack {
    struct settings settings;
    struct arena *arena; /* of the settings; lives as long as the program */
    struct loop loop;
    struct fence_link *fence;
    struct tls_credentials *credentials; /* of this rack, role "rack" */
    struct region_link *regions;
    struct interfaces interfaces; /* as last read, once a second */
    struct loop_timer look;
    uv_signal_t terminate, interrupt;
    bool stopping;
};

/**
 * Descriptor 3, signals, membership, links to the regions, then every part.
 * Errors: those of what is opened, each with what to do; the program must end then.
 */
enum error_code rack_start(struct rack *rack, struct error *err);

/** Say why and end the program. Any thread. */
void rack_fail(const struct error *why) __attribute__((noreturn));

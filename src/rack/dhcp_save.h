/*
 * A small file on its way to disk: one writing at a time, so that the last text wins. Loop thread.
 */
#pragma once

#include "src/base/limits.h"
#include "src/base/loop.h"

struct dhcp_save_job;

struct dhcp_save {
    struct loop *loop;
    const char *what; /* for the log: "the configuration" */
    char path[LIMIT_PATH];
    struct dhcp_save_job *job; /* being written */
    char *next;
    bool kept; /* the file has the last text, for certain */
};

/** Replace the file by text (taken over) soon; a failure is logged. */
void dhcp_save_put(struct dhcp_save *save, char *text);

/** Forget what waits; what is being written is finished without it. */
void dhcp_save_close(struct dhcp_save *save);

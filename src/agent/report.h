/*
 * What the agent says to the region, and how long it tries: preseed, enlistment of an unknown
 * machine, the inventory, the end. Blocking; never on a loop. Source: docs/inventory.md.
 */
#pragma once

#include "src/agent/cmdline.h"
#include "src/agent/inventory.h"
#include "src/base/error.h"

struct report {
    const struct cmdline *cmdline;
    const struct inventory *inventory;
    const struct spool *json; /* the inventory, finished */
    uint64_t inventory_ms;    /* how long it took to read */
    uint64_t deadline_ns;     /* BOOTTIME; nothing is tried again past it */
};

/**
 * All of it, logged step by step. What may pass (no connection, status 408, 429, 5xx) is tried
 * again with growing pauses until the deadline.
 * Errors: BAD_INPUT (command line, preseed, answers), TIMEOUT, those of http_client_expect.
 */
enum error_code report_send(const struct report *report, struct error *err);

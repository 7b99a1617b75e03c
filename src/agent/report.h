/*
 * What the agent tells the region of the machine: that it is there, and its inventory. Blocking;
 * never on a loop. Source: docs/inventory.md.
 */
#pragma once

#include <stdbool.h>

#include "src/agent/inventory.h"
#include "src/agent/talk.h"

struct report {
    const struct inventory *inventory;
    const struct spool *json; /* the inventory, finished */
    uint64_t inventory_ms;    /* how long it took to read */
};

/**
 * An unknown machine becomes a known one: talk has its system_id and key. *known: the region knew
 * one of its interfaces already, then nothing was done. Errors: BAD_INPUT, those of talk_exchange.
 */
enum error_code report_enlist(struct talk *talk, const struct inventory *inventory, bool *known,
                              struct error *err);

/** Send the inventory. Errors: those of talk_exchange. */
enum error_code report_inventory(struct talk *talk, const struct report *report, struct error *err);

/*
 * Reads datasource.MAAS out of a preseed (#cloud-config). Knows the YAML that such files are made
 * of: nested block mappings with plain or quoted scalars, the MAAS mapping also in flow form, and
 * JSON. Pure; any thread. Source: docs/inventory.md, YAML 1.2 chapters 7 and 8.
 */
#pragma once

#include "src/base/arena.h"
#include "src/base/error.h"

enum { PRESEED_BYTES = 256 << 10 };

struct preseed {
    const char *metadata_url;                            /* ends with "metadata/" */
    const char *consumer_key, *token_key, *token_secret; /* all or none: NULL */
};

/** Texts live in the arena. Errors: BAD_INPUT: no preseed, no metadata_url, half a key. */
enum error_code preseed_parse(const char *text, struct arena *arena, struct preseed *preseed,
                              struct error *err);

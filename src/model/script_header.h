/*
 * What a script says of itself: the YAML in its comment block between
 *
 *   # --- Start MAAS 1.0 script metadata ---
 *   # --- End MAAS 1.0 script metadata ---
 *
 * Foreign bytes: bounded, every key checked. Any thread. Source: MAAS API 2.0, scripts.
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/model/script.h"

enum { SCRIPT_LISTED = 32, SCRIPT_PARAMETERS = 16 };

/** What a header or a form says; what was not given is NULL or < 0. */
struct script_header {
    const char *name, *title, *description;
    int type, hardware, parallel; /* numbers of script.h */
    int64_t timeout_s;
    int destructive, may_reboot, recommission, apply_netconf; /* 0, 1, -1 = not given */
    json_t *tags, *for_hardware;                              /* lists of texts, or NULL */
    json_t *parameters, *packages, *results;                  /* objects, or NULL */
};

/** Nothing given. */
void script_header_init(struct script_header *header);
/** Gives back what it holds; accepts one that was only initialised. */
void script_header_close(struct script_header *header);

/**
 * Read the block of a script, if it has one. Texts are copied to the arena; close it in any case.
 * Errors: BAD_INPUT "line 4: ...": the script's own line, or "timeout: ...".
 */
enum error_code script_header_parse(const char *script, size_t size, struct arena *arena,
                                    struct script_header *header, struct error *err);

/** As a value of the header says it, also for forms. Errors: BAD_INPUT "timeout: ...". */
enum error_code script_header_set(struct script_header *header, const char *key, json_t *value,
                                  struct arena *arena, struct error *err);

/** "90", "90s", "0:30:00", "2:30" in seconds, or -1. */
int64_t script_timeout_parse(const char *text);

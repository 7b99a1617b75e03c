/*
 * The inventory that an agent sends: foreign JSON, checked key by key against docs/inventory.md
 * before anything believes it. Pure; any thread.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "src/base/error.h"

enum { HARDWARE_REPORT_BYTES = 512 << 10 };

/** The script whose output it is. */
#define HARDWARE_REPORT_SCRIPT "20-maas-03-machine-resources"

/**
 * Parse and check; *report is owned by the caller. Lists are within their limits; names of
 * interfaces and disks, MACs and NUMA numbers stand once; at most one interface is the boot one.
 * Errors: BAD_INPUT "disks[3].size_bytes: expected a whole number", TOO_LARGE.
 */
enum error_code hardware_report_parse(const char *text, size_t size, json_t **report,
                                      struct error *err);

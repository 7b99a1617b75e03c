/* Decodes the SMBIOS structure table of the firmware. Pure; any thread. Source: DMTF DSP0134 3.7.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SMBIOS_TABLE_BYTES = 1 << 20 };

/**
 * Bytes of all memory modules in the table (structures of type 17 that are RAM, not flash and not
 * persistent). A table that is cut off counts up to there. 0 = it tells none.
 */
uint64_t smbios_memory_bytes(const uint8_t *table, size_t size);

/** Is the text one of the fillers that firmware vendors leave in place of a value? */
bool smbios_is_filler(const char *text);

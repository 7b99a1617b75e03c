/*
 * Segments of the log that were not closed, checked before libraft reads them: it drops what comes
 * after the first batch of entries that it cannot read, whatever that is, and a member that has
 * forgotten entries which it had acknowledged votes for leaders that never had them. What the end
 * of a write that was cut off looks like is let through. Blocking; any thread.
 * Source: libraft 0.22.1, src/uv_segment.c, src/uv_encoding.c, src/byte.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum { LOG_CHECK_SECTOR = 512, LOG_CHECK_SEGMENT_BYTES = 16 << 20 };

/** A segment's bytes. False = a batch that was written whole, at *at, is not what was written. */
bool log_check_segment(const uint8_t *bytes, size_t size, size_t *at);

/** What is told with a snapshot. False = its checksum is right, its configuration none: libraft
 * reads past the end of such a one. */
bool log_check_snapshot(const uint8_t *bytes, size_t size);

/** All open segments and snapshots in dir. Errors: CORRUPT (names the file), IO. A missing folder
 * is fine. */
enum error_code log_check(const char *dir, struct error *err);

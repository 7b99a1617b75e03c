/*
 * Writes tar archives into a spool: scripts for machines, results for people. Any thread.
 * Source: POSIX.1-1988 ustar.
 */
#pragma once

#include <stddef.h>

#include "src/base/spool.h"

struct tar_file {
    const char *path; /* relative; at most 255 bytes, its last part at most 100 */
    unsigned mode;    /* 0755 */
    const char *bytes;
    size_t size;
};

/** One file more. */
void tar_out_put(struct spool *spool, const struct tar_file *file);

/** The end of the archive. */
void tar_out_end(struct spool *spool);

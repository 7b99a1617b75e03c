/*
 * A growing run of bytes that a reply is rendered into: memory first, an unlinked temporary file
 * when it grows past SPOOL_MEMORY_BYTES. One thread at a time.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum { SPOOL_MEMORY_BYTES = 16 << 20 };

struct spool {
    char *bytes;
    size_t used, size;
    int fd;           /* -1 while all is in memory */
    uint64_t written; /* bytes already in the file */
    bool failed;      /* the file could not be written: see spool_finish */
};

void spool_init(struct spool *spool);
void spool_close(struct spool *spool);

/** Forget the content, keep the memory: for a transaction that runs again. */
void spool_reset(struct spool *spool);

void spool_put(struct spool *spool, const void *bytes, size_t size);
void spool_text(struct spool *spool, const char *text);
void spool_printf(struct spool *spool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Total bytes so far. */
uint64_t spool_size(const struct spool *spool);

/**
 * No more bytes follow: if a file is in use everything is in it afterwards (fd >= 0), else bytes
 * and used hold all. Errors: IO when the file could not be written (full disk).
 */
enum error_code spool_finish(struct spool *spool, struct error *err);

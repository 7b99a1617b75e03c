/* A growing run of bytes: see spool.h. */
#include "src/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void spool_init(struct spool *spool)
{
    *spool = (struct spool){.fd = -1};
}

void spool_close(struct spool *spool)
{
    free(spool->bytes);
    if (spool->fd >= 0)
        close(spool->fd);
    spool_init(spool);
}

void spool_reset(struct spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    spool->fd = -1;
    spool->used = 0;
    spool->written = 0;
    spool->failed = false;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

static void flush(struct spool *spool)
{
    if (spool->fd < 0)
        spool->fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (spool->fd < 0 || !write_all(spool->fd, spool->bytes, spool->used))
        spool->failed = true;
    spool->written += spool->used;
    spool->used = 0;
}

static void reserve(struct spool *spool, size_t size)
{
    if (spool->used && spool->used + size > SPOOL_MEMORY_BYTES)
        flush(spool);
    if (spool->used + size <= spool->size)
        return;
    size_t want = spool->size ? spool->size : 4096;
    while (want < spool->used + size)
        want *= 2;
    spool->bytes = realloc(spool->bytes, want);
    ASSERT(spool->bytes);
    spool->size = want;
}

void spool_put(struct spool *spool, const void *bytes, size_t size)
{
    if (!size)
        return;
    reserve(spool, size);
    memcpy(spool->bytes + spool->used, bytes, size);
    spool->used += size;
}

void spool_text(struct spool *spool, const char *text)
{
    spool_put(spool, text, strlen(text));
}

void spool_printf(struct spool *spool, const char *format, ...)
{
    va_list args, copy;
    va_start(args, format);
    va_copy(copy, args);
    int size = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    ASSERT(size >= 0);
    reserve(spool, (size_t)size + 1);
    vsnprintf(spool->bytes + spool->used, (size_t)size + 1, format, args);
    va_end(args);
    spool->used += (size_t)size;
}

uint64_t spool_size(const struct spool *spool)
{
    return spool->written + spool->used;
}

enum error_code spool_finish(struct spool *spool, struct error *err)
{
    if (spool->fd >= 0 && spool->used)
        flush(spool);
    if (spool->failed)
        return error_set(err, ERR_IO, "cannot write a temporary file for a large reply");
    return ERR_OK;
}

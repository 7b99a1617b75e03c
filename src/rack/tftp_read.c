/* Reading without waiting: see tftp_read.h. Source: preadv2(2), RWF_NOWAIT. */
#include "src/rack/tftp_read.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "src/rack/tftp_session.h"

enum {
    AHEAD_BYTES = 2 * TFTP_SESSION_WINDOW_BYTES, /* read by the thread */
    CHUNK_BYTES = 64 << 10,                      /* read at once for blocks smaller than... */
    CHUNK_BLOCK = 8 << 10,
    HINT_BYTES = 4 << 20,
};

void tftp_read_open(struct tftp_read *reading, struct loop *loop, struct boot_content *content,
                    void (*ready)(struct tftp_read *reading))
{
    *reading = (struct tftp_read){.loop = loop, .content = *content, .ready = ready};
}

void tftp_read_close(struct tftp_read *reading)
{
    ASSERT(!reading->busy);
    boot_content_close(&reading->content);
    free(reading->ahead);
    reading->ahead = NULL;
    reading->ahead_size = 0;
}

/* On a thread of its own. */
static void read_ahead(void *subject)
{
    struct tftp_read *reading = subject;
    uint64_t left = reading->content.size - reading->ahead_offset;
    size_t want = left < AHEAD_BYTES ? (size_t)left : AHEAD_BYTES, used = 0;
    posix_fadvise(reading->content.fd, (off_t)reading->ahead_offset, HINT_BYTES,
                  POSIX_FADV_WILLNEED);
    while (used < want) {
        ssize_t n = pread(reading->content.fd, reading->ahead + used, want - used,
                          (off_t)(reading->ahead_offset + used));
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    reading->ahead_size = used;
    reading->failed = used < want;
}

static void on_ahead(void *subject)
{
    struct tftp_read *reading = subject;
    reading->busy = false;
    reading->ready(reading);
}

static void need_ahead(struct tftp_read *reading)
{
    if (!reading->ahead)
        reading->ahead = malloc(AHEAD_BYTES);
    ASSERT(reading->ahead);
}

/* From the page cache, if all of it is there; small blocks by the chunk, for fewer calls. */
static bool read_now(struct tftp_read *reading, uint64_t offset, void *bytes, size_t size)
{
    uint64_t left = reading->content.size - offset;
    need_ahead(reading);
    bool chunk = size < CHUNK_BLOCK && left > size;
    size_t want = !chunk ? size : left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    struct iovec part = {chunk ? reading->ahead : bytes, want};
    ssize_t n = preadv2(reading->content.fd, &part, 1, (off_t)offset, RWF_NOWAIT);
    if (n < (ssize_t)size)
        return false;
    if (chunk) {
        reading->ahead_offset = offset;
        reading->ahead_size = (size_t)n;
        memcpy(bytes, reading->ahead, size);
    }
    return true;
}

enum tftp_read_result tftp_read_at(struct tftp_read *reading, uint64_t offset, void *bytes,
                                   size_t size)
{
    ASSERT(size <= AHEAD_BYTES && offset + size <= reading->content.size);
    if (reading->busy) /* first: the rest is the thread's then */
        return TFTP_READ_LATER;
    if (reading->failed)
        return TFTP_READ_FAILED;
    if (!size) /* the last block of a file that fills the one before */
        return TFTP_READ_DONE;
    if (reading->content.text) {
        memcpy(bytes, reading->content.text + offset, size);
        return TFTP_READ_DONE;
    }
    if (offset >= reading->ahead_offset &&
        offset + size <= reading->ahead_offset + reading->ahead_size) {
        memcpy(bytes, reading->ahead + (offset - reading->ahead_offset), size);
        return TFTP_READ_DONE;
    }
    if (read_now(reading, offset, bytes, size))
        return TFTP_READ_DONE;
    reading->ahead_offset = offset;
    reading->ahead_size = 0;
    reading->busy = true;
    loop_run_blocking(reading->loop, read_ahead, on_ahead, reading);
    return TFTP_READ_LATER;
}

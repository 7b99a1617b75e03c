/*
 * Reading what a transfer sends without ever waiting for a disk: from memory, from the kernel's
 * page cache, or by a thread that reads ahead. Loop thread only.
 */
#pragma once

#include "src/base/loop.h"
#include "src/rack/boot_source.h"

struct tftp_read {
    struct loop *loop;
    struct boot_content content;
    char *ahead; /* size bytes of the file at offset, read before they are asked for */
    uint64_t ahead_offset;
    size_t ahead_size;
    bool busy, failed;
    void (*ready)(struct tftp_read *reading); /* after a wait; also after a failure */
};

enum tftp_read_result { TFTP_READ_DONE, TFTP_READ_LATER, TFTP_READ_FAILED };

/** The content is taken over. */
void tftp_read_open(struct tftp_read *reading, struct loop *loop, struct boot_content *content,
                    void (*ready)(struct tftp_read *reading));

/** Not while busy. */
void tftp_read_close(struct tftp_read *reading);

/** Exactly size bytes (at most TFTP_SESSION_WINDOW_BYTES) at offset; LATER: ready() will say. */
enum tftp_read_result tftp_read_at(struct tftp_read *reading, uint64_t offset, void *bytes,
                                   size_t size);

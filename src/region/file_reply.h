/*
 * Replies that are files with a known SHA-256: whole or in part, with that as ETag. Pool threads.
 * Source: RFC 9110 13, 14.
 */
#pragma once

#include "src/region/api.h"

struct file_reply {
    uint64_t size;
    const char *sha256; /* NULL: a JSON document that may change at any time */
};

/** The client has it already: then there is no need to open it. */
bool file_reply_unchanged(const struct api_request *request, const struct file_reply *file);

/** The reply takes fd over; -1 for what is unchanged. */
enum error_code file_reply_send(struct api_request *request, struct api_reply *reply,
                                const struct file_reply *file, int fd);

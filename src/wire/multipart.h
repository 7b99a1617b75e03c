/*
 * Builds multipart/form-data bodies (RFC 7578): raw parts, one boundary. One thread.
 */
#pragma once

#include "src/base/spool.h"

struct multipart {
    struct spool body; /* what http_client_request.spool takes, once finished */
    char content_type[96];
    char boundary[48];
};

void multipart_init(struct multipart *multipart);
void multipart_close(struct multipart *multipart);

/** A text field; a file part (content_type NULL = application/octet-stream). Names are quoted. */
void multipart_text(struct multipart *multipart, const char *name, const char *value);
struct multipart_file {
    const char *name, *filename, *content_type;
    const void *bytes;
    size_t size;
};
void multipart_file(struct multipart *multipart, const struct multipart_file *file);

/** End the body. Errors: IO when it could not be kept (full disk). */
enum error_code multipart_finish(struct multipart *multipart, struct error *err);

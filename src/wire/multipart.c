/* multipart/form-data: see multipart.h. */
#include "src/wire/multipart.h"

#include <stdio.h>
#include <string.h>

#include "src/wire/digest.h"

enum { BOUNDARY_LETTERS = 32 };

void multipart_init(struct multipart *multipart)
{
    char letters[BOUNDARY_LETTERS + 1];
    digest_random_text(letters, BOUNDARY_LETTERS); /* 190 bits: no part holds it by chance */
    spool_init(&multipart->body);
    snprintf(multipart->boundary, sizeof(multipart->boundary), "gantry-%s", letters);
    snprintf(multipart->content_type, sizeof(multipart->content_type),
             "multipart/form-data; boundary=%s", multipart->boundary);
}

void multipart_close(struct multipart *multipart)
{
    spool_close(&multipart->body);
}

/* RFC 7578 section 2 with the encoding that browsers use for what would end the name. */
static void put_quoted(struct spool *body, const char *text)
{
    spool_text(body, "\"");
    for (; *text; text++) {
        if (*text == '"')
            spool_text(body, "%22");
        else if (*text == '\r')
            spool_text(body, "%0D");
        else if (*text == '\n')
            spool_text(body, "%0A");
        else
            spool_put(body, text, 1);
    }
    spool_text(body, "\"");
}

static void open_part(struct multipart *multipart, const char *name)
{
    spool_printf(&multipart->body,
                 "--%s\r\nContent-Disposition: form-data; name=", multipart->boundary);
    put_quoted(&multipart->body, name);
}

void multipart_text(struct multipart *multipart, const char *name, const char *value)
{
    open_part(multipart, name);
    spool_text(&multipart->body, "\r\n\r\n");
    spool_text(&multipart->body, value);
    spool_text(&multipart->body, "\r\n");
}

void multipart_file(struct multipart *multipart, const struct multipart_file *file)
{
    open_part(multipart, file->name);
    spool_text(&multipart->body, "; filename=");
    put_quoted(&multipart->body, file->filename);
    spool_printf(&multipart->body, "\r\nContent-Type: %s\r\n\r\n",
                 file->content_type ? file->content_type : "application/octet-stream");
    spool_put(&multipart->body, file->bytes, file->size);
    spool_text(&multipart->body, "\r\n");
}

enum error_code multipart_finish(struct multipart *multipart, struct error *err)
{
    spool_printf(&multipart->body, "--%s--\r\n", multipart->boundary);
    return spool_finish(&multipart->body, err);
}

/* What a handler answers: see api.h. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/region/api.h"
#include "src/region/api_reply.h"

struct field_message {
    struct field_message *next;
    const char *field, *text;
};

struct api_field_errors {
    struct field_message *first;
};

void api_reply_begin(struct api_reply *reply, struct arena *arena)
{
    if (reply->file_fd >= 0)
        close(reply->file_fd);
    spool_reset(&reply->body);
    reply->status = 200;
    reply->content_type = NULL;
    reply->json_open = false;
    reply->file_fd = -1;
    reply->file_offset = reply->file_size = 0;
    reply->headers_count = 0;
    reply->field_errors = NULL;
    reply->arena = arena;
}

void api_reply_end(struct api_reply *reply)
{
    if (reply->json_open)
        json_out_end(&reply->json);
    reply->json_open = false;
}

struct json_out *api_reply_json(struct api_reply *reply)
{
    spool_reset(&reply->body);
    if (!reply->content_type)
        reply->content_type = "application/json; charset=utf-8";
    json_out_init(&reply->json, &reply->body);
    reply->json_open = true;
    return &reply->json;
}

void api_reply_text(struct api_reply *reply, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(reply->arena, format, args);
    va_end(args);
    reply->status = status;
    api_reply_bytes(reply, "text/plain; charset=utf-8", text, strlen(text));
}

void api_reply_bytes(struct api_reply *reply, const char *content_type, const void *bytes,
                     size_t size)
{
    spool_reset(&reply->body);
    reply->json_open = false;
    reply->content_type = content_type;
    spool_put(&reply->body, bytes, size);
}

void api_reply_file(struct api_reply *reply, int fd, uint64_t offset, uint64_t size)
{
    if (reply->file_fd >= 0)
        close(reply->file_fd);
    reply->file_fd = fd;
    reply->file_offset = offset;
    reply->file_size = size;
}

void api_reply_empty(struct api_reply *reply, int status)
{
    spool_reset(&reply->body);
    reply->json_open = false;
    reply->content_type = "text/plain; charset=utf-8"; /* as MAAS: its CLI reads it always */
    reply->status = status;
}

void api_reply_header(struct api_reply *reply, const char *name, const char *value)
{
    ASSERT(reply->headers_count < (int)COUNT_OF(reply->headers));
    reply->headers[reply->headers_count][0] = name;
    reply->headers[reply->headers_count++][1] = arena_strdup(reply->arena, value);
}

void api_field_error(struct api_reply *reply, const char *field, const char *format, ...)
{
    struct field_message *message = ARENA_NEW(reply->arena, struct field_message), **at;
    va_list args;
    va_start(args, format);
    message->text = arena_vprintf(reply->arena, format, args);
    va_end(args);
    message->field = arena_strdup(reply->arena, field);
    if (!reply->field_errors)
        reply->field_errors = ARENA_NEW(reply->arena, struct api_field_errors);
    for (at = &reply->field_errors->first; *at; at = &(*at)->next)
        ;
    *at = message;
}

enum error_code api_fields_valid(struct api_reply *reply, struct error *err)
{
    if (!reply->field_errors)
        return ERR_OK;
    const struct field_message *first = reply->field_errors->first;
    return error_set(err, ERR_BAD_INPUT, "%s: %s", first->field, first->text);
}

/* {"field": ["message", ...]}: one list per field, in the order of first mention. */
static void render_field_errors(struct api_reply *reply)
{
    struct field_message *first = reply->field_errors->first;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    for (struct field_message *one = first; one; one = one->next) {
        bool seen = false;
        for (struct field_message *before = first; before != one; before = before->next)
            seen = seen || !strcmp(before->field, one->field);
        if (seen)
            continue;
        json_out_open_list(out, one->field);
        for (struct field_message *same = one; same; same = same->next)
            if (!strcmp(same->field, one->field))
                json_out_text(out, NULL, same->text);
        json_out_close_list(out);
    }
    json_out_close_object(out);
    api_reply_end(reply);
}

/* Texts of our own are for the client; those of the database and of bugs are for the log. */
static const char *public_text(const struct error *err)
{
    bool internal = err->code == ERR_INTERNAL || err->code == ERR_IO || err->code == ERR_CORRUPT;
    bool database = strstr(err->text, "database: ") != NULL;
    if (!internal && !database)
        return err->text;
    switch (err->code) {
    case ERR_CONFLICT:
        return "The request conflicts with what is stored.";
    case ERR_BAD_INPUT:
        return "A value is malformed or out of range.";
    case ERR_BUSY:
        return "The request met another one; try again.";
    case ERR_LIMIT:
    case ERR_UNAVAILABLE:
    case ERR_UNKNOWN_OUTCOME:
        return "The database is unavailable; try again.";
    default:
        return "Internal error: the log of this region tells more.";
    }
}

void api_reply_error(struct api_reply *reply, const struct error *err)
{
    struct api_field_errors *fields = err->code == ERR_BAD_INPUT ? reply->field_errors : NULL;
    api_reply_begin(reply, reply->arena);
    reply->field_errors = fields;
    if (fields) {
        render_field_errors(reply);
        reply->status = 400;
        return;
    }
    api_reply_text(reply, error_http_status(err->code), "%s", public_text(err));
    if (err->code == ERR_UNAUTHORIZED)
        api_reply_header(reply, "WWW-Authenticate", "OAuth realm=\"OAuth\"");
    if (err->code == ERR_BUSY)
        api_reply_header(reply, "Retry-After", "5");
    if (error_http_status(err->code) == 503)
        api_reply_header(reply, "Retry-After", "10");
}

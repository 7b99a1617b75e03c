/* Replies that are files: see file_reply.h. */
#include "src/region/file_reply.h"

#include <string.h>
#include <unistd.h>

#include "src/wire/http_range.h"

bool file_reply_unchanged(const struct api_request *request, const struct file_reply *file)
{
    const char *seen = api_header(request, "If-None-Match");
    return file->sha256 && seen && strstr(seen, file->sha256);
}

static void send_part(struct api_request *request, struct api_reply *reply,
                      const struct file_reply *file, int fd)
{
    uint64_t first = 0, last = 0;
    const char *if_range = api_header(request, "If-Range");
    bool same = !if_range || (file->sha256 && strstr(if_range, file->sha256));
    enum http_range range =
        http_range_read(same ? api_header(request, "Range") : NULL, file->size, &first, &last);
    if (range == HTTP_RANGE_BAD) {
        close(fd);
        api_reply_empty(reply, 416);
        api_reply_header(
            reply, "Content-Range",
            arena_printf(request->arena, "bytes */%llu", (unsigned long long)file->size));
        return;
    }
    if (range == HTTP_RANGE_NONE) {
        api_reply_file(reply, fd, 0, file->size);
        return;
    }
    reply->status = 206;
    api_reply_file(reply, fd, first, last - first + 1);
    api_reply_header(reply, "Content-Range",
                     arena_printf(request->arena, "bytes %llu-%llu/%llu", (unsigned long long)first,
                                  (unsigned long long)last, (unsigned long long)file->size));
}

enum error_code file_reply_send(struct api_request *request, struct api_reply *reply,
                                const struct file_reply *file, int fd)
{
    if (fd < 0)
        api_reply_empty(reply, 304);
    else
        send_part(request, reply, file, fd);
    if (file->sha256)
        api_reply_header(reply, "ETag", arena_printf(request->arena, "\"%s\"", file->sha256));
    api_reply_header(reply, "Accept-Ranges", "bytes");
    reply->content_type = file->sha256 ? "application/octet-stream" : "application/json";
    return ERR_OK;
}

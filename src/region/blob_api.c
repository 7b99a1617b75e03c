/*
 * Bytes by their SHA-256, below /blobs/: whoever knows the name may have them. Needs no database.
 * Source: docs/images.md.
 */
#include <unistd.h>

#include "src/region/blob_files.h"
#include "src/region/file_reply.h"
#include "src/region/http.h"
#include "src/region/routes.h"

enum error_code page_blob(struct api_request *request, struct api_reply *reply, struct error *err)
{
    const char *folder = http_settings(request->http)->blobs;
    const struct route_match *route = request->route;
    const char *sha256 = route->rest_count == 1 ? route->rest[0] : "";
    int fd = -1;
    int64_t size = 0;
    enum error_code code = ERR_NOT_FOUND;
    if (folder && blob_files_name(sha256))
        code = blob_files_open(folder, sha256, &fd, &size, err);
    if (code == ERR_NOT_FOUND)
        return error_set(err, ERR_NOT_FOUND, "This region does not keep %.80s", sha256);
    struct file_reply file = {.size = (uint64_t)size, .sha256 = sha256};
    if (!code && file_reply_unchanged(request, &file)) {
        close(fd);
        fd = -1;
    }
    return code ? code : file_reply_send(request, reply, &file, fd);
}

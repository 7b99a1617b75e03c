/* Bytes by their SHA-256: see blob_fetch.h. Source: RFC 9110 14. */
#include "src/wire/blob_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/wire/digest.h"

enum { COPY_BYTES = 1 << 16 };

/* On its way. */
struct arrival {
    const struct blob_fetch *fetch;
    int fd;
    uint64_t size; /* so far */
    struct digest_stream *digest;
};

static enum error_code take(void *subject, const void *bytes, size_t size, struct error *err)
{
    struct arrival *arrival = subject;
    const struct blob_fetch *fetch = arrival->fetch;
    digest_stream_put(arrival->digest, bytes, size);
    for (const char *at = bytes; size;) {
        ssize_t n = write(arrival->fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_errno(err, "write");
        at += n;
        size -= (size_t)n;
        arrival->size += (uint64_t)n;
    }
    if (fetch->goes_on && !fetch->goes_on(fetch->subject, arrival->size))
        return error_set(err, ERR_GONE, "given up");
    return ERR_OK;
}

static enum error_code start_over(struct arrival *arrival, struct error *err)
{
    digest_stream_free(arrival->digest);
    arrival->digest = digest_stream_new();
    arrival->size = 0;
    if (ftruncate(arrival->fd, 0) || lseek(arrival->fd, 0, SEEK_SET))
        return error_errno(err, "truncate");
    return ERR_OK;
}

/* What an earlier attempt left is read once more: for the digest, and because it may be damaged. */
static enum error_code begin(struct arrival *arrival, const char *path, struct error *err)
{
    char bytes[COPY_BYTES];
    ssize_t n;
    arrival->digest = digest_stream_new();
    arrival->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (arrival->fd < 0)
        return error_errno(err, "%s", path);
    while ((n = read(arrival->fd, bytes, sizeof(bytes))) > 0) {
        digest_stream_put(arrival->digest, bytes, (size_t)n);
        arrival->size += (uint64_t)n;
    }
    if (n < 0 || arrival->size > arrival->fetch->size)
        return start_over(arrival, err);
    return ERR_OK;
}

/* The bytes that are missing. A server that sends all of them nevertheless exceeds the limit. */
static enum error_code receive(struct http_client *client, struct arrival *arrival,
                               struct error *err)
{
    const struct blob_fetch *fetch = arrival->fetch;
    struct arena *arena = arena_new();
    const char *const headers[] = {
        arena_printf(arena, "Range: bytes=%llu-", (unsigned long long)arrival->size),
        arena_printf(arena, "If-Range: \"%s\"", fetch->sha256)};
    int headers_count = arrival->size ? 1 + fetch->ours : 0;
    struct http_client_request request = {.url = fetch->url,
                                          .headers = headers,
                                          .headers_count = headers_count,
                                          .tls = fetch->tls,
                                          .proxy = fetch->proxy,
                                          .connect_timeout_ms = fetch->connect_timeout_ms,
                                          .stall_s = fetch->stall_s,
                                          .dead_s = fetch->dead_s,
                                          .reply_limit = fetch->size - arrival->size,
                                          .sink = take,
                                          .subject = arrival,
                                          .follow = !fetch->ours};
    struct http_client_reply reply;
    enum error_code code = http_client_run(client, &request, arena, &reply, err);
    code = code ? code : http_client_expect(&reply, fetch->url, err);
    if (!code && arrival->size != fetch->size)
        code = error_set(err, ERR_CORRUPT, "%s: %llu bytes instead of %llu", fetch->url,
                         (unsigned long long)arrival->size, (unsigned long long)fetch->size);
    arena_free(arena);
    return code;
}

static enum error_code settle(struct arrival *arrival, const char *part, const char *path,
                              struct error *err)
{
    char found[DIGEST_TEXT];
    digest_stream_finish(arrival->digest, found);
    arrival->digest = NULL;
    if (strcmp(found, arrival->fetch->sha256) != 0)
        return error_set(err, ERR_CORRUPT, "%s: its SHA-256 is %s, expected was %s",
                         arrival->fetch->url, found, arrival->fetch->sha256);
    if (fsync(arrival->fd) || rename(part, path))
        return error_errno(err, "%s", path);
    return ERR_OK;
}

enum error_code blob_fetch_run(struct http_client *client, const struct blob_fetch *fetch,
                               const char *folder, struct error *err)
{
    char part[LIMIT_PATH], path[LIMIT_PATH];
    struct arrival arrival = {.fetch = fetch, .fd = -1};
    snprintf(path, sizeof(path), "%s/%s", folder, fetch->sha256);
    snprintf(part, sizeof(part), "%s/%s.part", folder, fetch->sha256);
    enum error_code code = begin(&arrival, part, err);
    if (!code && (arrival.size < fetch->size || !fetch->size))
        code = receive(client, &arrival, err);
    if (!code)
        code = settle(&arrival, part, path, err);
    if (!code)
        code = file_sync_name(path, err);
    if (code == ERR_CORRUPT || code == ERR_TOO_LARGE) /* nothing of it can be trusted */
        unlink(part);
    file_close_fd(&arrival.fd);
    digest_stream_free(arrival.digest);
    return code;
}

/* Images on their way to the disk: see image_write.h. Source: RFC 9110 14 (ranges). */
#include "src/agent/image_write.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/wire/digest.h"

enum { PIPE_BYTES = 1 << 20, PROGRAMS = 3, SAY_S = 5, UNPACK_S = 3600 };
enum { FIRST_PAUSE_MS = 500, LONGEST_PAUSE_MS = 8000, STALL_S = 15 };

#define SQUASHFS_NAME ".gantry-image.squashfs"

struct stream {
    const struct task_image *image;
    int fd; /* where the bytes go: a pipe to the first program, a device, or a file */
    struct {
        pid_t pid;
        const char *name;
    } programs[PROGRAMS];
    int programs_count;
    struct digest_stream *digest;
    uint64_t done_bytes, start_ns, said_ns;
};

/* The other end of a new pipe becomes stream->fd. */
static enum error_code make_pipe(struct stream *stream, int *in, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return error_errno(err, "pipe");
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* only speed hangs on it */
    *in = ends[0];
    stream->fd = ends[1];
    return ERR_OK;
}

/* Put a program before out, which becomes its own; the stream then writes to the program. */
static enum error_code put_before(struct stream *stream, const char *const *argv, int out,
                                  struct error *err)
{
    int in = -1;
    pid_t pid = -1;
    enum error_code code = make_pipe(stream, &in, err);
    if (!code)
        code = tool_start(argv, in, out, &pid, err);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (code)
        return code;
    stream->programs[stream->programs_count].pid = pid;
    stream->programs[stream->programs_count++].name = argv[0];
    return ERR_OK;
}

/* Past the page cache: it would be filled with what nobody reads, and emptied page by page. */
static enum error_code write_directly(struct stream *stream, struct error *err)
{
    struct stat device;
    if (fstat(stream->fd, &device))
        return error_errno(err, "look at the disk");
    if (!S_ISBLK(device.st_mode)) /* a file in memory */
        return ERR_OK;
    return put_before(stream,
                      TOOL_ARGV("/usr/bin/dd", "bs=1M", "iflag=fullblock", "oflag=direct",
                                "conv=fsync", "status=none"),
                      stream->fd, err);
}

static enum error_code open_stream(struct stream *stream, const struct image_place *place,
                                   struct tool_log *log, struct error *err)
{
    const struct image_form *form = stream->image->form;
    enum error_code code = ERR_OK;
    if (form->kind == IMAGE_TAR) {
        code = put_before(stream,
                          TOOL_ARGV("/usr/bin/tar", "-xp", "--numeric-owner", "--xattrs",
                                    "--xattrs-include=*", "-C", place->folder),
                          -1, err);
    } else {
        bool to_device = form->kind != IMAGE_SQUASHFS;
        const char *path = to_device ? place->device
                                     : arena_printf(log->arena, "%s/" SQUASHFS_NAME, place->folder);
        int flags = to_device ? 0 : O_CREAT | O_EXCL | O_NOFOLLOW;
        stream->fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
        if (stream->fd < 0)
            code = error_errno(err, "%s", path);
        else if (to_device)
            code = write_directly(stream, err);
    }
    if (!code && form->in_tar)
        code = put_before(stream, TOOL_ARGV("/usr/bin/tar", "-xO"), stream->fd, err);
    if (!code && form->decoder)
        code = put_before(stream, TOOL_ARGV(form->decoder, "-dc"), stream->fd, err);
    return code;
}

static enum error_code put_all(int fd, const char *bytes, size_t size, struct error *err)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_errno(err, "write the image");
        bytes += n;
        size -= (size_t)n;
    }
    return ERR_OK;
}

static enum error_code take_piece(void *subject, const void *bytes, size_t size, struct error *err)
{
    struct stream *stream = subject;
    if (size > stream->image->size_bytes - stream->done_bytes)
        return error_set(err, ERR_CORRUPT, "the image is larger than the task says");
    enum error_code code = put_all(stream->fd, bytes, size, err);
    if (code)
        return code;
    digest_stream_put(stream->digest, bytes, size);
    stream->done_bytes += size;
    uint64_t now = clock_boot_ns();
    if (now - stream->said_ns >= SAY_S * CLOCK_S) {
        stream->said_ns = now;
        log_info("image: %llu of %llu MiB", (unsigned long long)stream->done_bytes >> 20,
                 (unsigned long long)stream->image->size_bytes >> 20);
    }
    return ERR_OK;
}

/* The rest of the image from one rack. */
static enum error_code fetch_rest(struct talk *talk, struct stream *stream, const char *url,
                                  struct error *err)
{
    const char *range =
        arena_printf(talk->arena, "Range: bytes=%llu-", (unsigned long long)stream->done_bytes);
    bool resumed = stream->done_bytes > 0;
    struct http_client_request request = {
        .url = url,
        .headers = &range,
        .headers_count = resumed,
        .reply_limit = stream->image->size_bytes + 1,
        .stall_s = STALL_S, /* a rack whose programs stand still says nothing */
        .dead_s = TALK_DEAD_S,
        .sink = take_piece,
        .subject = stream,
    };
    struct http_client_reply reply;
    char shown[HTTP_CLIENT_SHOWN];
    uint64_t before = stream->done_bytes;
    enum error_code code = http_client_run(talk->client, &request, talk->arena, &reply, err);
    if (!code)
        code = http_client_expect(&reply, url, err);
    if (!code && resumed && reply.status != 206)
        return error_set(err, ERR_CORRUPT, "%s: cannot go on at byte %llu",
                         http_client_show(url, shown), (unsigned long long)before);
    if (!code && stream->done_bytes < stream->image->size_bytes)
        code = error_set(err, ERR_UNAVAILABLE, "%s: ended too early", http_client_show(url, shown));
    return code;
}

static enum error_code fetch(struct talk *talk, struct stream *stream, const char *base,
                             struct error *err)
{
    const char *url = arena_printf(talk->arena, "%s%s", base, stream->image->path);
    uint64_t pause = FIRST_PAUSE_MS;
    for (int tries = 0; stream->done_bytes < stream->image->size_bytes; tries++) {
        uint64_t before = stream->done_bytes;
        const char *at = talk_try(talk, url, tries);
        enum error_code code = fetch_rest(talk, stream, at, err);
        if (!code) {
            talk_answered(talk, at);
            break;
        }
        if (!error_retryable(code) || clock_boot_ns() >= talk->deadline_ns)
            return code;
        log_warning("%s; going on in %.1f s", err->text, (double)pause / 1000);
        talk_pause(pause);
        pause = stream->done_bytes > before ? FIRST_PAUSE_MS
                : pause < LONGEST_PAUSE_MS  ? pause * 2
                                            : pause;
    }
    char sha256[DIGEST_TEXT];
    digest_stream_finish(stream->digest, sha256);
    stream->digest = NULL;
    if (!strcmp(sha256, stream->image->sha256))
        return ERR_OK;
    return error_set(err, ERR_CORRUPT, "the image is not what the region means: its SHA-256 is %s",
                     sha256);
}

/* The first error counts; programs end because their input does. */
static enum error_code close_stream(struct stream *stream, enum error_code failed,
                                    struct error *err)
{
    struct error later;
    if (stream->fd >= 0 && !stream->programs_count && !failed && fsync(stream->fd))
        failed = error_errno(err, "write the image");
    file_close_fd(&stream->fd);
    for (int i = stream->programs_count - 1; i >= 0; i--) {
        enum error_code code = tool_wait(stream->programs[i].pid, stream->programs[i].name, &later);
        bool cause = code && (!failed || failed == ERR_IO); /* our write failed as it was gone */
        if (!cause)
            continue;
        failed = code;
        *err = later;
    }
    digest_stream_free(stream->digest);
    return failed;
}

static enum error_code unpack_squashfs(const char *folder, struct tool_log *log, struct error *err)
{
    const char *path = arena_printf(log->arena, "%s/" SQUASHFS_NAME, folder);
    enum error_code code = tool_run(
        log, TOOL_ARGV("/usr/bin/unsquashfs", "-f", "-n", "-q", "-d", folder, path), UNPACK_S, err);
    if (unlink(path) && !code)
        code = error_errno(err, "%s", path);
    return code;
}

enum error_code image_write(struct talk *talk, const struct task_image *image,
                            const struct image_place *place, struct tool_log *log,
                            struct error *err)
{
    const char *base = talk_rack_base(talk->cmdline, talk->arena);
    if (!base)
        return error_set(err, ERR_BAD_INPUT,
                         "no root=squash:URL on the kernel's command line: no rack to fetch from");
    struct stream stream = {.image = image,
                            .fd = -1,
                            .digest = digest_stream_new(),
                            .start_ns = clock_boot_ns(),
                            .said_ns = clock_boot_ns()};
    signal(SIGPIPE, SIG_IGN); /* a program that ended is an error of write(2) */
    enum error_code code = open_stream(&stream, place, log, err);
    if (!code)
        code = fetch(talk, &stream, base, err);
    code = close_stream(&stream, code, err);
    if (!code && image->form->kind == IMAGE_SQUASHFS)
        code = unpack_squashfs(place->folder, log, err);
    if (!code)
        tool_note(log, "image %s: %llu MiB in %.1f s", image->path,
                  (unsigned long long)image->size_bytes >> 20,
                  (double)(clock_boot_ns() - stream.start_ns) / 1e9);
    return code;
}

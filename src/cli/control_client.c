/* Asks the regiond of this host over its control socket: see control_client.h. */
#include "src/cli/control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/model/control_command.h"

static enum error_code cannot_reach(const char *path, int number, struct error *err)
{
    if (number == EACCES || number == EPERM)
        return error_set(err, ERR_FORBIDDEN,
                         "%s: not allowed; run this as root or as a member of group gantry", path);
    return error_set(err, ERR_UNAVAILABLE,
                     "%s: %s; is gantry-regiond running on this host? Look at its log, or name "
                     "another socket with --socket",
                     path, strerror(number));
}

static enum error_code reach(const char *path, int *fd, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ERR_BAD_INPUT, "%.150s: a socket's path has at most %zu characters",
                         path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return error_errno(err, "make a socket");
    if (connect(*fd, (struct sockaddr *)&address, sizeof(address)))
        return cannot_reach(path, errno, err);
    return ERR_OK;
}

static enum error_code send_request(int fd, json_t *request, struct error *err)
{
    char *text = json_dumps(request, JSON_COMPACT);
    ASSERT(text);
    size_t size = strlen(text);
    text[size] = '\n'; /* in place of the NUL: the line as it goes out */
    enum error_code code = ERR_OK;
    for (size_t sent = 0; !code && sent < size + 1;) {
        ssize_t n = send(fd, text + sent, size + 1 - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            code = error_set(err, ERR_UNAVAILABLE, "regiond went away: %s", strerror(errno));
        else
            sent += (size_t)n;
    }
    free(text);
    return code;
}

static enum error_code refused(json_t *line, struct error *err)
{
    const char *name = json_string_value(json_object_get(line, "error"));
    const char *message = json_string_value(json_object_get(line, "message"));
    return error_set(err, error_named(name), "%s",
                     message ? message : "refused, without saying why");
}

/** One line of the reply: *last says whether it was the last. */
static enum error_code take_line(const char *text, size_t size, void (*progress)(const char *text),
                                 json_t **last, struct error *err)
{
    json_t *line = json_loadb(text, size, 0, NULL);
    const char *step = json_string_value(json_object_get(line, "progress"));
    json_t *ok = json_object_get(line, "ok");
    enum error_code code = ERR_OK;
    if (step) {
        if (progress)
            progress(step);
    } else if (json_is_true(ok)) {
        *last = json_incref(line);
    } else if (json_is_false(ok)) {
        code = refused(line, err);
    } else {
        code = error_set(err, ERR_CORRUPT,
                         "regiond answered something else than was agreed; are "
                         "it and this program of the same version?");
    }
    json_decref(line);
    return code;
}

static enum error_code read_reply(int fd, char *buffer, void (*progress)(const char *text),
                                  json_t **reply, struct error *err)
{
    size_t used = 0;
    for (;;) {
        char *end;
        while ((end = memchr(buffer, '\n', used))) {
            size_t size = (size_t)(end - buffer);
            enum error_code code = take_line(buffer, size, progress, reply, err);
            if (code || *reply)
                return code;
            used -= size + 1;
            memmove(buffer, end + 1, used);
        }
        if (used == CONTROL_LINE_BYTES)
            return error_set(err, ERR_CORRUPT, "regiond answered a line that is too long");
        ssize_t n = recv(fd, buffer + used, CONTROL_LINE_BYTES - used, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(err, ERR_UNAVAILABLE,
                             "regiond went away before it answered; its log says why");
        used += (size_t)n;
    }
}

enum error_code control_client_ask(struct cli *cli, json_t *request,
                                   void (*progress)(const char *text), json_t **reply,
                                   struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int fd = -1;
    *reply = NULL;
    enum error_code code = reach(cli->socket, &fd, err);
    if (!code)
        code = send_request(fd, request, err);
    if (!code)
        code = read_reply(fd, arena_alloc(cli->arena, CONTROL_LINE_BYTES), progress, reply, err);
    json_decref(request);
    return code;
}

/* The local control socket: see control_socket.h. */
#include "src/region/control_socket.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/model/control_command.h"

enum { CALLS_MAX = 16, BACKLOG = 16, PATIENCE_S = 10, REQUEST_BYTES = 64 << 10 };

static const struct {
    const char *name;
    control_function *function;
} functions[] = {
    {"status", status_control_run},
    {"cluster init", cluster_init_run},
    {"cluster token create", token_control_run},
    {"primary show", primary_control_show},
    {"primary switchover", primary_control_switchover},
    {"vip list", vip_control_list},
    {"vip add", vip_control_add},
    {"vip move", vip_control_move},
    {"vip remove", vip_control_remove},
    {"cluster remove", remove_control_run},
    {"rack remove", rack_remove_control_run},
};

static struct {
    struct region *region;
    int fd;
    atomic_int calls;
} control;

static void say(int fd, json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    ASSERT(text);
    size_t size = strlen(text) + 1, sent = 0;
    text[size - 1] = '\n';
    while (sent < size) {
        ssize_t n = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* who asked is gone: what was begun goes on */
        sent += (size_t)n;
    }
    free(text);
    json_decref(line);
}

const char *control_call_param(const struct control_call *call, const char *name)
{
    return json_string_value(json_object_get(call->request, name));
}

void control_call_progress(const struct control_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(call->arena, format, args);
    va_end(args);
    log_info("%s: %s", control_call_param(call, "command"), text);
    say(call->fd, json_pack("{ss}", "progress", text));
}

/* ":param NAME:" stands in the command's text. */
static bool is_param(const struct control_command *command, const char *name)
{
    char mark[96];
    int n = snprintf(mark, sizeof(mark), ":param %s:", name);
    return n < (int)sizeof(mark) && strstr(command->doc, mark);
}

static enum error_code check(struct control_call *call, control_function **function,
                             struct error *err)
{
    const char *key, *name = control_call_param(call, "command");
    const struct control_command *command = name ? control_command_find(name) : NULL;
    json_t *value;
    if (!command)
        return error_set(err, ERR_BAD_INPUT, "no such command: %.100s", name ? name : "(none)");
    json_object_foreach (call->request, key, value) {
        if (!json_is_string(value) || (strcmp(key, "command") && !is_param(command, key)))
            return error_set(err, ERR_BAD_INPUT, "%s: unknown parameter %.60s", name, key);
    }
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        if (!strcmp(functions[i].name, name))
            *function = functions[i].function;
    ASSERT(*function); /* each row of control_commands.def has its function */
    return ERR_OK;
}

/* The one line of the request. */
static enum error_code take_request(struct control_call *call, struct error *err)
{
    char *text = arena_alloc(call->arena, REQUEST_BYTES), *end = NULL;
    size_t used = 0;
    while (!(end = memchr(text, '\n', used))) {
        if (used == REQUEST_BYTES)
            return error_set(err, ERR_TOO_LARGE, "the request is too long");
        ssize_t n = recv(call->fd, text + used, REQUEST_BYTES - used, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(err, ERR_TIMEOUT, "the request did not come whole");
        used += (size_t)n;
    }
    call->request = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(call->request))
        return error_set(err, ERR_BAD_INPUT, "the request is no JSON object");
    return ERR_OK;
}

static void *answer(void *subject)
{
    struct control_call call = {
        .region = control.region, .arena = arena_new(), .fd = (int)(intptr_t)subject};
    control_function *function = NULL;
    struct error err = {0};
    json_t *reply = json_pack("{sb}", "ok", 1);
    enum error_code code = take_request(&call, &err);
    code = code ? code : check(&call, &function, &err);
    code = code ? code : function(&call, reply, &err);
    if (code) {
        json_decref(reply);
        reply = json_pack("{sb ss ss}", "ok", 0, "error", error_name(code), "message", err.text);
        log_warning("control: %s", err.text);
    }
    ASSERT(reply);
    say(call.fd, reply);
    close(call.fd);
    json_decref(call.request);
    arena_free(call.arena);
    atomic_fetch_sub(&control.calls, 1);
    return NULL;
}

static void *accept_calls(void *subject)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    (void)subject;
    for (;;) {
        int fd = accept4(control.fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE)
                usleep(10000);
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (atomic_fetch_add(&control.calls, 1) >= CALLS_MAX ||
            pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd)) {
            atomic_fetch_sub(&control.calls, 1);
            say(fd, json_pack("{sb ss ss}", "ok", 0, "error", error_name(ERR_LIMIT), "message",
                              "too many commands at once"));
            close(fd);
            continue;
        }
        pthread_detach(thread);
    }
    return NULL;
}

enum error_code control_socket_open(struct region *region, struct error *err)
{
    const char *path = region->paths.control_socket;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t thread;
    ASSERT(strlen(path) < sizeof(address.sun_path)); /* settings_read saw to it */
    memcpy(address.sun_path, path, strlen(path) + 1);
    control.region = region;
    control.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (control.fd < 0)
        return error_errno(err, "socket");
    if (connect(control.fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return error_set(err, ERR_CONFLICT, "%s: another gantry-regiond answers there", path);
    unlink(path);
    if (bind(control.fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0660) ||
        listen(control.fd, BACKLOG))
        return error_errno(err, "%s", path);
    int rv = pthread_create(&thread, NULL, accept_calls, NULL);
    ASSERT(rv == 0);
    pthread_detach(thread);
    return ERR_OK;
}

/*
 * HAProxy as a child: see haproxy.h. A changed configuration gets a new child on the same listening
 * sockets, and then the old one is told to end when it has answered what it was asked.
 */
#include "src/wire/haproxy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/op.h"

enum { RETRY_MS = 1000, RETIRE_MS = 500, STEADY_MS = 5000, PEM_BYTES = 65536 };

/* What it shall run with. */
struct wish {
    struct haproxy_socket sockets[HAPROXY_SOCKETS];
    int count;
    char *config;
};

/* A listening socket that fenced gave: kept, so that the next child goes on with it and no
 * connection is refused meanwhile. */
struct listening {
    struct haproxy_socket socket;
    int fd;
};

struct child {
    struct haproxy *haproxy;
    uv_process_t process;
    uint64_t started_ns;
    bool told; /* to end */
};

struct haproxy {
    struct loop *loop;
    struct fence_link *fence;
    struct haproxy_setup setup;
    struct wish wish; /* of what runs or is being started */
    struct listening listening[HAPROXY_SOCKETS];
    int listening_count;
    struct op op; /* a start in progress */
    uint64_t serial;
    struct child *child, *old; /* old: answers its last requests beside the new one */
    int handles;               /* of children that are not closed yet */
    struct loop_timer retire;  /* when the new one has taken over */
    bool timer_gone, closing;
    uint64_t wait_until_ns;
    struct error err;
    char problem[256], config_file[LIMIT_PATH], pem_file[LIMIT_PATH];
};

static void tell(struct child *child, int signal_number)
{
    if (!child || child->told)
        return;
    child->told = true;
    uv_process_kill(&child->process, signal_number);
}

static void on_retire(struct loop_timer *timer)
{
    struct haproxy *haproxy = container_of(timer, struct haproxy, retire);
    tell(haproxy->old, SIGUSR1); /* accepts no more, ends what it answers */
    haproxy->old = NULL;
}

struct haproxy *haproxy_new(struct loop *loop, struct fence_link *fence,
                            const struct haproxy_setup *setup)
{
    struct haproxy *haproxy = calloc(1, sizeof(*haproxy));
    ASSERT(haproxy);
    haproxy->loop = loop;
    haproxy->fence = fence;
    haproxy->setup = *setup;
    snprintf(haproxy->config_file, LIMIT_PATH, "%s/%s.cfg", setup->run_dir, setup->name);
    snprintf(haproxy->pem_file, LIMIT_PATH, "%s/%s.pem", setup->run_dir, setup->name);
    loop_timer_init(loop, &haproxy->retire, on_retire);
    return haproxy;
}

static bool same_socket(const struct haproxy_socket *a, const struct haproxy_socket *b)
{
    return a->port == b->port && !strcmp(a->address, b->address);
}

static int socket_for(const struct haproxy *haproxy, const struct haproxy_socket *socket)
{
    for (int i = 0; i < haproxy->listening_count; i++)
        if (same_socket(&haproxy->listening[i].socket, socket))
            return haproxy->listening[i].fd;
    return -1;
}

/* Those that nobody wishes any more. */
static void close_sockets(struct haproxy *haproxy)
{
    int kept = 0;
    for (int i = 0; i < haproxy->listening_count; i++) {
        struct listening listening = haproxy->listening[i];
        bool wanted = false;
        for (int k = 0; k < haproxy->wish.count; k++)
            wanted |= same_socket(&listening.socket, &haproxy->wish.sockets[k]);
        if (wanted)
            haproxy->listening[kept++] = listening;
        else
            close(listening.fd);
    }
    haproxy->listening_count = kept;
}

/* Gone, once neither a child nor a step of its start needs it. */
static void end_if_idle(struct haproxy *haproxy)
{
    if (haproxy->handles || op_busy(&haproxy->op) || !haproxy->timer_gone)
        return;
    haproxy->wish.count = 0;
    close_sockets(haproxy);
    free(haproxy->wish.config);
    free(haproxy);
}

static void on_timer_gone(struct loop_timer *timer)
{
    struct haproxy *haproxy = container_of(timer, struct haproxy, retire);
    haproxy->timer_gone = true;
    end_if_idle(haproxy);
}

static void on_closed(uv_handle_t *handle)
{
    struct child *child = container_of((uv_process_t *)handle, struct child, process);
    struct haproxy *haproxy = child->haproxy;
    free(child);
    haproxy->handles--;
    if (haproxy->closing)
        end_if_idle(haproxy);
    else
        haproxy->setup.changed(haproxy->setup.owner);
}

void haproxy_free(struct haproxy *haproxy)
{
    if (!haproxy)
        return;
    haproxy->closing = true;
    tell(haproxy->child, SIGKILL); /* its end closes the handle */
    tell(haproxy->old, SIGKILL);
    loop_timer_close(&haproxy->retire, on_timer_gone);
}

static void fail(struct haproxy *haproxy, const struct error *err)
{
    op_end(&haproxy->op, haproxy->serial);
    if (haproxy->closing) {
        end_if_idle(haproxy);
        return;
    }
    if (strcmp(haproxy->problem, err->text) != 0)
        log_error("HAProxy: %s", err->text);
    snprintf(haproxy->problem, sizeof(haproxy->problem), "%.255s", err->text);
    haproxy->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    free(haproxy->wish.config); /* what runs, if anything does, is not what was wished for */
    haproxy->wish.config = NULL;
    haproxy->setup.changed(haproxy->setup.owner);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct child *child = container_of(process, struct child, process);
    struct haproxy *haproxy = child->haproxy;
    bool current = haproxy->child == child;
    if (current)
        haproxy->child = NULL;
    else if (haproxy->old == child)
        haproxy->old = NULL;
    uv_close((uv_handle_t *)process, on_closed);
    if (haproxy->closing || child->told || !current)
        return;
    snprintf(haproxy->problem, sizeof(haproxy->problem),
             "HAProxy ended (exit %d, signal %d): its own words stand in the log before this",
             (int)status, signal_number);
    log_error("%s", haproxy->problem);
    /* One that ran well is started again at once: its sockets take what comes meanwhile. */
    uint64_t now_ns = clock_boot_ns();
    bool steady = now_ns - child->started_ns > STEADY_MS * CLOCK_MS;
    haproxy->wait_until_ns = steady ? 0 : now_ns + RETRY_MS * CLOCK_MS / 4;
}

static void spawn(struct haproxy *haproxy)
{
    const char *program = haproxy->setup.program;
    struct child *child = calloc(1, sizeof(*child));
    uv_stdio_container_t stdio[HAPROXY_FIRST_FD + HAPROXY_SOCKETS] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    ASSERT(child);
    for (int i = 0; i < haproxy->wish.count; i++) {
        stdio[HAPROXY_FIRST_FD + i].flags = UV_INHERIT_FD;
        stdio[HAPROXY_FIRST_FD + i].data.fd = socket_for(haproxy, &haproxy->wish.sockets[i]);
    }
    char *argv[] = {(char *)program, "-db", "-f", haproxy->config_file, NULL};
    uv_process_options_t options = {.exit_cb = on_process_exit,
                                    .file = program,
                                    .args = argv,
                                    .stdio = stdio,
                                    .stdio_count = HAPROXY_FIRST_FD + haproxy->wish.count};
    child->haproxy = haproxy;
    child->started_ns = clock_boot_ns();
    int rv = uv_spawn(&haproxy->loop->uv, &child->process, &options);
    haproxy->handles++;
    if (rv) {
        struct error err;
        uv_close((uv_handle_t *)&child->process, on_closed);
        error_set(&err, ERR_IO, "%s: %s", program, uv_strerror(rv));
        fail(haproxy, &err);
        return;
    }
    op_end(&haproxy->op, haproxy->serial);
    haproxy->old = haproxy->child;
    haproxy->child = child;
    if (haproxy->old)
        loop_timer_start(&haproxy->retire, RETIRE_MS, 0);
    haproxy->problem[0] = '\0';
    log_info("HAProxy runs with %d listening sockets", haproxy->wish.count);
    haproxy->setup.changed(haproxy->setup.owner);
}

/* Certificate and key in one file, as HAProxy wants them. */
static enum error_code write_pem(const struct haproxy *haproxy, struct arena *arena,
                                 struct error *err)
{
    char *certificate, *key;
    enum error_code code =
        file_read(arena, haproxy->setup.certificate_file, PEM_BYTES, &certificate, NULL, err);
    code = code ? code : file_read(arena, haproxy->setup.key_file, PEM_BYTES, &key, NULL, err);
    if (code)
        return code;
    const char *both = arena_printf(arena, "%s%s", certificate, key);
    return file_write(haproxy->pem_file, both, strlen(both), 0600, err);
}

static void prepare(void *subject)
{
    struct haproxy *haproxy = subject;
    struct arena *arena = arena_new();
    struct error *err = &haproxy->err;
    const char *config = haproxy->wish.config;
    enum error_code code = write_pem(haproxy, arena, err);
    code = code ? code : file_write(haproxy->config_file, config, strlen(config), 0600, err);
    if (!code && access(haproxy->setup.program, X_OK))
        code = error_set(err, ERR_NOT_FOUND,
                         "%s is missing: install HAProxy, or say in the configuration where it is",
                         haproxy->setup.program);
    if (!code)
        err->code = ERR_OK;
    arena_free(arena);
}

static void prepared(void *subject)
{
    struct haproxy *haproxy = subject;
    if (haproxy->err.code || haproxy->closing)
        fail(haproxy, &haproxy->err);
    else
        spawn(haproxy);
}

static void open_next(struct haproxy *haproxy);

static void on_socket(void *subject, const struct fence_reply *reply, int fd)
{
    struct haproxy *haproxy = subject;
    if (reply->code || fd < 0) {
        struct error err;
        error_set(&err, reply->code ? (enum error_code)reply->code : ERR_IO, "%s", reply->text);
        fail(haproxy, &err);
        return;
    }
    for (int i = 0; i < haproxy->wish.count; i++) {
        const struct haproxy_socket *socket = &haproxy->wish.sockets[i];
        if (socket_for(haproxy, socket) >= 0)
            continue;
        haproxy->listening[haproxy->listening_count++] = (struct listening){*socket, fd};
        break;
    }
    open_next(haproxy);
}

/* The first that is not open yet; with all of them the child is started. */
static void open_next(struct haproxy *haproxy)
{
    struct fence_request request = {.type = FENCE_LISTEN};
    int at = 0;
    while (at < haproxy->wish.count && socket_for(haproxy, &haproxy->wish.sockets[at]) >= 0)
        at++;
    if (at == haproxy->wish.count || haproxy->closing) {
        loop_run_blocking(haproxy->loop, prepare, prepared, haproxy);
        return;
    }
    const struct haproxy_socket *socket = &haproxy->wish.sockets[at];
    request.listen.kind = FENCE_LISTEN_TCP;
    request.listen.port = (uint32_t)socket->port;
    snprintf(request.listen.address, sizeof(request.listen.address), "%s", socket->address);
    fence_link_send(haproxy->fence, &request, on_socket, haproxy);
}

static bool same_sockets(const struct wish *wish, const struct haproxy_socket *sockets, int count)
{
    bool same = wish->count == count;
    for (int i = 0; i < count && same; i++)
        same = same_socket(&wish->sockets[i], &sockets[i]);
    return same;
}

static void end_child(struct haproxy *haproxy)
{
    tell(haproxy->child, SIGTERM);
    haproxy->wish.count = 0;
    close_sockets(haproxy);
}

void haproxy_look(struct haproxy *haproxy, const struct haproxy_socket *sockets, int count,
                  const char *config)
{
    struct wish *wish = &haproxy->wish;
    ASSERT(count <= HAPROXY_SOCKETS);
    bool same = wish->config && !strcmp(wish->config, config) && same_sockets(wish, sockets, count);
    if (op_busy(&haproxy->op))
        return;
    if (!count) {
        end_child(haproxy);
        return;
    }
    if ((haproxy->child && same) || haproxy->old || clock_boot_ns() < haproxy->wait_until_ns)
        return;
    free(wish->config);
    wish->config = strdup(config);
    ASSERT(wish->config);
    memcpy(wish->sockets, sockets, sizeof(sockets[0]) * (size_t)count);
    wish->count = count;
    close_sockets(haproxy);
    haproxy->serial = op_begin(&haproxy->op, "start", 0);
    open_next(haproxy);
}

bool haproxy_runs(const struct haproxy *haproxy)
{
    return haproxy->child && !haproxy->child->told;
}

const char *haproxy_problem(const struct haproxy *haproxy)
{
    return haproxy->problem;
}

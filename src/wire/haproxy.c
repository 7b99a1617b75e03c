/* HAProxy as a child: see haproxy.h. */
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

enum { RETRY_MS = 1000, PEM_BYTES = 65536 };

/* What it shall run with. */
struct wish {
    struct haproxy_socket sockets[HAPROXY_SOCKETS];
    int count;
    char *config;
};

struct haproxy {
    struct loop *loop;
    struct fence_link *fence;
    struct haproxy_setup setup;
    struct wish wish; /* of what runs or is being started */
    int fds[HAPROXY_SOCKETS];
    int opened;   /* sockets that fenced gave so far */
    struct op op; /* a start in progress */
    uint64_t serial;
    uv_process_t process;
    bool runs, ending, closing, handle_open;
    uint64_t wait_until_ns;
    struct error err;
    char problem[256], config_file[LIMIT_PATH], pem_file[LIMIT_PATH];
};

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
    return haproxy;
}

static void close_sockets(struct haproxy *haproxy)
{
    for (int i = 0; i < haproxy->opened; i++)
        close(haproxy->fds[i]);
    haproxy->opened = 0;
}

/* Gone, once neither the child nor a step of its start needs it. */
static void end_if_idle(struct haproxy *haproxy)
{
    if (haproxy->handle_open || op_busy(&haproxy->op))
        return;
    close_sockets(haproxy);
    free(haproxy->wish.config);
    free(haproxy);
}

static void on_closed(uv_handle_t *handle)
{
    struct haproxy *haproxy = container_of((uv_process_t *)handle, struct haproxy, process);
    haproxy->handle_open = false;
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
    if (haproxy->runs)
        uv_process_kill(&haproxy->process, SIGKILL); /* its end closes the handle */
    end_if_idle(haproxy);
}

static void fail(struct haproxy *haproxy, const struct error *err)
{
    op_end(&haproxy->op, haproxy->serial);
    close_sockets(haproxy);
    if (haproxy->closing) {
        end_if_idle(haproxy);
        return;
    }
    if (strcmp(haproxy->problem, err->text) != 0)
        log_error("HAProxy: %s", err->text);
    snprintf(haproxy->problem, sizeof(haproxy->problem), "%.255s", err->text);
    haproxy->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    haproxy->setup.changed(haproxy->setup.owner);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct haproxy *haproxy = container_of(process, struct haproxy, process);
    haproxy->runs = false;
    uv_close((uv_handle_t *)process, on_closed);
    if (haproxy->closing)
        return;
    if (!haproxy->ending) {
        snprintf(haproxy->problem, sizeof(haproxy->problem),
                 "HAProxy ended (exit %d, signal %d): its own words stand in the log before this",
                 (int)status, signal_number);
        log_error("%s", haproxy->problem);
        haproxy->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS / 4;
    }
    haproxy->ending = false;
}

static void spawn(struct haproxy *haproxy)
{
    const char *program = haproxy->setup.program;
    uv_stdio_container_t stdio[HAPROXY_FIRST_FD + HAPROXY_SOCKETS] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    for (int i = 0; i < haproxy->wish.count; i++) {
        stdio[HAPROXY_FIRST_FD + i].flags = UV_INHERIT_FD;
        stdio[HAPROXY_FIRST_FD + i].data.fd = haproxy->fds[i];
    }
    char *argv[] = {(char *)program, "-db", "-f", haproxy->config_file, NULL};
    uv_process_options_t options = {.exit_cb = on_process_exit,
                                    .file = program,
                                    .args = argv,
                                    .stdio = stdio,
                                    .stdio_count = HAPROXY_FIRST_FD + haproxy->wish.count};
    int rv = uv_spawn(&haproxy->loop->uv, &haproxy->process, &options);
    haproxy->handle_open = true;
    if (rv) {
        struct error err;
        uv_close((uv_handle_t *)&haproxy->process, on_closed);
        error_set(&err, ERR_IO, "%s: %s", program, uv_strerror(rv));
        fail(haproxy, &err);
        return;
    }
    haproxy->runs = true;
    haproxy->problem[0] = '\0';
    close_sockets(haproxy); /* HAProxy has them now */
    op_end(&haproxy->op, haproxy->serial);
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

static void ask_next(struct haproxy *haproxy);

static void on_socket(void *subject, const struct fence_reply *reply, int fd)
{
    struct haproxy *haproxy = subject;
    if (reply->code || fd < 0) {
        struct error err;
        error_set(&err, reply->code ? (enum error_code)reply->code : ERR_IO, "%s", reply->text);
        fail(haproxy, &err);
        return;
    }
    haproxy->fds[haproxy->opened++] = fd;
    if (haproxy->opened < haproxy->wish.count && !haproxy->closing)
        ask_next(haproxy);
    else
        loop_run_blocking(haproxy->loop, prepare, prepared, haproxy);
}

static void ask_next(struct haproxy *haproxy)
{
    const struct haproxy_socket *socket = &haproxy->wish.sockets[haproxy->opened];
    struct fence_request request = {.type = FENCE_LISTEN};
    request.listen.kind = FENCE_LISTEN_TCP;
    request.listen.port = (uint32_t)socket->port;
    snprintf(request.listen.address, sizeof(request.listen.address), "%s", socket->address);
    fence_link_send(haproxy->fence, &request, on_socket, haproxy);
}

static bool same_sockets(const struct wish *wish, const struct haproxy_socket *sockets, int count)
{
    bool same = wish->count == count;
    for (int i = 0; i < count && same; i++)
        same = wish->sockets[i].port == sockets[i].port &&
               !strcmp(wish->sockets[i].address, sockets[i].address);
    return same;
}

void haproxy_look(struct haproxy *haproxy, const struct haproxy_socket *sockets, int count,
                  const char *config)
{
    struct wish *wish = &haproxy->wish;
    ASSERT(count <= HAPROXY_SOCKETS);
    bool same = wish->config && !strcmp(wish->config, config) && same_sockets(wish, sockets, count);
    if (op_busy(&haproxy->op) || haproxy->ending || haproxy->handle_open) {
        if (haproxy->runs && !same && !haproxy->ending) {
            haproxy->ending = true;
            uv_process_kill(&haproxy->process, SIGTERM);
        }
        return;
    }
    if (!count || clock_boot_ns() < haproxy->wait_until_ns)
        return;
    free(wish->config);
    wish->config = strdup(config);
    ASSERT(wish->config);
    memcpy(wish->sockets, sockets, sizeof(sockets[0]) * (size_t)count);
    wish->count = count;
    haproxy->opened = 0;
    haproxy->serial = op_begin(&haproxy->op, "start", 0);
    ask_next(haproxy);
}

bool haproxy_runs(const struct haproxy *haproxy)
{
    return haproxy->runs;
}

const char *haproxy_problem(const struct haproxy *haproxy)
{
    return haproxy->problem;
}

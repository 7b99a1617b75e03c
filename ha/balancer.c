/* HAProxy as a child of regiond: see balancer.h. */
#include "ha/balancer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ha/balancer_config.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/op.h"

enum { RETRY_MS = 1000, PEM_BYTES = 65536 };

struct balancer {
    struct loop *loop;
    struct fence_link *fence;
    const struct ha_settings *settings;
    void (*changed)(void *owner);
    void *owner;
    struct balancer_socket sockets[BALANCER_SOCKETS]; /* of what runs or is being started */
    int fds[BALANCER_SOCKETS];
    int count, opened; /* sockets wanted; asked for so far */
    struct op op;      /* a start in progress */
    uint64_t serial;
    uv_process_t process;
    bool runs, ending, closing, handle_open;
    uint64_t wait_until_ns;
    struct error err;
    char problem[256], config_file[LIMIT_PATH];
};

struct balancer *balancer_new(struct loop *loop, struct fence_link *fence,
                              const struct ha_settings *settings, void (*changed)(void *owner),
                              void *owner)
{
    struct balancer *balancer = calloc(1, sizeof(*balancer));
    ASSERT(balancer);
    balancer->loop = loop;
    balancer->fence = fence;
    balancer->settings = settings;
    balancer->changed = changed;
    balancer->owner = owner;
    snprintf(balancer->config_file, LIMIT_PATH, "%s/haproxy.cfg", settings->run_dir);
    return balancer;
}

static void close_sockets(struct balancer *balancer)
{
    for (int i = 0; i < balancer->opened; i++)
        close(balancer->fds[i]);
    balancer->opened = 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct balancer *balancer = container_of((uv_process_t *)handle, struct balancer, process);
    balancer->handle_open = false;
    if (balancer->closing)
        free(balancer);
    else
        balancer->changed(balancer->owner);
}

void balancer_free(struct balancer *balancer)
{
    if (!balancer)
        return;
    balancer->closing = true;
    close_sockets(balancer);
    if (balancer->runs)
        uv_process_kill(&balancer->process, SIGKILL); /* its end closes the handle */
    else if (!balancer->handle_open)
        free(balancer);
}

static void fail(struct balancer *balancer, const struct error *err)
{
    if (strcmp(balancer->problem, err->text))
        log_error("HAProxy: %s", err->text);
    snprintf(balancer->problem, sizeof(balancer->problem), "%.255s", err->text);
    balancer->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS;
    close_sockets(balancer);
    op_end(&balancer->op, balancer->serial);
    balancer->changed(balancer->owner);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct balancer *balancer = container_of(process, struct balancer, process);
    balancer->runs = false;
    uv_close((uv_handle_t *)process, on_closed);
    if (balancer->closing)
        return;
    if (!balancer->ending) {
        snprintf(balancer->problem, sizeof(balancer->problem),
                 "HAProxy ended (exit %d, signal %d): its own words stand in the log before this",
                 (int)status, signal_number);
        log_error("%s", balancer->problem);
        balancer->wait_until_ns = clock_boot_ns() + RETRY_MS * CLOCK_MS / 4;
    }
    balancer->ending = false;
}

static void spawn(struct balancer *balancer)
{
    uv_stdio_container_t stdio[BALANCER_FIRST_FD + BALANCER_SOCKETS] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    for (int i = 0; i < balancer->count; i++) {
        stdio[BALANCER_FIRST_FD + i].flags = UV_INHERIT_FD;
        stdio[BALANCER_FIRST_FD + i].data.fd = balancer->fds[i];
    }
    char *argv[] = {(char *)balancer->settings->haproxy, "-db", "-f", balancer->config_file, NULL};
    uv_process_options_t options = {.exit_cb = on_process_exit,
                                    .file = balancer->settings->haproxy,
                                    .args = argv,
                                    .stdio = stdio,
                                    .stdio_count = BALANCER_FIRST_FD + balancer->count};
    int rv = uv_spawn(&balancer->loop->uv, &balancer->process, &options);
    if (rv) {
        struct error err;
        balancer->handle_open = true;
        uv_close((uv_handle_t *)&balancer->process, on_closed);
        error_set(&err, ERR_IO, "%s: %s", balancer->settings->haproxy, uv_strerror(rv));
        fail(balancer, &err);
        return;
    }
    balancer->handle_open = balancer->runs = true;
    balancer->problem[0] = '\0';
    close_sockets(balancer); /* HAProxy has them now */
    op_end(&balancer->op, balancer->serial);
    log_info("HAProxy runs with %d listening sockets", balancer->count);
    balancer->changed(balancer->owner);
}

/* Certificate and key in one file, as HAProxy wants them. */
static enum error_code write_pem(const struct ha_settings *settings, struct arena *arena,
                                 struct error *err)
{
    char *certificate, *key;
    enum error_code code =
        file_read(arena, settings->certificate_file, PEM_BYTES, &certificate, NULL, err);
    code = code ? code : file_read(arena, settings->key_file, PEM_BYTES, &key, NULL, err);
    if (code)
        return code;
    const char *both = arena_printf(arena, "%s%s", certificate, key);
    return file_write(arena_printf(arena, "%s/haproxy.pem", settings->run_dir), both, strlen(both),
                      0600, err);
}

static void prepare(void *subject)
{
    struct balancer *balancer = subject;
    struct arena *arena = arena_new();
    struct spool text;
    spool_init(&text);
    balancer_config_write(&text, balancer->sockets, balancer->count, balancer->settings);
    struct error *err = &balancer->err;
    enum error_code code = write_pem(balancer->settings, arena, err);
    code = code ? code : file_write(balancer->config_file, text.bytes, text.used, 0600, err);
    if (!code && access(balancer->settings->haproxy, X_OK))
        code = error_set(err, ERR_NOT_FOUND,
                         "%s is missing: install HAProxy, or set [balancer] program",
                         balancer->settings->haproxy);
    if (!code)
        err->code = ERR_OK;
    spool_close(&text);
    arena_free(arena);
}

static void prepared(void *subject)
{
    struct balancer *balancer = subject;
    if (balancer->err.code)
        fail(balancer, &balancer->err);
    else
        spawn(balancer);
}

static void ask_next(struct balancer *balancer);

static void on_socket(void *subject, const struct fence_reply *reply, int fd)
{
    struct balancer *balancer = subject;
    if (reply->code || fd < 0) {
        struct error err;
        error_set(&err, reply->code ? (enum error_code)reply->code : ERR_IO, "%s", reply->text);
        fail(balancer, &err);
        return;
    }
    balancer->fds[balancer->opened++] = fd;
    if (balancer->opened < balancer->count)
        ask_next(balancer);
    else
        loop_run_blocking(balancer->loop, prepare, prepared, balancer);
}

static void ask_next(struct balancer *balancer)
{
    const struct balancer_socket *socket = &balancer->sockets[balancer->opened];
    struct fence_request request = {.type = FENCE_LISTEN};
    request.listen.kind = FENCE_LISTEN_TCP;
    request.listen.port = (uint32_t)socket->port;
    snprintf(request.listen.address, sizeof(request.listen.address), "%s", socket->address);
    fence_link_send(balancer->fence, &request, on_socket, balancer);
}

void balancer_look(struct balancer *balancer, const struct cluster_state *facts)
{
    struct balancer_socket wanted[BALANCER_SOCKETS];
    memset(wanted, 0, sizeof(wanted));
    int count = balancer_config_sockets(facts, balancer->settings, wanted);
    bool same = count == balancer->count &&
                !memcmp(wanted, balancer->sockets, sizeof(wanted[0]) * (size_t)count);
    if (op_busy(&balancer->op) || balancer->ending || balancer->handle_open) {
        if (balancer->runs && !same && !balancer->ending) {
            balancer->ending = true;
            uv_process_kill(&balancer->process, SIGTERM);
        }
        return;
    }
    if (clock_boot_ns() < balancer->wait_until_ns)
        return;
    memcpy(balancer->sockets, wanted, sizeof(wanted));
    balancer->count = count;
    balancer->opened = 0;
    balancer->serial = op_begin(&balancer->op, "start", 0);
    ask_next(balancer);
}

bool balancer_runs(const struct balancer *balancer)
{
    return balancer->runs;
}

const char *balancer_problem(const struct balancer *balancer)
{
    return balancer->problem;
}

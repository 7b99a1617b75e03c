/* Health over HTTP: see health_listener.h. */
#include "src/wire/health_listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/wire/gate.h"

enum { REQUEST_BYTES = 4096, PATIENCE_MS = 5000 };

struct health_listener {
    struct gate gate; /* in its crowd are all callers: nobody stays */
    struct loop *loop;
    health_answer *answer;
    void *owner;
};

struct connection {
    uv_tcp_t tcp;
    struct loop_timer patience;
    struct health_listener *listener;
    uv_write_t write;
    struct spool body;
    char head[256], request[REQUEST_BYTES];
    size_t used;
    int open_handles;
};

static void let_go(struct connection *connection)
{
    if (--connection->open_handles)
        return;
    crowd_leave(&connection->listener->gate.crowd, connection);
    spool_close(&connection->body);
    free(connection);
}

static void on_closed(uv_handle_t *handle)
{
    let_go(container_of((uv_tcp_t *)handle, struct connection, tcp));
}

static void on_timer_closed(struct loop_timer *timer)
{
    let_go(container_of(timer, struct connection, patience));
}

static void hang_up(struct connection *connection)
{
    if (uv_is_closing((uv_handle_t *)&connection->tcp))
        return;
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
    loop_timer_close(&connection->patience, on_timer_closed);
}

static void on_impatient(struct loop_timer *timer)
{
    hang_up(container_of(timer, struct connection, patience));
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    hang_up(container_of(write, struct connection, write));
}

static const char *reason(int status)
{
    return status == 200   ? "OK"
           : status == 404 ? "Not Found"
           : status == 503 ? "Service Unavailable"
           : status == 405 ? "Method Not Allowed"
                           : "Bad Request";
}

static void reply(struct connection *connection, int status, bool head_only)
{
    struct spool *body = &connection->body;
    uv_read_stop((uv_stream_t *)&connection->tcp);
    int n = snprintf(connection->head, sizeof(connection->head),
                     "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                     status, reason(status), body->used);
    uv_buf_t parts[2] = {uv_buf_init(connection->head, (unsigned)n),
                         uv_buf_init(body->bytes, (unsigned)body->used)};
    int rv = uv_write(&connection->write, (uv_stream_t *)&connection->tcp, parts,
                      head_only || !body->used ? 1 : 2, on_written);
    if (rv)
        hang_up(connection);
}

/* "GET /path?query HTTP/1.x"; what else the head holds is of no interest here. */
static void answer(struct connection *connection)
{
    char *line = connection->request, *rest = NULL;
    line[strcspn(line, "\r\n")] = '\0';
    char *method = strtok_r(line, " ", &rest), *target = strtok_r(NULL, " ", &rest);
    char *version = strtok_r(NULL, " ", &rest);
    if (!version || strncmp(version, "HTTP/1.", 7) || target[0] != '/') {
        reply(connection, 400, false);
        return;
    }
    bool head = !strcmp(method, "HEAD");
    if (!head && strcmp(method, "GET")) {
        reply(connection, 405, false);
        return;
    }
    char *query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    const struct health_listener *listener = connection->listener;
    int status = listener->answer(listener->owner, target, query ? query : "", &connection->body);
    reply(connection, status, head);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *connection = container_of((uv_tcp_t *)handle, struct connection, tcp);
    (void)suggested;
    *buffer = uv_buf_init(connection->request + connection->used,
                          (unsigned)(REQUEST_BYTES - 1 - connection->used));
}

/* More of the request is here. */
static void look(struct connection *connection)
{
    if (strstr(connection->request, "\r\n\r\n"))
        answer(connection);
    else if (connection->used == REQUEST_BYTES - 1)
        hang_up(connection); /* nobody who asks for health says that much */
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct connection *connection = container_of((uv_tcp_t *)stream, struct connection, tcp);
    uint64_t begin_ns = clock_boot_ns();
    (void)buffer;
    if (size < 0) {
        hang_up(connection);
        return;
    }
    connection->used += (size_t)size;
    connection->request[connection->used] = '\0';
    look(connection);
    crowd_spend(&connection->listener->gate.crowd, clock_boot_ns() - begin_ns);
}

static void name_host(const struct connection *connection, char host[CROWD_CALLER])
{
    struct sockaddr_in address;
    int size = sizeof(address);
    strcpy(host, "?");
    if (!uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address, &size))
        uv_ip4_name(&address, host, CROWD_CALLER);
}

static void take_one(struct gate *gate)
{
    struct health_listener *listener = container_of(gate, struct health_listener, gate);
    struct connection *connection = calloc(1, sizeof(*connection));
    char host[CROWD_CALLER];
    void *out = NULL;
    ASSERT(connection);
    connection->listener = listener;
    spool_init(&connection->body);
    uv_tcp_init(&listener->loop->uv, &connection->tcp);
    loop_timer_init(listener->loop, &connection->patience, on_impatient);
    loop_timer_start(&connection->patience, PATIENCE_MS, 0);
    connection->open_handles = 2;
    int rv = uv_accept((uv_stream_t *)&gate->tcp, (uv_stream_t *)&connection->tcp);
    name_host(connection, host);
    if (rv || !crowd_enter(&gate->crowd, connection, host, &out) ||
        uv_read_start((uv_stream_t *)&connection->tcp, give_room, on_read))
        hang_up(connection);
    if (out)
        hang_up(out);
}

static void on_gate_closed(struct gate *gate)
{
    free(container_of(gate, struct health_listener, gate));
}

static enum error_code explain(const struct health_listen *listen, int rv, struct error *err)
{
    if (rv == UV_EADDRINUSE)
        return error_set(err, ERR_CONFLICT,
                         "port %d on %s (health) is in use by another program: stop it, or choose "
                         "another port",
                         listen->port, listen->address);
    if (rv == UV_EADDRNOTAVAIL)
        return error_set(err, ERR_BAD_INPUT, "%s is not an address of this host", listen->address);
    return error_set(err, ERR_IO, "port %d on %s (health): %s", listen->port, listen->address,
                     uv_strerror(rv));
}

enum error_code health_listener_open(struct loop *loop, const struct health_listen *listen,
                                     struct health_listener **out, struct error *err)
{
    struct sockaddr_in address;
    struct health_listener *listener = calloc(1, sizeof(*listener));
    ASSERT(listener);
    listener->loop = loop;
    listener->answer = listen->answer;
    listener->owner = listen->owner;
    gate_init(&listener->gate, loop, take_one, on_gate_closed);
    int rv = uv_ip4_addr(listen->address, listen->port, &address);
    if (!rv)
        rv = gate_listen(&listener->gate, (struct sockaddr *)&address);
    if (!rv) {
        *out = listener;
        return ERR_OK;
    }
    gate_close(&listener->gate);
    return explain(listen, rv, err);
}

/* A proxy that can be cut: see cut_proxy.h. */
#include "test/lib/cut_proxy.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "test/lib/own_host.h"

struct cut_proxy_wire {
    uv_tcp_t in, out;
    uv_connect_t connect;
    struct cut_proxy_wire *next;
    int open;
    bool ended;
    struct cut_proxy *proxy;
};

static void wire_closed(uv_handle_t *handle)
{
    struct cut_proxy_wire *wire = handle->data;
    if (--wire->open)
        return;
    struct cut_proxy_wire **at = &wire->proxy->wires;
    while (*at != wire)
        at = &(*at)->next;
    *at = wire->next;
    free(wire);
}

static void wire_end(struct cut_proxy_wire *wire)
{
    if (wire->ended)
        return;
    wire->ended = true;
    uv_close((uv_handle_t *)&wire->in, wire_closed);
    uv_close((uv_handle_t *)&wire->out, wire_closed);
}

static void lend(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(malloc(size), (unsigned)size);
}

static void written(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
    free(write);
}

static void wire_read(uv_stream_t *from, ssize_t size, const uv_buf_t *buf)
{
    struct cut_proxy_wire *wire = from->data;
    uv_stream_t *to = (uv_stream_t *)(from == (uv_stream_t *)&wire->in ? &wire->out : &wire->in);
    if (size > 0 && !wire->ended) {
        uv_write_t *write = calloc(1, sizeof(*write));
        uv_buf_t part = uv_buf_init(buf->base, (unsigned)size);
        write->data = buf->base;
        wire->proxy->carried_ns = clock_boot_ns();
        if (uv_write(write, to, &part, 1, written) == 0)
            return;
        free(write);
    }
    free(buf->base);
    if (size < 0)
        wire_end(wire);
}

static void wire_connected(uv_connect_t *connect, int status)
{
    struct cut_proxy_wire *wire = container_of(connect, struct cut_proxy_wire, connect);
    if (status < 0) {
        wire_end(wire);
        return;
    }
    uv_read_start((uv_stream_t *)&wire->in, lend, wire_read);
    uv_read_start((uv_stream_t *)&wire->out, lend, wire_read);
}

static void proxy_called(uv_stream_t *handle, int status)
{
    struct cut_proxy *proxy = container_of((uv_tcp_t *)handle, struct cut_proxy, tcp);
    struct cut_proxy_wire *wire = calloc(1, sizeof(*wire));
    struct sockaddr_in to;
    assert_int_equal(status, 0);
    uv_tcp_init(proxy->tcp.loop, &wire->in);
    uv_tcp_init(proxy->tcp.loop, &wire->out);
    wire->in.data = wire->out.data = wire;
    wire->open = 2;
    wire->proxy = proxy;
    wire->next = proxy->wires;
    proxy->wires = wire;
    assert_int_equal(uv_accept(handle, (uv_stream_t *)&wire->in), 0);
    uv_ip4_addr(own_host(), proxy->to, &to);
    if (proxy->cut ||
        uv_tcp_connect(&wire->connect, &wire->out, (struct sockaddr *)&to, wire_connected))
        wire_end(wire);
}

void cut_proxy_open(struct cut_proxy *proxy, uv_loop_t *loop)
{
    struct sockaddr_in at;
    uv_tcp_init(loop, &proxy->tcp);
    uv_ip4_addr(own_host(), proxy->from, &at);
    assert_int_equal(uv_tcp_bind(&proxy->tcp, (struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&proxy->tcp, 16, proxy_called), 0);
}

void cut_proxy_cut(struct cut_proxy *proxy, bool cut)
{
    proxy->cut = cut;
    for (struct cut_proxy_wire *wire = proxy->wires; cut && wire; wire = wire->next)
        wire_end(wire);
}

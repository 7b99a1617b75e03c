/* A port with a crowd before it: see gate.h. Source: libuv, "uv_stream_t", uv_listen. */
#include "src/wire/gate.h"

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/error.h"

enum { BACKLOG = 128 };

static void look(struct gate *gate)
{
    uint64_t begin_ns = clock_boot_ns();
    if (!crowd_may_take(&gate->crowd, begin_ns)) {
        loop_timer_start(&gate->pause, CROWD_PAUSE_MS, 0);
        return;
    }
    gate->take(gate);
    crowd_spend(&gate->crowd, clock_boot_ns() - begin_ns);
}

/* What is not accepted waits with the kernel, and libuv tells of no more. */
static void on_connection(uv_stream_t *stream, int status)
{
    if (status >= 0)
        look(container_of((uv_tcp_t *)stream, struct gate, tcp));
}

static void on_pause_over(struct loop_timer *timer)
{
    look(container_of(timer, struct gate, pause));
}

static void let_go(struct gate *gate)
{
    if (!--gate->handles)
        gate->closed(gate);
}

static void on_closed(uv_handle_t *handle)
{
    let_go(container_of((uv_tcp_t *)handle, struct gate, tcp));
}

static void on_pause_closed(struct loop_timer *timer)
{
    let_go(container_of(timer, struct gate, pause));
}

void gate_init(struct gate *gate, struct loop *loop, void (*take)(struct gate *gate),
               void (*closed)(struct gate *gate))
{
    gate->take = take;
    gate->closed = closed;
    gate->handles = 2;
    int rv = uv_tcp_init(&loop->uv, &gate->tcp);
    ASSERT(rv == 0);
    uv_tcp_simultaneous_accepts(&gate->tcp, 1); /* else libuv sleeps after each */
    loop_timer_init(loop, &gate->pause, on_pause_over);
    crowd_init(&gate->crowd, clock_boot_ns());
}

int gate_listen(struct gate *gate, const struct sockaddr *address)
{
    int rv = uv_tcp_bind(&gate->tcp, address, 0);
    return rv ? rv : uv_listen((uv_stream_t *)&gate->tcp, BACKLOG, on_connection);
}

void gate_close(struct gate *gate)
{
    uv_close((uv_handle_t *)&gate->tcp, on_closed);
    loop_timer_close(&gate->pause, on_pause_closed);
}

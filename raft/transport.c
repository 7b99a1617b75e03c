/* How members reach each other: see transport.h. */
#include "raft/transport.h"

#include <stdlib.h>

#include "src/base/error.h"

struct pending {
    struct raft_uv_connect *request;
    raft_uv_connect_cb cb;
};

static int start(struct raft_uv_transport *transport, raft_id id, const char *address)
{
    (void)transport, (void)id, (void)address;
    return 0;
}

static int accept_from(struct raft_uv_transport *transport, raft_uv_accept_cb cb)
{
    (void)transport, (void)cb;
    return 0;
}

static void refuse(void *subject)
{
    struct pending *pending = subject;
    pending->cb(pending->request, NULL, RAFT_NOCONNECTION);
    free(pending);
}

/* The only voter has nobody to reach; the facts say how many there are, and libraft asks for a
 * connection only to those in its configuration. */
static int connect_to(struct raft_uv_transport *transport, struct raft_uv_connect *request,
                      raft_id id, const char *address, raft_uv_connect_cb cb)
{
    struct pending *pending = malloc(sizeof(*pending));
    (void)id, (void)address;
    ASSERT(pending);
    *pending = (struct pending){request, cb};
    loop_post(transport->impl, refuse, pending);
    return 0;
}

static void stop(struct raft_uv_transport *transport, raft_uv_transport_close_cb cb)
{
    cb(transport);
}

void transport_init(struct raft_uv_transport *transport, struct loop *loop)
{
    *transport = (struct raft_uv_transport){.version = 1,
                                            .impl = loop,
                                            .init = start,
                                            .listen = accept_from,
                                            .connect = connect_to,
                                            .close = stop};
}

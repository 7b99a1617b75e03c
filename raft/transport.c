/* How members reach each other, for libraft: see transport.h. */
#include "raft/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/pump.h"
#include "src/base/log.h"

/* One connection of libraft, being made or carrying frames. */
struct link {
    struct transport *transport;
    struct link *next;
    struct raft_uv_connect *request; /* until it is answered */
    raft_uv_connect_cb connected;
    struct peer_dial *dial;
    struct pump *pump;
};

struct transport {
    struct transport_setup setup;
    struct raft_uv_transport *library;
    char listen[CLUSTER_ADDRESS + 8];
    struct peer_door *door;
    struct link *links;
    raft_uv_accept_cb accepted;
    raft_uv_transport_close_cb closed;
    bool closing;
};

static void close_if_idle(void *subject)
{
    struct transport *transport = subject;
    if (!transport->closing || transport->links || !transport->closed)
        return;
    raft_uv_transport_close_cb closed = transport->closed;
    transport->closed = NULL;
    closed(transport->library);
}

static struct link *link_new(struct transport *transport)
{
    struct link *link = calloc(1, sizeof(*link));
    ASSERT(link);
    link->transport = transport;
    link->next = transport->links;
    transport->links = link;
    return link;
}

static void link_free(struct link *link)
{
    struct transport *transport = link->transport;
    struct link **at = &transport->links;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    free(link);
    close_if_idle(transport);
}

static void on_pump_closed(void *owner, struct pump *pump)
{
    (void)pump;
    link_free(owner);
}

static void on_committed(void *owner, uint64_t term, uint64_t index)
{
    struct link *link = owner;
    link->transport->setup.committed(link->transport->setup.owner, term, index);
}

static void on_asked(void *owner)
{
    struct link *link = owner;
    link->transport->setup.asked(link->transport->setup.owner);
}

static enum error_code open_pump(struct link *link, struct tls_stream *stream, enum pump_way way,
                                 struct uv_stream_s **library_end, struct error *err)
{
    struct pump_setup setup = {
        link->transport->setup.loop, stream, way, {on_pump_closed, on_committed, on_asked}, link};
    return pump_open(&setup, &link->pump, library_end, err);
}

static void answer(struct link *link, struct uv_stream_s *library_end, int status)
{
    struct raft_uv_connect *request = link->request;
    link->request = NULL;
    link->connected(request, library_end, status);
}

static void on_dialled(void *owner, struct tls_stream *stream, const struct error *why)
{
    struct link *link = owner;
    struct uv_stream_s *library_end = NULL;
    struct error err;
    link->dial = NULL;
    if (!stream || open_pump(link, stream, PUMP_OUT, &library_end, &err)) {
        static struct log_gate gate;
        unsigned long held;
        if (!link->transport->closing && log_gate_open(&gate, 10, &held))
            log_info("member %s", stream ? err.text : why->text);
        answer(link, NULL, link->transport->closing ? RAFT_CANCELED : RAFT_NOCONNECTION);
        link_free(link);
        return;
    }
    answer(link, library_end, 0);
}

static void refuse(void *subject)
{
    struct link *link = subject;
    answer(link, NULL, RAFT_NOCONNECTION);
    link_free(link);
}

static int connect_to(struct raft_uv_transport *library, struct raft_uv_connect *request,
                      raft_id id, const char *address, raft_uv_connect_cb connected)
{
    struct transport *transport = library->impl;
    struct link *link = link_new(transport);
    struct peer_target target = {address, transport->setup.address, transport->setup.self, id,
                                 PEER_RAFT};
    link->request = request;
    link->connected = connected;
    if (!transport->setup.credentials) {
        loop_post(transport->setup.loop, refuse, link);
        return 0;
    }
    link->dial =
        peer_dial(transport->setup.loop, transport->setup.credentials, &target, on_dialled, link);
    return 0;
}

static enum peer_right may(void *owner, uint64_t id, const struct certificate *certificate)
{
    struct transport *transport = owner;
    return transport->closing || id == transport->setup.self
               ? PEER_REFUSED
               : transport->setup.may(transport->setup.owner, id, certificate);
}

static void on_called(void *owner, uint64_t id, const char *address, enum peer_purpose purpose,
                      struct tls_stream *stream)
{
    static const struct tls_events quiet = {0};
    struct transport *transport = owner;
    struct uv_stream_s *library_end;
    struct error err;
    if (purpose == PEER_MESSAGES && transport->setup.messages) {
        transport->setup.messages(transport->setup.owner, id, stream);
        return;
    }
    if (purpose == PEER_CALLS && transport->setup.calls) {
        transport->setup.calls(transport->setup.owner, id, stream);
        return;
    }
    if (purpose != PEER_RAFT || transport->closing) {
        tls_stream_own(stream, &quiet, NULL);
        tls_stream_reset(stream);
        return;
    }
    struct link *link = link_new(transport);
    if (open_pump(link, stream, PUMP_IN, &library_end, &err)) {
        log_warning("member %s: %s", address, err.text);
        link_free(link);
        return;
    }
    transport->accepted(transport->library, id, address, library_end);
}

static int start(struct raft_uv_transport *library, raft_id id, const char *address)
{
    (void)library, (void)id, (void)address;
    return 0;
}

static int accept_from(struct raft_uv_transport *library, raft_uv_accept_cb accepted)
{
    struct transport *transport = library->impl;
    struct peer_address here;
    struct error err;
    char address[PEER_ADDRESS];
    transport->accepted = accepted;
    if (!transport->setup.credentials)
        return 0;
    snprintf(address, sizeof(address), "here@%s", transport->listen);
    enum error_code code = peer_address_parse(address, &here, &err);
    struct peer_door_setup door = {here.ip, here.port, transport->setup.self,
                                   may,     on_called, transport};
    if (!code)
        code = peer_door_open(transport->setup.loop, transport->setup.credentials, &door,
                              &transport->door, &err);
    if (!code)
        return 0;
    snprintf(library->errmsg, sizeof(library->errmsg), "%.*s", RAFT_ERRMSG_BUF_SIZE - 1, err.text);
    log_error("raft: %s", err.text);
    return RAFT_IOERR;
}

static void stop(struct raft_uv_transport *library, raft_uv_transport_close_cb closed)
{
    struct transport *transport = library->impl;
    transport->closing = true;
    transport->closed = closed;
    peer_door_close(transport->door);
    transport->door = NULL;
    for (struct link *link = transport->links; link; link = link->next) {
        if (link->dial)
            peer_dial_cancel(link->dial);
        else if (link->pump)
            pump_close(link->pump);
    }
    if (!transport->links) /* else the last of them says so */
        loop_post(transport->setup.loop, close_if_idle, transport);
}

struct transport *transport_new(const struct transport_setup *setup,
                                struct raft_uv_transport *library)
{
    struct transport *transport = calloc(1, sizeof(*transport));
    ASSERT(transport);
    transport->setup = *setup;
    snprintf(transport->listen, sizeof(transport->listen), "%s", setup->listen);
    transport->setup.listen = transport->listen;
    transport->library = library;
    *library = (struct raft_uv_transport){.version = 1,
                                          .impl = transport,
                                          .init = start,
                                          .listen = accept_from,
                                          .connect = connect_to,
                                          .close = stop};
    return transport;
}

void transport_free(struct transport *transport)
{
    ASSERT(!transport->links);
    free(transport);
}

int transport_port(const struct transport *transport)
{
    return transport->door ? peer_door_port(transport->door) : 0;
}

void transport_renew(struct transport *transport, struct tls_credentials *credentials)
{
    transport->setup.credentials = credentials;
    if (transport->door)
        peer_door_renew(transport->door, credentials);
}

/*
 * How members reach each other: one port, mutual TLS 1.3, who is who pinned by raft's own
 * configuration. libraft's frames go through pumps; streams of messages (leases, reports) are
 * handed on. A cluster of one member has no callers, and calls nobody. Loop thread only.
 */
#pragma once

#include <raft.h>
#include <raft/uv.h>

#include "raft/peer_stream.h"

struct transport;

struct transport_setup {
    struct loop *loop;
    struct tls_credentials *credentials; /* NULL = a cluster that cannot have other members */
    uint64_t self;
    const char *address; /* "name@ip:port": where others reach us; outlives the transport */
    const char *listen;  /* "ip:port"; copied */
    /** May the bearer of this certificate speak as member id? By raft's configuration. */
    enum peer_right (*may)(void *owner, uint64_t id, const struct certificate *certificate);
    /** Who was leader of this term committed this entry in it; we hold it. */
    void (*committed)(void *owner, uint64_t term, uint64_t index);
    /** A member asks for our vote; libraft sees it next. */
    void (*asked)(void *owner);
    /** A member opened a stream of messages, or of calls, to us; NULL = nobody takes any. */
    void (*messages)(void *owner, uint64_t id, struct tls_stream *stream);
    void (*calls)(void *owner, uint64_t id, struct tls_stream *stream);
    void *owner;
};

/** Fills in *library for libraft, which then drives it. */
struct transport *transport_new(const struct transport_setup *setup,
                                struct raft_uv_transport *library);

/** After raft was closed. */
void transport_free(struct transport *transport);

/** The port it listens on; 0 = it does not. */
int transport_port(const struct transport *transport);

/** New connections use these from now on. */
void transport_renew(struct transport *transport, struct tls_credentials *credentials);

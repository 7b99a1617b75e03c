/*
 * A mutual TLS 1.3 stream between two members that know who they speak to: the certificate's CN is
 * the member's name, which raft's configuration ties to its id ("name@ip:port"). After TLS the
 * caller says its purpose, its id and address and the id it means (peer_hello.h); the called one
 * answers or resets. Loop thread only. names: peer_
 */
#pragma once

#include "raft/peer_hello.h"
#include "src/wire/tls_listener.h"

enum {
    PEER_TIMEOUT_MS = 1000, /* from connect to the answer */
    PEER_STREAMS_MAX = 64,
};

struct peer_target {
    const char *address; /* "name@ip:port" */
    const char *from;    /* our own */
    uint64_t self, id;   /* ours; the member's that is called */
    enum peer_purpose purpose;
};

/**
 * Call a member. done comes once, never from within: with the stream, which the callee takes over
 * at once with tls_stream_own, or with NULL and why; GONE = it says that self was removed from the
 * cluster. cancel: done comes with NULL, soon.
 */
struct peer_dial;
struct peer_dial *
peer_dial(struct loop *loop, struct tls_credentials *credentials, const struct peer_target *target,
          void (*done)(void *owner, struct tls_stream *stream, const struct error *why),
          void *owner);
void peer_dial_cancel(struct peer_dial *dial);

enum peer_right { PEER_REFUSED, PEER_MAY, PEER_REMOVED };

/** A port that members call. */
struct peer_door_setup {
    const char *ip;
    int port;
    uint64_t self;
    /** May the bearer of this certificate speak as member id? It is told when it was removed. */
    enum peer_right (*may)(void *owner, uint64_t id, const struct certificate *certificate);
    /** A member called, which is reached at address: take the stream over with tls_stream_own. */
    void (*called)(void *owner, uint64_t id, const char *address, enum peer_purpose purpose,
                   struct tls_stream *stream);
    void *owner;
};
struct peer_door;

/** Errors: BAD_INPUT (address), IO (port in use...). */
enum error_code peer_door_open(struct loop *loop, struct tls_credentials *credentials,
                               const struct peer_door_setup *setup, struct peer_door **door,
                               struct error *err);
int peer_door_port(const struct peer_door *door);
void peer_door_renew(struct peer_door *door, struct tls_credentials *credentials);

/** Accept no more and drop callers that did not say who they are yet. */
void peer_door_close(struct peer_door *door);

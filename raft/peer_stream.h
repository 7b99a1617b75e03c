/*
 * A mutual TLS 1.3 stream between two members that know who they speak to: the certificate's CN is
 * the member's name, which raft's configuration ties to its id ("name@ip:port"). After TLS the
 * caller says its purpose, its id and address and the id it means; the called one answers or
 * resets. Loop thread only. names: peer_
 */
#pragma once

#include "raft/cluster_fact.h"
#include "src/wire/tls_listener.h"

enum {
    PEER_ADDRESS = LIMIT_NAME + CLUSTER_ADDRESS + 8, /* "name@ip:port", with the NUL */
    PEER_TIMEOUT_MS = 1000,                          /* from connect to the answer */
    PEER_STREAMS_MAX = 64,
};

/** What a stream is for. RAFT: libraft's frames one way. MESSAGES: member_message.h one way. CALLS:
 * src/wire/call_link.h, calls of who opened it. */
enum peer_purpose { PEER_RAFT = 1, PEER_MESSAGES = 2, PEER_CALLS = 3 };

/** Parts of "name@ip:port". Errors: BAD_INPUT. */
struct peer_address {
    char name[LIMIT_NAME], ip[CLUSTER_ADDRESS];
    int port;
};
enum error_code peer_address_parse(const char *text, struct peer_address *address,
                                   struct error *err);
const char *peer_address_format(const char *name, const char *ip, int port,
                                char text[PEER_ADDRESS]);

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

/*
 * Calls between members: a stream (PEER_CALLS) to each other member over which we call, and theirs,
 * over which we answer. For what needs an answer: a proposal on its way to the leader, questions.
 * Loop thread only.
 */
#pragma once

#include "raft/replica.h"
#include "src/wire/call_link.h"

enum {
    MEMBER_CALLS_RETRY_MS = 200,
    MEMBER_CALLS_SILENCE_MS = 1000, /* and a call without an answer: the stream is dead */
};

struct member_calls;

struct member_calls_setup {
    struct loop *loop;
    struct tls_credentials *credentials; /* outlive it */
    uint64_t self;
    /** A member whose identity is pinned calls: answer or refuse, once, then or later. */
    void (*called)(void *owner, uint64_t member, const char *method, json_t *params,
                   struct call_link_request *request);
    /** A member that is to be reached says that this one was removed from the cluster. */
    void (*removed)(void *owner);
    void *owner;
};

struct member_calls *member_calls_new(const struct member_calls_setup *setup);

/** Whom to reach: raft's members (ourselves among them); a removed one is let go. */
void member_calls_members(struct member_calls *calls, const struct replica_server *servers,
                          int count);

/**
 * As call_link_call. Errors told by done: UNAVAILABLE (not connected, or no such member: nothing
 * was done); TIMEOUT, UNKNOWN_OUTCOME: it may have been done.
 */
void member_calls_call(struct member_calls *calls, uint64_t member,
                       const struct call_link_call *call, call_link_done *done, void *subject);

/** Is there a stream to it; BOOTTIME when it last said something on one, 0 = never. */
bool member_calls_up(const struct member_calls *calls, uint64_t member);
uint64_t member_calls_heard_ns(const struct member_calls *calls, uint64_t member);

/** A member opened its stream (replica_setup.calls). */
void member_calls_called(struct member_calls *calls, uint64_t member, struct tls_stream *stream);

/** Drops all; closed(owner) comes once, not from within, and the object is gone then. */
void member_calls_close(struct member_calls *calls, void (*closed)(void *owner));

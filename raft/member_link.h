/*
 * Keeps a stream of messages open to each other member and takes theirs: leases and statuses, which
 * may be lost. One way each: we call to speak, they call to be heard. Loop thread only.
 */
#pragma once

#include "raft/member_message.h"
#include "raft/replica.h"

enum {
    MEMBER_LINK_RETRY_MS = 200,
    MEMBER_LINK_QUEUE_BYTES = 64 << 10, /* more waiting: what is sent is dropped, it is stale */
};

struct member_link;

struct member_link_setup {
    struct loop *loop;
    struct tls_credentials *credentials; /* outlive it */
    uint64_t self;
    /** A message of a member whose identity is pinned. */
    void (*heard)(void *owner, uint64_t member, const struct member_message *message);
    void *owner;
};

struct member_link *member_link_new(const struct member_link_setup *setup);

/** Whom to reach: raft's members (ourselves among them); a removed one is let go. */
void member_link_members(struct member_link *link, const struct replica_server *servers, int count);

/** Best effort. False = it was dropped: not connected, or too much waits. */
bool member_link_send(struct member_link *link, uint64_t member,
                      const struct member_message *message);

/** A member opened its stream (replica_setup.messages). */
void member_link_called(struct member_link *link, uint64_t member, struct tls_stream *stream);

/** Drops all; closed(owner) comes once, not from within, and the link is gone then. */
void member_link_close(struct member_link *link, void (*closed)(void *owner));

/*
 * A child's end of its socket pair with gantry-fenced. Loop thread only. When it closes, fenced is
 * gone and the child must exit: closed() says so.
 */
#pragma once

#include "src/base/loop.h"
#include "src/wire/fence_message.h"

struct fence_link;

struct fence_events {
    void (*notice)(void *owner, const struct fence_reply *notice);
    void (*closed)(void *owner);
};

/** Called once for each request, with the socket of FENCE_LISTEN (now the callee's) or -1. */
typedef void fence_answer(void *subject, const struct fence_reply *reply, int fd);

/** Take the descriptor over. Errors: UNAVAILABLE when it is no such socket. */
enum error_code fence_link_open(struct loop *loop, int fd, const struct fence_events *events,
                                void *owner, struct fence_link **link, struct error *err);

/**
 * Send a request; its number is filled in. Answers come in any order. Without a link any more, or
 * when fenced does not read, answer is called with UNAVAILABLE, soon but not from within.
 */
void fence_link_send(struct fence_link *link, struct fence_request *request, fence_answer *answer,
                     void *subject);

/** For how long fenced owes the answer to a LEASE or QUERY, which it gives at once; 0 = to none. */
uint64_t fence_link_owed_ms(const struct fence_link *link);

/** Close; outstanding answers are not called. The link is gone when the loop comes round. */
void fence_link_close(struct fence_link *link);

/**
 * For the start of a program, before the loop runs: send a request and wait for its answer.
 * *fd may be NULL. Notices that come meanwhile are told as usual.
 */
enum error_code fence_link_ask(struct fence_link *link, struct fence_request *request,
                               struct fence_reply *reply, int *fd, struct error *err);

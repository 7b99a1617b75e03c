/*
 * Who waits for an answer at which virtual IP. A client that has sent its request has nothing more
 * to send: when the address moves, it would wait for its own patience. So every region tells the
 * others whose requests it answers, and the next holder of the address makes those clients speak
 * (fence: nudge.h) and learn that their connection is gone. Volatile, best effort.
 * Loop thread, but for add and remove. names: callers_ caller_
 */
#pragma once

#include "raft/member_message.h"
#include "src/base/loop.h"

enum {
    CALLERS_KEPT = 8192,    /* of all regions together; the oldest make room */
    CALLERS_KEEP_MS = 6000, /* after one was told last: longer than an address needs to move */
};

struct callers;

/* A request under way, embedded in it. */
struct caller_open {
    struct caller caller;
    struct caller_open *next, *before;
    uint64_t since_ns;
    bool linked;
};

struct callers_setup {
    struct loop *loop;
    /** To all other members, best effort. */
    void (*tell)(void *owner, const struct caller_list *list);
    void *owner;
};

struct callers *callers_new(const struct callers_setup *setup);

/** Nothing is added any more. Gone when the loop comes round. */
void callers_free(struct callers *callers);

/**
 * A request came, of "PEER:PORT VIP:PORT" as our HAProxy wrote it; other text is not an error: the
 * request came another way. callers NULL is fine. Any thread.
 */
void callers_add(struct callers *callers, struct caller_open *open, const char *text);

/** It is over. Any thread. */
void callers_remove(struct callers *callers, struct caller_open *open);

/** Of another region. */
void callers_heard(struct callers *callers, const struct caller_list *list);

/** The newest of a virtual IP that were told before before_ns; at most `most`. */
int callers_of(const struct callers *callers, uint32_t vip, uint64_t before_ns,
               struct caller *found, int most);

/**
 * Who may have come after the last that was told: a request is acknowledged to the client as it is
 * read, and its holder may be lost before the others hear of it. Linux gives a client's next
 * connection to the same address a port 2 to 16 further on, so those are guessed from the newest of
 * each peer (found is newest first); a wrong guess is answered with a reset that nobody misses.
 * guessed holds CALLERS_GUESSES for each of at most CALLERS_GUESSED peers. Pure.
 */
enum { CALLERS_GUESSES = 16, CALLERS_GUESSED = 64 };
int callers_guess(const struct caller *found, int count,
                  struct caller guessed[CALLERS_GUESSES * CALLERS_GUESSED]);

/*
 * "Is epoch e the primary's, with a live lease, now?", for the API's threads: answered here by the
 * primary's own member, elsewhere by a message to it, one for all threads that wait. Docs/ha.md 5.
 */
#pragma once

#include "ha/pg_member.h"

struct epoch_ask;

struct epoch_ask_setup {
    struct loop *loop;
    const struct pg_member *pg;
    /** Loop: a question to whoever is primary; best effort. */
    void (*send)(void *owner, const struct member_message *message);
    void *owner;
};

struct epoch_ask *epoch_ask_new(const struct epoch_ask_setup *setup);

/** Threads that wait are told no; who asks later is a bug. Loop. */
void epoch_ask_free(struct epoch_ask *ask);

/** Any thread but the loop's. Waits for the answer, EPOCH_ASK_MS at most; then: no. */
enum { EPOCH_ASK_MS = 1000 };
bool epoch_ask_valid(struct epoch_ask *ask, uint64_t epoch);

/** Loop: the primary's member has answered. */
void epoch_ask_answered(struct epoch_ask *ask, const struct epoch_word *word);

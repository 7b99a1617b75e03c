/*
 * Where the primary is, and the connections of one program's threads that follow it. The owner has
 * a lock of its own: all functions under it, on any thread. names: db_follow_
 */
#pragma once

#include "src/db/db.h"

/** One thread's connection: whose thread it is may use db without the lock. */
struct db_follower {
    struct db *db;
    uint64_t generation; /* of the primary that db points at; 0 = none yet */
    uint64_t epoch;      /* of that primary */
    struct db_follower *next;
};

/** Zeroed = there is no primary. */
struct db_follow {
    char *conninfo;      /* NULL = there is none */
    uint64_t generation; /* counts changes */
    uint64_t epoch;
    struct db_follower *followers;
};

/** The primary is here now, NULL = nowhere: what waits for the one before breaks off. Copied. */
void db_follow_primary(struct db_follow *follow, const char *conninfo, uint64_t epoch);

/** No follower may be left. */
void db_follow_close(struct db_follow *follow);

/** A connection of its own for a follower, and its end. */
void db_follow_join(struct db_follow *follow, struct db_follower *follower);
void db_follow_leave(struct db_follow *follow, struct db_follower *follower);

/** Point db at the primary as it is now, before its next transaction. False: there is none. */
bool db_follow_turn(const struct db_follow *follow, struct db_follower *follower);

/** Is the primary still the one that db points at? */
bool db_follow_same(const struct db_follow *follow, const struct db_follower *follower);

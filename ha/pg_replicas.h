/*
 * What a primary provides for the other members' replication, and what it ends: roles, slots, and
 * WAL senders that may not count in the quorum. Blocking; through the supervisor's connection to a
 * primary.
 */
#pragma once

#include "raft/cluster_state.h"
#include "src/db/db.h"

/**
 * A slot for each other member and a role for each, its own too, for the day another is primary;
 * slots of former members go. Roles are data: on the primary alone, replicated from there. Errors:
 * those of the database.
 */
enum error_code pg_replicas_provide(struct db *db, const struct cluster_state *facts, uint64_t self,
                                    struct error *err);

/**
 * The slots alone: they are not replicated, so a new primary makes them before anybody follows it.
 * On a standby too.
 */
enum error_code pg_replicas_slots(struct db *db, const struct cluster_state *facts, uint64_t self,
                                  struct error *err);

/**
 * End each WAL sender under a member's name that is not that member's: another role, or not the
 * one that holds the slot; of two with one name the older. Every 200 ms and before the gate opens.
 * *ended (may be NULL): how many.
 */
enum error_code pg_replicas_check(struct db *db, int *ended, struct error *err);

/** What one member's standby has flushed, as its sender says. */
struct pg_replica {
    uint64_t member, flushed_lsn;
    bool streams, slot_lost;
    uint64_t backend_start_us; /* since 2000-01-01 */
};
enum error_code pg_replicas_read(struct db *db, struct pg_replica replicas[LIMIT_REGIONS],
                                 int *count, struct error *err);

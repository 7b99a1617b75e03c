/*
 * The one way a machine gets another status: by the table of moves, with its event, its time limit
 * and the status before, in one statement. Runs inside the caller's transaction; any thread with a
 * database connection.
 */
#pragma once

#include "src/region/machine_store.h"

/** Where to and why. Texts are borrowed. */
struct machine_move {
    int to;
    const char *username; /* who asked for it, or NULL */
    const char *error;    /* error_description of the machine from now on; NULL = "" */
    bool homeless;        /* where it booted last another machine may be: until its next boot its
                             key is given nowhere */
};

/**
 * Move it; machine->status and previous_status follow. The status it leaves becomes
 * previous_status, unless one that passes follows another (Commissioning, then Testing): then what
 * was before stays; behind Commissioning, Testing comes back to Ready. A status that passes gets
 * the limit of the setting node_timeout. netboot is on in every status but Deployed from disk.
 * Errors: CONFLICT with a text for people (no such move; it moved meanwhile).
 */
enum error_code machine_move(struct db *db, struct machine *machine,
                             const struct machine_move *move, struct arena *arena,
                             struct error *err);

/**
 * It lives: the limit of a status that passes counts from now on. Writes at most twice a minute,
 * and at the first word after a boot.
 */
enum error_code machine_move_alive(struct db *db, const struct machine *machine,
                                   struct arena *arena, struct error *err);

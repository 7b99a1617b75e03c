/*
 * What a machine's life consists of: each change of status together with the work that it begins or
 * ends. The API, the metadata service, the workers and the leader's duty all go through here. Runs
 * inside the caller's transaction; any thread with a database connection.
 */
#pragma once

#include "src/model/operation_kind.h"
#include "src/region/machine_move.h"
#include "src/wire/seal.h"

/** By what and in whose name. */
struct machine_life {
    struct db *db;
    struct arena *arena;
    const struct seal_ring *ring; /* for the machine's key */
    const char *username;         /* who asked, or NULL */
};

/**
 * Move to a status that passes and begin its power work (operation_kind.h). What the work ends in
 * is done at once when nothing can switch the machine. Errors: CONFLICT (no such move).
 */
enum error_code machine_life_begin(const struct machine_life *life, struct machine *machine, int to,
                                   const char *operation, struct error *err);

/** Move to a status that stays; open work ends. why: what is wrong with the machine, or NULL. */
enum error_code machine_life_settle(const struct machine_life *life, struct machine *machine,
                                    int to, const char *why, struct error *err);

/**
 * What was under way went wrong: to the failure of its status, with an event; open work and scripts
 * that did not run end. In a status that stays it is an event alone.
 */
enum error_code machine_life_fail(const struct machine_life *life, struct machine *machine,
                                  const char *event_type, const char *why, struct error *err);

/** Nobody has it any more, and nothing of its owner is left; it has the owner's key still. */
enum error_code machine_life_let_go(const struct machine_life *life, struct machine *machine,
                                    struct error *err);

/** Released: Ready, nobody's, and nothing of its owner is left; its key is a new one. */
enum error_code machine_life_free(const struct machine_life *life, struct machine *machine,
                                  struct error *err);

/** A machine's key until now lets nobody in any more; it gets a new one. */
enum error_code machine_life_new_key(const struct machine_life *life, const char *system_id,
                                     struct error *err);

/** What a kind of work ends in. */
enum error_code machine_life_end(const struct machine_life *life, struct machine *machine,
                                 enum operation_end end, struct error *err);

/** See that it is off in a while, whether or not it does that by itself. */
enum error_code machine_life_power_off(const struct machine_life *life,
                                       const struct machine *machine, struct error *err);

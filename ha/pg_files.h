/*
 * The files PostgreSQL is steered by: configuration outside the data directory, rewritten before
 * every start; the client lines of hba; standby.signal; empty history files of skipped timelines.
 * Blocking; on a thread of loop_run_blocking.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ha/ha_settings.h"
#include "raft/cluster_state.h"
#include "src/base/error.h"
#include "src/base/limits.h"

struct pg_files {
    const struct ha_settings *settings;
    char data_dir[LIMIT_PATH]; /* DATA/pg */
    char conf_dir[LIMIT_PATH]; /* DATA/pg-conf */
    char config_file[LIMIT_PATH];
};

void pg_files_init(struct pg_files *files, const struct ha_settings *settings);

/** The data directory is complete: initdb ended and nothing has marked it otherwise since. */
bool pg_files_has_data(const struct pg_files *files);

/**
 * initdb into a new directory, then rename: a crash leaves no half-made one. Errors: NOT_FOUND (no
 * program), IO (with initdb's words).
 */
enum error_code pg_files_initialise(const struct pg_files *files, struct error *err);

/* What a start or a reload puts in force. Empty texts are fine. */
struct pg_steer {
    const char *standby_names;         /* synchronous_standby_names */
    const char *conninfo, *slot;       /* whom to follow; "" = nobody */
    const struct cluster_state *facts; /* whose members may replicate from here */
    uint64_t self;
    bool open;    /* the gate: clients may connect */
    bool revokes; /* there is a list of revoked certificates */
};

/**
 * Before every start: configuration, empty postgresql.auto.conf, standby.signal, and what
 * pg_files_steer writes; the gate is closed. Errors: CONFLICT (data of another version of
 * PostgreSQL), NOT_FOUND (no program), IO.
 */
enum error_code pg_files_prepare(const struct pg_files *files, const struct pg_steer *steer,
                                 struct error *err);

/** The part that changes while it runs; durable when it returns, in force after a reload. */
enum error_code pg_files_steer(const struct pg_files *files, const struct pg_steer *steer,
                               struct error *err);

/**
 * So that the next promote takes timeline wanted: empty history files for the numbers between.
 * _forget removes those above the newest real one: their promote did not happen.
 */
enum error_code pg_files_reserve(const struct pg_files *files, uint32_t current, uint32_t wanted,
                                 struct error *err);
void pg_files_forget(const struct pg_files *files);

/** Number of the newest real history file, 0 = there is none. */
uint32_t pg_files_newest(const struct pg_files *files);

/**
 * What PostgreSQL wants to find besides the promote signal. Only while a lease is armed at fenced:
 * with its end the postmaster ends, so that a file without its signal promotes nothing later.
 */
enum error_code pg_files_promote(const struct pg_files *files, struct error *err);

/** conninfo of the supervisor (superuser gantry; _warm: in the API's database, which need not be
 * open) and of the API (role api, database gantry). */
void pg_files_supervisor(const struct pg_files *files, char *text, size_t size);
void pg_files_warm(const struct pg_files *files, char *text, size_t size);
void pg_files_client(const struct pg_files *files, char *text, size_t size);

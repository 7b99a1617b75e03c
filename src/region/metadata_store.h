/*
 * What a machine is told of itself and what it tells: the database side of the metadata service.
 * Runs inside the caller's transaction; pool threads.
 */
#pragma once

#include "src/region/machine_store.h"

/** Who speaks, as its row says. */
struct metadata_machine {
    int64_t id;
    int status;
    bool enlisted;  /* its hardware was reported */
    bool netboot;   /* not installed yet */
    bool in_memory; /* deployed without a disk */
    bool tried;     /* it runs a system only to have its scripts run: commissioning, testing */
    bool ssh;       /* people want to look: then it stays on when they have ended */
    bool at_home;   /* the address asked about is where it boots from now */
    const char *system_id, *hostname, *fqdn, *architecture;
    int64_t owner_id;    /* 0 = nobody */
    struct machine life; /* for machine_signal.h */
};

/** address may be NULL. Errors: NOT_FOUND. */
enum error_code metadata_store_find(struct db *db, const char *system_id, const char *address,
                                    struct arena *arena, struct metadata_machine *machine,
                                    struct error *err);

/** One key per line, "" when nobody owns the machine. */
enum error_code metadata_store_public_keys(struct db *db, const struct metadata_machine *machine,
                                           struct arena *arena, const char **text,
                                           struct error *err);

/** The owner's certificates, one behind the other; "" when there is none. */
enum error_code metadata_store_certificates(struct db *db, const struct metadata_machine *machine,
                                            struct arena *arena, const char **text,
                                            struct error *err);

/**
 * Keys that open the system of a rescue, or of a machine that is tried: its owner's, and of who had
 * it started last. One per line.
 */
enum error_code metadata_store_visitor_keys(struct db *db, const struct metadata_machine *machine,
                                            struct arena *arena, const char **text,
                                            struct error *err);

/** What its user gave to deploy; *bytes NULL = nothing. */
enum error_code metadata_store_user_data(struct db *db, int64_t node_id, struct arena *arena,
                                         const char **bytes, size_t *size, struct error *err);

/** One output of a script; bytes NULL = not sent. */
struct metadata_output {
    const char *bytes;
    size_t size;
};

struct metadata_result {
    const char *name;
    int64_t id; /* of the result, 0 = it is found by its name */
    int status; /* MAAS's script status */
    bool has_exit_status;
    int64_t exit_status;
    double runtime_s; /* < 0 = not told */
    struct metadata_output output, stdout_bytes, stderr_bytes, result;
};

/** Keep it in the machine's current set of this type (script_run.h), begun if there is none. */
enum error_code metadata_store_put_result(struct db *db, int64_t node_id, int set_type,
                                          const struct metadata_result *result, struct arena *arena,
                                          struct error *err);

/** A sign of life; error NULL clears what went wrong before; done: its hardware is known now. */
enum error_code metadata_store_signal(struct db *db, int64_t node_id, const char *error, bool done,
                                      struct arena *arena, struct error *err);

/** May its firmware boot it from the network? */
enum error_code metadata_store_set_netboot(struct db *db, int64_t node_id, bool netboot,
                                           struct arena *arena, struct error *err);

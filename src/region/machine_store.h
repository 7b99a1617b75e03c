/*
 * Machines as rows: found, made, changed. Runs inside the caller's transaction; pool threads.
 */
#pragma once

#include "src/region/api.h"
#include "src/region/machine_form.h"
#include "src/region/node_filter.h"
#include "src/wire/seal.h"

/** What decisions are made from. */
struct machine {
    int64_t id;
    int64_t owner_id; /* 0 = nobody */
    int node_type, status;
    int previous_status; /* the last one that was to stay: see machine_move.h */
    bool enlisted;       /* its hardware was reported */
    bool commissioned;   /* its hardware is known: it was Ready, or tested after commissioning */
    bool deployed;       /* its owner's system is on it and was up */
    bool locked;
    const char *system_id, *hostname, *power_type;
};

/** The columns that machine_store_row() reads, of node n; the next column is MACHINE_STORE_NEXT. */
#define MACHINE_STORE_COLUMNS                                                                \
    "SELECT n.id, coalesce(n.owner_id, 0), n.node_type, n.status, n.enlisted IS NOT NULL, "  \
    "n.system_id, n.hostname, n.power_type, n.previous_status, n.commissioned IS NOT NULL, " \
    "n.locked, n.deployed IS NOT NULL "
enum { MACHINE_STORE_NEXT = 12 };
struct machine machine_store_row(const struct db_rows *rows, int row, struct arena *arena);

/**
 * One by system_id, if it is of types (NODE_MACHINES...) and the request's user may see it.
 * Errors: NOT_FOUND with MAAS's text.
 */
enum error_code machine_store_find(struct api_request *request, const char *system_id,
                                   unsigned types, struct machine *machine, struct error *err);

/** Those of system_ids (array text) that are machines and exist, by id; *list is in the arena. */
enum error_code machine_store_list(struct db *db, const char *system_ids, struct arena *arena,
                                   struct machine **list, int *count, struct error *err);

/** All machines in a status, by id. */
enum error_code machine_store_in_status(struct db *db, int status, struct arena *arena,
                                        struct machine **list, int *count, struct error *err);

/** What it is by now: another transaction may have moved it. Errors: NOT_FOUND. */
enum error_code machine_store_reload(struct db *db, struct machine *machine, struct arena *arena,
                                     struct error *err);

/** May the request's user change it: an administrator or its owner. Errors: FORBIDDEN. */
enum error_code machine_store_check_owner(const struct api_request *request,
                                          const struct machine *machine, struct error *err);

/** Is any of these MACs (array text) an interface of a node? busy: of one being set up. */
enum error_code machine_store_has_mac(struct db *db, const char *macs, bool busy, bool *found,
                                      struct error *err);

/**
 * A new machine in status New, with its interfaces and its metadata key; or a new device (of the
 * form), which has no key and the owner that the form names. *known: there was one
 * already and an anonymous request may have it again (docs/inventory.md, how it is sent). What
 * collides becomes a field error and BAD_INPUT.
 */
enum error_code machine_store_create(struct api_request *request, struct api_reply *reply,
                                     const struct machine_form *form, struct machine *made,
                                     bool *known, struct error *err);

/** Change what the form says. Errors: BAD_INPUT with a field error (host name taken). */
enum error_code machine_store_update(struct api_request *request, struct api_reply *reply,
                                     int64_t id, const struct machine_form *form,
                                     struct error *err);

enum error_code machine_store_delete(struct db *db, int64_t id, struct arena *arena,
                                     struct error *err);

/**
 * The nodes (ids, array text) lose their links and the interfaces that are not physical; what was
 * observed of them stays.
 */
enum error_code machine_store_unlink(struct db *db, const char *ids, struct error *err);

/** Put nodes (system_ids, array text) into a zone by name. Errors: BAD_INPUT (no such zone). */
enum error_code machine_store_set_zone(struct db *db, const char *zone, const char *system_ids,
                                       struct error *err);

/** An address as the database takes it, or NULL when text is none ("", a unix socket). */
const char *machine_store_address(const char *text);

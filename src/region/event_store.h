/*
 * What happened, as rows: for people who ask why. Runs inside the caller's transaction; any thread
 * with a database connection. names: event_
 */
#pragma once

#include "src/db/db.h"

struct api_request;

/** One event. Texts are borrowed; a description may be foreign: it is cut at 1000 bytes. */
struct event {
    const char *type;        /* a row of src/model/event_type.h (a bug if it is none) */
    const char *system_id;   /* of the node it is about, or NULL */
    const char *username;    /* who asked for it, or NULL */
    const char *description; /* or NULL */
    const char *action;      /* the step that a machine reported, or NULL */
};

/**
 * Write it; what people are told of (INFO and above) becomes the node's status_message as well,
 * its step status_action.
 * Errors: those of the database. A node that is not there leaves an event without a node.
 */
enum error_code event_add(struct db *db, const struct event *event, struct arena *arena,
                          struct error *err);

/**
 * An audit event in the name of who asks: changes of what is no node's life. type is a row whose
 * level is AUDIT.
 */
enum error_code event_audit(const struct api_request *request, const char *type,
                            const char *description, struct error *err);

/** Forget the oldest beyond what is kept, some rows at a time. */
enum error_code event_sweep(struct db *db, struct error *err);

/** What events to list: of these nodes (NULL = of all), newest first. */
struct event_query {
    const char *node_ids; /* "{1,2}" ids of node rows, or NULL */
    int level;            /* this and above; EVENT_AUDIT: audit events alone */
    int64_t after;        /* newer than this id, or 0 */
    int64_t before;       /* older than this id, or 0 */
    int64_t limit;
    const char *owner; /* asked for by this user, or NULL */
};

/** rows: id, system_id, hostname, username, type, level, description, created (MAAS's form). */
enum error_code event_list(struct db *db, const struct event_query *query, struct arena *arena,
                           struct db_rows *rows, struct error *err);

/*
 * Nodes as JSON, each type in its own shape: a fixed number of statements for each thousand of
 * them. Runs inside the caller's transaction; pool threads. names: node_json_
 */
#pragma once

#include "src/region/api.h"

/** A machine as an enlistment sees it: few keys. */
enum node_shape { NODE_SHAPE_FULL, NODE_SHAPE_ENLISTED };

/**
 * Write these nodes (ids "{1,2}" of rows), ordered by id, as values into the list that is open in
 * out, or one as the document itself. *count (may be NULL) is how many there were.
 * Errors: those of the database.
 */
enum error_code node_json_write(struct db *db, const char *ids, enum node_shape shape,
                                struct json_out *out, int *count, struct error *err);

/** One key more, with its JSON. */
struct node_json_extra {
    const char *key, *json;
};
enum error_code node_json_reply_with(struct api_request *request, int64_t id,
                                     const struct node_json_extra *extra, struct api_reply *reply,
                                     struct error *err);

/** The reply: a list of these, or one of them (an ids with one member). */
enum error_code node_json_reply_list(struct api_request *request, const char *ids,
                                     struct api_reply *reply, struct error *err);
enum error_code node_json_reply(struct api_request *request, int64_t id, struct api_reply *reply,
                                struct error *err);

/*
 * Replies made of rows whose first column is a JSON object that PostgreSQL wrote (network_sql.h).
 * They stream: no list is kept in memory. Pool threads, inside the caller's transaction.
 */
#pragma once

#include "src/region/api.h"

/** All rows as a JSON list. Errors: of the statement. */
enum error_code rows_reply_list(struct api_request *request, struct api_reply *reply,
                                const struct db_statement *statement, struct db_params params,
                                struct error *err);

/** The only row as an object. Errors: NOT_FOUND "No MODEL matches the given query.". */
struct rows_one {
    const struct db_statement *statement;
    const char *model; /* "Subnet" */
};
enum error_code rows_reply_one(struct api_request *request, struct api_reply *reply,
                               const struct rows_one *one, struct db_params params,
                               struct error *err);

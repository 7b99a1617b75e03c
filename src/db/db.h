/*
 * PostgreSQL client: connection, prepared statements, transactions, rows. Blocking; one connection
 * belongs to one thread. Owner of libpq (with migrate.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/field.h"

struct db;

/**
 * A connection that dials on first use and redials after it broke. conninfo as libpq's, copied;
 * no password: local peer authentication or client certificates.
 */
struct db *db_new(const char *conninfo);
void db_free(struct db *db);

/** Point at another primary: the next use dials it. */
void db_redirect(struct db *db, const char *conninfo);

/**
 * Break what is under way, a dial too: a primary that was superseded may never answer. Statements
 * fail as when the connection broke, and nothing is dialled again until db_redirect. Any thread,
 * while the owner keeps db.
 */
void db_break(struct db *db);

/** Dial now if there is no live connection, for at most 2 s. Errors: UNAVAILABLE. */
enum error_code db_ready(struct db *db, struct error *err);

/**
 * Did the last db_transact, or the last statement outside of one, fail for want of a primary: no
 * connection, shutting down, read-only, or an answer that was lost? Then the same work may be done
 * again later, under the same request id.
 */
bool db_lost(const struct db *db);

/** SQL with $1... parameters, prepared once per connection under its name. Static storage. */
struct db_statement {
    const char *name, *sql;
};
#define DB_STATEMENT(identifier, text) \
    static const struct db_statement identifier = {#identifier, text}

/** Parameters as text, NULL = SQL null: db_query(db, &s, DB_PARAMS(a, b), &rows, err). */
struct db_params {
    int count;
    const char *const *values;
};
#define DB_PARAMS(...)                                                                     \
    ((struct db_params){sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), \
                        (const char *const[]){__VA_ARGS__}})
#define DB_NO_PARAMS ((struct db_params){0, NULL})

/** A number as parameter text, in the arena. */
const char *db_number(struct arena *arena, int64_t number);

/** "{a,b}" array parameter from count texts, quoted, in the arena. */
const char *db_array(struct arena *arena, const char *const *texts, int count);

/** A result; zero it before use, close it always: __attribute__((cleanup(db_rows_close))). */
struct db_rows {
    void *result;
    int count;
    int64_t affected; /* rows changed by INSERT, UPDATE, DELETE */
};
void db_rows_close(struct db_rows *rows);

/** Texts point into the result; NULL = SQL null. */
const char *db_text(const struct db_rows *rows, int row, int column);
int64_t db_int(const struct db_rows *rows, int row, int column);
bool db_bool(const struct db_rows *rows, int row, int column);
bool db_is_null(const struct db_rows *rows, int row, int column);

/**
 * Fill *object from one row by a field table: each column of the result must have its field (a
 * column without one is a bug). Texts are copied to the arena.
 */
void db_map(const struct db_rows *rows, int row, const struct field *fields, int count,
            void *object, struct arena *arena);

/**
 * Run one prepared statement; rows may be NULL. Errors: BUSY (serialization or deadlock: run the
 * transaction again), CONFLICT (unique, foreign key, exclusion), BAD_INPUT (value out of range or
 * malformed), UNAVAILABLE (connection gone, shutting down, read-only), LIMIT, INTERNAL (the rest).
 */
enum error_code db_query(struct db *db, const struct db_statement *statement,
                         struct db_params params, struct db_rows *rows, struct error *err);

/**
 * Run several different statements in their order, sent at once: one round trip. rows[i] takes the
 * i-th result: zero them all before, close them all afterwards, also after an error. The first
 * error ends it. Errors: as db_query.
 */
struct db_ask {
    const struct db_statement *statement;
    struct db_params params;
};
enum error_code db_query_all(struct db *db, const struct db_ask *asks, int count,
                             struct db_rows *rows, struct error *err);

/** The constraint named by the last CONFLICT or BAD_INPUT, or "". */
const char *db_constraint(const struct db *db);

/**
 * One row after the other without keeping the result: row(subject, rows) sees row 0 of rows.
 * An error of row() ends it. For lists of any length.
 */
typedef enum error_code db_row_function(void *subject, const struct db_rows *rows,
                                        struct error *err);
enum error_code db_each(struct db *db, const struct db_statement *statement,
                        struct db_params params, db_row_function *row, void *subject,
                        struct error *err);

/** Text with several statements and no parameters: migrations and supervisors only. */
enum error_code db_script(struct db *db, const char *sql, struct error *err);

enum db_mode {
    DB_READ,  /* REPEATABLE READ, READ ONLY: one snapshot for all its statements */
    DB_WRITE, /* SERIALIZABLE */
};

/**
 * Run body inside a transaction and commit; body runs again (at most DB_TRIES times in all) after a
 * serialization failure or when the connection broke before COMMIT was sent, so it must not keep
 * results of an earlier run. An error of body rolls back and is returned.
 * Errors: those of body; UNKNOWN_OUTCOME when COMMIT was sent and its answer was lost or carried a
 * warning (a commit is acknowledged only by COMMAND OK without a warning).
 */
enum { DB_TRIES = 8 };
typedef enum error_code db_body(struct db *db, void *subject, struct error *err);
enum error_code db_transact(struct db *db, enum db_mode mode, db_body *body, void *subject,
                            struct error *err);

/* PostgreSQL client: see db.h. Source: PostgreSQL manual, libpq. */
#include "src/db/db.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"

enum { MAX_PREPARED = 1024, DIAL_MS = 2000 };

/* BEGIN travels with the transaction's first statement: one round trip less. */
enum transaction { TX_NONE, TX_WANTED, TX_OPEN };

struct db {
    PGconn *pg;
    pthread_mutex_t lock;
    int socket;  /* under the lock: a duplicate of pg's own, -1 = none; for db_break */
    bool broken; /* under the lock: nothing is dialled until db_redirect */
    char *conninfo;
    const struct db_statement *prepared[MAX_PREPARED]; /* open-addressed by address */
    int prepared_count;
    enum transaction transaction;
    enum db_mode mode;   /* of the transaction */
    bool draining;       /* the COMMIT of a read was sent, its answer not yet taken */
    bool lost;           /* see db_lost */
    bool warned;         /* the server sent a WARNING since the last COMMIT began */
    char constraint[64]; /* of the last error */
};

static void note_warning(void *subject, const PGresult *result)
{
    struct db *db = subject;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && !strcmp(severity, "WARNING"))
        db->warned = true;
}

struct db *db_new(const char *conninfo)
{
    struct db *db = calloc(1, sizeof(*db));
    ASSERT(db);
    db->conninfo = strdup(conninfo);
    ASSERT(db->conninfo);
    pthread_mutex_init(&db->lock, NULL);
    db->socket = -1;
    return db;
}

/* A descriptor of our own: libpq closes its by itself when a connection fails, and the number may
 * be a client's by the time it is broken. */
static void set_socket(struct db *db, int socket)
{
    pthread_mutex_lock(&db->lock);
    if (db->socket >= 0)
        close(db->socket);
    db->socket = socket < 0 ? -1 : fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (db->broken && db->socket >= 0) /* broken since it was looked at */
        shutdown(db->socket, SHUT_RDWR);
    pthread_mutex_unlock(&db->lock);
}

void db_break(struct db *db)
{
    pthread_mutex_lock(&db->lock);
    db->broken = true;
    if (db->socket >= 0)
        shutdown(db->socket, SHUT_RDWR);
    pthread_mutex_unlock(&db->lock);
}

static bool is_broken(struct db *db)
{
    pthread_mutex_lock(&db->lock);
    bool broken = db->broken;
    pthread_mutex_unlock(&db->lock);
    return broken;
}

static void hang_up(struct db *db)
{
    set_socket(db, -1);
    if (db->pg)
        PQfinish(db->pg);
    db->pg = NULL;
    db->draining = false;
    memset(db->prepared, 0, sizeof(db->prepared));
    db->prepared_count = 0;
}

void db_free(struct db *db)
{
    if (!db)
        return;
    hang_up(db);
    pthread_mutex_destroy(&db->lock);
    free(db->conninfo);
    free(db);
}

void db_redirect(struct db *db, const char *conninfo)
{
    hang_up(db);
    pthread_mutex_lock(&db->lock);
    db->broken = false;
    pthread_mutex_unlock(&db->lock);
    free(db->conninfo);
    db->conninfo = strdup(conninfo);
    ASSERT(db->conninfo);
}

/* libpq's messages end in newlines and may have several lines: the first is enough for a person. */
static int first_line(const char *message)
{
    return (int)strcspn(message, "\n");
}

/* Take the answer to the COMMIT of the last read; its content does not matter, its end does. */
static void drain(struct db *db)
{
    PGresult *result;
    if (!db->draining)
        return;
    while ((result = PQgetResult(db->pg)))
        PQclear(result);
    db->draining = false;
    if (PQtransactionStatus(db->pg) != PQTRANS_IDLE)
        hang_up(db);
}

/* Until the socket of a dial is ready for what libpq waits for; false = not within the time. */
static bool wait_ready(const struct db *db, PostgresPollingStatusType status, uint64_t end_ns)
{
    uint64_t now_ns = clock_boot_ns();
    short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    struct pollfd ready = {PQsocket(db->pg), events, 0};
    return now_ns < end_ns && poll(&ready, 1, (int)((end_ns - now_ns) / CLOCK_MS) + 1) > 0;
}

/* Step by step, so that db_break ends it as it ends a statement. Statements are planned once:
 * choosing a plan for one of our lists takes longer than to run it, and PostgreSQL would go on
 * doing so where few rows come back. */
static enum error_code dial(struct db *db, struct error *err)
{
    const char *const keywords[] = {"dbname", "options", NULL};
    const char *const values[] = {db->conninfo, "-c plan_cache_mode=force_generic_plan", NULL};
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    uint64_t end_ns = clock_boot_ns() + DIAL_MS * CLOCK_MS;
    int shown = -1;
    db->pg = PQconnectStartParams(keywords, values, 1);
    ASSERT(db->pg);
    while (PQstatus(db->pg) != CONNECTION_BAD && status != PGRES_POLLING_OK &&
           status != PGRES_POLLING_FAILED) {
        if (PQsocket(db->pg) != shown)
            set_socket(db, shown = PQsocket(db->pg));
        if (!wait_ready(db, status, end_ns))
            return error_set(err, ERR_UNAVAILABLE, "database: no answer to a new connection");
        status = PQconnectPoll(db->pg);
    }
    if (PQstatus(db->pg) != CONNECTION_OK) {
        const char *message = PQerrorMessage(db->pg);
        return error_set(err, ERR_UNAVAILABLE, "database: %.*s", first_line(message), message);
    }
    set_socket(db, PQsocket(db->pg));
    return ERR_OK;
}

enum error_code db_ready(struct db *db, struct error *err)
{
    drain(db);
    if (db->pg && PQstatus(db->pg) == CONNECTION_OK)
        return ERR_OK;
    hang_up(db);
    if (db->transaction == TX_OPEN) { /* what came before is gone: nothing may follow it */
        db->lost = true;
        return error_set(err, ERR_UNAVAILABLE, "database: the connection broke");
    }
    if (is_broken(db)) {
        db->lost = true;
        return error_set(err, ERR_UNAVAILABLE, "database: the primary was superseded");
    }
    if (dial(db, err)) {
        hang_up(db);
        db->lost = true;
        return ERR_UNAVAILABLE;
    }
    PQsetNoticeReceiver(db->pg, note_warning, db);
    return ERR_OK;
}

const char *db_number(struct arena *arena, int64_t number)
{
    return arena_printf(arena, "%" PRId64, number);
}

const char *db_array(struct arena *arena, const char *const *texts, int count)
{
    size_t size = 3;
    for (int i = 0; i < count; i++)
        size += 2 * strlen(texts[i]) + 3;
    char *array = arena_alloc(arena, size), *p = array;
    *p++ = '{';
    for (int i = 0; i < count; i++) {
        if (i)
            *p++ = ',';
        *p++ = '"';
        for (const char *c = texts[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                *p++ = '\\';
            *p++ = *c;
        }
        *p++ = '"';
    }
    *p = '}';
    return array;
}

void db_rows_close(struct db_rows *rows)
{
    PQclear(rows->result);
    *rows = (struct db_rows){0};
}

bool db_is_null(const struct db_rows *rows, int row, int column)
{
    ASSERT(row < rows->count && column < PQnfields(rows->result));
    return PQgetisnull(rows->result, row, column);
}

const char *db_text(const struct db_rows *rows, int row, int column)
{
    return db_is_null(rows, row, column) ? NULL : PQgetvalue(rows->result, row, column);
}

int64_t db_int(const struct db_rows *rows, int row, int column)
{
    const char *text = db_text(rows, row, column);
    ASSERT(text);
    return strtoll(text, NULL, 10);
}

bool db_bool(const struct db_rows *rows, int row, int column)
{
    const char *text = db_text(rows, row, column);
    return text && text[0] == 't';
}

void db_map(const struct db_rows *rows, int row, const struct field *fields, int count,
            void *object, struct arena *arena)
{
    int columns = PQnfields(rows->result);
    for (int i = 0; i < columns; i++) {
        const struct field *field = NULL;
        const char *name = PQfname(rows->result, i);
        if (i < count && !strcmp(fields[i].name, name))
            field = &fields[i]; /* columns usually stand in the table's order */
        else
            field = field_find(fields, count, name);
        ASSERT(field);
        struct error err;
        const char *text = db_text(rows, row, i);
        if (!text && field->type != FIELD_TEXT && field->type != FIELD_JSON &&
            field->type != FIELD_OPT_INT)
            continue; /* null: the zero value */
        enum error_code code = field_set(field, object, text, arena, &err);
        ASSERT(code == ERR_OK);
    }
}

static enum error_code classify(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum error_code code;
    } table[] = {
        {"40001", ERR_BUSY},        {"40P01", ERR_BUSY},      {"55P03", ERR_BUSY},
        {"23502", ERR_BAD_INPUT},   {"23514", ERR_BAD_INPUT}, {"23", ERR_CONFLICT},
        {"22", ERR_BAD_INPUT},      {"08", ERR_UNAVAILABLE},  {"57P", ERR_UNAVAILABLE},
        {"25006", ERR_UNAVAILABLE}, {"53", ERR_LIMIT},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (!strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)))
            return table[i].code;
    return ERR_INTERNAL;
}

static enum error_code fail(struct db *db, const PGresult *result, const char *what,
                            struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(db->constraint, sizeof(db->constraint), "%s", constraint ? constraint : "");
    if (PQstatus(db->pg) != CONNECTION_OK || !sqlstate) {
        message = PQerrorMessage(db->pg);
        db->lost = true;
        return error_set(err, ERR_UNAVAILABLE, "database: %.*s", first_line(message), message);
    }
    enum error_code code = classify(sqlstate);
    if (!strcmp(sqlstate, "25006") && db->transaction == TX_OPEN && db->mode == DB_READ)
        code = ERR_INTERNAL; /* a write in a read of ours, not a standby */
    db->lost = code == ERR_UNAVAILABLE;
    return error_set(err, code, "database: %s: %.300s (%s)", what, message ? message : "error",
                     sqlstate);
}

/* The statement's slot, or the empty one where it belongs. */
static size_t slot_of(const struct db *db, const struct db_statement *statement)
{
    size_t slot = ((uintptr_t)statement / sizeof(*statement)) % MAX_PREPARED;
    while (db->prepared[slot] && db->prepared[slot] != statement)
        slot = (slot + 1) % MAX_PREPARED;
    return slot;
}

static void note_prepared(struct db *db, const struct db_statement *statement)
{
    ASSERT(db->prepared_count < MAX_PREPARED - 1);
    db->prepared[slot_of(db, statement)] = statement;
    db->prepared_count++;
}

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static const char *begin_sql(const struct db *db)
{
    return db->mode == DB_READ ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                               : "BEGIN ISOLATION LEVEL SERIALIZABLE";
}

static bool is_prepared(const struct db *db, const struct db_statement *statement)
{
    return db->prepared[slot_of(db, statement)] != NULL;
}

static bool send_one(struct db *db, const struct db_ask *ask)
{
    const struct db_statement *statement = ask->statement;
    char name[64];
    snprintf(name, sizeof(name), "%.40s_%zx", statement->name, (size_t)(uintptr_t)statement);
    return (is_prepared(db, statement) || PQsendPrepare(db->pg, name, statement->sql, 0, NULL)) &&
           PQsendQueryPrepared(db->pg, name, ask->params.count, ask->params.values, NULL, NULL, 0);
}

/* What needs more than its own message travels in a pipeline: BEGIN, preparations, statements. */
static bool send_all(struct db *db, const struct db_ask *asks, int count, bool begin)
{
    if (count == 1 && !begin && is_prepared(db, asks[0].statement))
        return send_one(db, asks);
    if (!PQenterPipelineMode(db->pg) ||
        (begin && !PQsendQueryParams(db->pg, begin_sql(db), 0, NULL, NULL, NULL, NULL, 0)))
        return false;
    for (int i = 0; i < count; i++)
        if (!send_one(db, &asks[i]))
            return false;
    return PQpipelineSync(db->pg);
}

/* The result of BEGIN or of the preparation, and the NULL behind it. */
static enum error_code take_step(struct db *db, const char *what, struct error *err)
{
    PGresult *result = PQgetResult(db->pg);
    enum error_code code = succeeded(result) ? ERR_OK : fail(db, result, what, err);
    while (result && PQstatus(db->pg) == CONNECTION_OK) {
        PQclear(result);
        result = PQgetResult(db->pg);
    }
    PQclear(result);
    return code;
}

/* Everything behind the statement's own results, to the end of the pipeline. */
static void land(struct db *db)
{
    PGresult *result;
    bool synced = PQpipelineStatus(db->pg) == PQ_PIPELINE_OFF;
    for (int nulls = 0; nulls < 8 && PQstatus(db->pg) == CONNECTION_OK;) {
        result = PQgetResult(db->pg);
        if (!result && synced)
            break;
        nulls = result ? 0 : nulls + 1;
        synced = synced || PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
        if (synced && PQpipelineStatus(db->pg) != PQ_PIPELINE_OFF)
            break;
    }
    if (PQpipelineStatus(db->pg) != PQ_PIPELINE_OFF && !PQexitPipelineMode(db->pg))
        hang_up(db);
}

/* Send; afterwards the next answer is the first statement's. On an error all has landed. */
static enum error_code take_off(struct db *db, const struct db_ask *asks, int count,
                                struct error *err)
{
    if (db->transaction == TX_NONE)
        db->lost = false;
    enum error_code code = db_ready(db, err);
    if (code)
        return code;
    bool begin = db->transaction == TX_WANTED;
    if (!send_all(db, asks, count, begin)) {
        code = fail(db, NULL, asks[0].statement->name, err);
        hang_up(db);
        return code;
    }
    if (!begin)
        return ERR_OK;
    db->transaction = TX_OPEN;
    code = take_step(db, "begin", err);
    if (code)
        land(db);
    return code;
}

/* The answer to its preparation, when this flight has one. */
static enum error_code take_preparation(struct db *db, const struct db_statement *statement,
                                        struct error *err)
{
    if (is_prepared(db, statement))
        return ERR_OK;
    enum error_code code = take_step(db, statement->name, err);
    if (!code)
        note_prepared(db, statement);
    return code;
}

/* The whole result of the statement whose turn it is. */
static enum error_code take_rows(struct db *db, const struct db_statement *statement,
                                 struct db_rows *rows, struct error *err)
{
    enum error_code code = take_preparation(db, statement, err);
    if (code)
        return code;
    PGresult *result = PQgetResult(db->pg);
    if (!succeeded(result))
        code = fail(db, result, statement->name, err);
    if (code || !rows) {
        PQclear(result);
        return code;
    }
    db_rows_close(rows);
    rows->result = result;
    rows->count = PQntuples(result);
    rows->affected = strtoll(PQcmdTuples(result), NULL, 10);
    return ERR_OK;
}

enum error_code db_query(struct db *db, const struct db_statement *statement,
                         struct db_params params, struct db_rows *rows, struct error *err)
{
    struct db_ask ask = {statement, params};
    enum error_code code = take_off(db, &ask, 1, err);
    if (code)
        return code;
    code = take_rows(db, statement, rows, err);
    land(db);
    return code;
}

enum error_code db_query_all(struct db *db, const struct db_ask *asks, int count,
                             struct db_rows *rows, struct error *err)
{
    enum error_code code = take_off(db, asks, count, err);
    if (code)
        return code;
    for (int i = 0; i < count && !code; i++) {
        code = take_rows(db, asks[i].statement, &rows[i], err);
        if (!code)
            PQclear(PQgetResult(db->pg)); /* the NULL between two of them */
    }
    land(db);
    return code;
}

bool db_lost(const struct db *db)
{
    return db->lost;
}

const char *db_constraint(const struct db *db)
{
    return db->constraint;
}

enum error_code db_each(struct db *db, const struct db_statement *statement,
                        struct db_params params, db_row_function *row, void *subject,
                        struct error *err)
{
    struct db_ask ask = {statement, params};
    enum error_code code = take_off(db, &ask, 1, err);
    if (code)
        return code;
    code = take_preparation(db, statement, err);
    if (code) {
        land(db);
        return code;
    }
    int rv = PQsetSingleRowMode(db->pg);
    ASSERT(rv == 1);
    PGresult *result;
    while ((result = PQgetResult(db->pg))) { /* to the end, else the connection is unusable */
        if (code == ERR_OK && PQresultStatus(result) == PGRES_SINGLE_TUPLE)
            code = row(subject, &(struct db_rows){.result = result, .count = 1}, err);
        else if (code == ERR_OK && !succeeded(result))
            code = fail(db, result, statement->name, err);
        PQclear(result);
    }
    if (PQpipelineStatus(db->pg) != PQ_PIPELINE_OFF)
        land(db);
    return code;
}

static enum error_code run_script(struct db *db, const char *sql, struct error *err)
{
    enum error_code code = ERR_OK;
    PGresult *result = PQexec(db->pg, sql);
    if (!succeeded(result) && PQresultStatus(result) != PGRES_EMPTY_QUERY)
        code = fail(db, result, "script", err);
    PQclear(result);
    return code;
}

enum error_code db_script(struct db *db, const char *sql, struct error *err)
{
    if (db->transaction == TX_NONE)
        db->lost = false;
    enum error_code code = db_ready(db, err);
    if (!code && db->transaction == TX_WANTED) {
        db->transaction = TX_OPEN;
        code = run_script(db, begin_sql(db), err);
    }
    return code ? code : run_script(db, sql, err);
}

static enum error_code commit(struct db *db, struct error *err)
{
    if (db->transaction == TX_WANTED) /* no statement was run */
        return ERR_OK;
    if (db->mode == DB_READ) { /* nothing hangs on the answer: it is taken before the next use */
        db->draining = PQsendQuery(db->pg, "COMMIT") == 1;
        if (!db->draining)
            hang_up(db);
        return ERR_OK;
    }
    db->warned = false;
    PGresult *result = PQexec(db->pg, "COMMIT");
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum error_code code = ERR_OK;
    if (sqlstate && !strncmp(sqlstate, "40", 2))
        code = fail(db, result, "commit", err); /* certainly not committed */
    else if (!succeeded(result) || db->warned)
        code = error_set(err, ERR_UNKNOWN_OUTCOME, "database: the answer to COMMIT was lost");
    else if (strcmp(PQcmdStatus(result), "COMMIT"))
        code = error_set(err, ERR_INTERNAL, "database: transaction was rolled back");
    PQclear(result);
    if (code == ERR_UNKNOWN_OUTCOME) {
        db->lost = true;
        hang_up(db);
    }
    return code;
}

static void roll_back(struct db *db)
{
    if (!db->pg || PQtransactionStatus(db->pg) == PQTRANS_IDLE)
        return;
    PQclear(PQexec(db->pg, "ROLLBACK"));
    if (PQtransactionStatus(db->pg) != PQTRANS_IDLE)
        hang_up(db);
}

/* Waits of 1, 2, 4... ms with jitter, so that two transactions do not meet again. */
static void pause_before_retry(int attempt)
{
    useconds_t us = 1000U << (attempt < 6 ? attempt : 6);
    usleep(us / 2 + (useconds_t)random() % us);
}

/* One run; *again: it may be run once more. */
static enum error_code transact_once(struct db *db, db_body *body, void *subject, bool *again,
                                     struct error *err)
{
    db->lost = false;
    db->transaction = TX_WANTED;
    enum error_code code = body(db, subject, err);
    bool committing = code == ERR_OK;
    if (committing)
        code = commit(db, err);
    if (code != ERR_OK && !(committing && code == ERR_UNKNOWN_OUTCOME))
        roll_back(db);
    db->transaction = TX_NONE;
    bool broke = db->pg == NULL || PQstatus(db->pg) != CONNECTION_OK;
    *again = code == ERR_BUSY || (code == ERR_UNAVAILABLE && db->lost && broke && !is_broken(db));
    return code;
}

enum error_code db_transact(struct db *db, enum db_mode mode, db_body *body, void *subject,
                            struct error *err)
{
    enum error_code code = ERR_INTERNAL;
    bool again = true;
    db->mode = mode;
    for (int attempt = 0; attempt < DB_TRIES && again; attempt++) {
        if (attempt)
            pause_before_retry(attempt);
        code = transact_once(db, body, subject, &again, err);
    }
    return code;
}

/*
 * One request from its target to its rendered reply: route, parameters, identity, right, and the
 * transaction that runs the function. Pool threads.
 */
#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/region/api_metrics.h"
#include "src/region/api_reply.h"
#include "src/region/describe.h"
#include "src/region/dhcp_store.h"
#include "src/region/event_store.h"
#include "src/region/http_call.h"
#include "src/region/identity.h"
#include "src/region/request_store.h"
#include "src/region/routes.h"
#include "src/region/session_store.h"
#include "src/wire/digest.h"

enum run_mode { RUN_ALONE, RUN_READ, RUN_WRITE };

struct run {
    struct http_worker *worker;
    struct http_call *call;
    struct api_reply *reply;
    struct api_request request;
    struct http_path path;
    struct route_match match;
    struct form form;
    enum api_method method;
    enum run_mode mode;
    api_function *function;
    unsigned allowed;    /* methods, for a 405 */
    const char *subject; /* of a write, for its request id */
    bool stale;          /* what was read may be superseded: its primary is none any more */
    bool acted;          /* outside of the database: not to be run again */
};

/* A UUID in its usual text form: what the database takes as one, and nothing else. */
static bool is_uuid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return text[36] == '\0';
}

static void choose_id(struct http_call *call)
{
    uint8_t bytes[16];
    const char *given = http_call_header(call, "X-Request-Id");
    if (call->id[0])
        return; /* another run of the same call */
    if (given && is_uuid(given)) {
        for (int i = 0; i <= 36; i++)
            call->id[i] = (char)tolower((unsigned char)given[i]);
        return;
    }
    char hex[33];
    digest_random(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    digest_hex(bytes, sizeof(bytes), hex);
    snprintf(call->id, sizeof(call->id), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
             hex + 16, hex + 20);
}

/* scheme://host as the client wrote it; HAProxy tells the scheme. Racks serve machines in plain. */
static const char *base_url(const struct http_call *call, struct arena *arena)
{
    const char *scheme = http_call_header(call, "X-Forwarded-Proto");
    const char *host = http_call_header(call, "X-Forwarded-Host");
    if (!host)
        host = http_call_header(call, "Host");
    if (!host || !*host || strlen(host) > 260 ||
        host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]")])
        host = "localhost:5240";
    bool tls = scheme && !strcmp(scheme, "https") && !http_call_header(call, "X-Gantry-Hop");
    return arena_printf(arena, "%s://%s", tls ? "https" : "http", host);
}

/*
 * The client's address: the entry that our own HAProxy added. On the hop from a rack
 * (X-Gantry-Hop, which HAProxy sets there and removes elsewhere) the entry before it is the
 * rack's, about its client.
 */
static const char *remote_address(const struct http_call *call, struct arena *arena)
{
    const char *last = "", *before = "";
    for (int i = 0; i < call->headers_count; i++) {
        if (strcasecmp(call->headers[i].name, "X-Forwarded-For"))
            continue;
        const char *at = call->headers[i].value;
        while (*(at += strspn(at, ", \t"))) {
            size_t size = strcspn(at, ", \t");
            before = last;
            last = arena_strndup(arena, at, size);
            at += size;
        }
    }
    return http_call_header(call, "X-Gantry-Hop") && *before ? before : last;
}

static enum error_code parse_method(struct run *run, struct error *err)
{
    const char *name = run->call->method;
    if (!strcmp(name, "HEAD"))
        name = "GET";
    for (int m = API_GET; m <= API_DELETE; m++) {
        if (!strcmp(name, api_method_name(m))) {
            run->method = m;
            return ERR_OK;
        }
    }
    run->allowed = ~0U;
    return error_set(err, ERR_NOT_ALLOWED, "Method Not Allowed");
}

static enum error_code choose_action(struct run *run, struct error *err)
{
    struct form query = {.arena = run->worker->arena};
    struct form *form = &run->form;
    const struct http_call *call = run->call;
    bool has_body = run->method == API_POST || run->method == API_PUT;
    enum error_code code = form_urlencoded(&query, run->path.query, strlen(run->path.query), err);
    if (!code && has_body)
        code = form_body(form, http_call_header(call, "Content-Type"), call->body, call->body_size,
                         err);
    if (code)
        return code;
    const char *op = form_take(&query, "op");
    if (!op)
        op = form_take(form, "op");
    if (!op)
        op = run->path.op;
    if (op && !*op) /* as gomaasapi says that there is none */
        op = NULL;
    for (int i = 0; i < query.params_count && !code; i++)
        code = form_add(form, query.params[i].name, query.params[i].value, err);
    run->allowed = routes_methods(&run->match);
    if (!(run->allowed & 1U << run->method))
        return error_set(err, ERR_NOT_ALLOWED, "Method Not Allowed");
    run->request.action = routes_action(&run->match, run->method, op);
    if (!run->request.action)
        return error_set(err, ERR_BAD_INPUT, "Unrecognised signature: method=%s op=%.100s",
                         api_method_name(run->method), op ? op : "None");
    run->function = routes_function(run->request.action);
    if (run->request.action->access == API_ANON_ONLY)
        run->mode = RUN_ALONE;
    return code;
}

static enum error_code choose_page(struct run *run, struct error *err)
{
    if (run->path.op) /* not the API's notation here: a segment like any other */
        run->path.count++;
    if (!routes_match_page(&run->path, run->method, &run->match, &run->allowed)) {
        if (run->allowed)
            return error_set(err, ERR_NOT_ALLOWED, "Method Not Allowed");
        return error_set(err, ERR_NOT_FOUND, "Not Found");
    }
    run->function = run->match.page->function;
    if (run->match.page->mode == PAGE_ALONE)
        run->mode = RUN_ALONE;
    const char *type = http_call_header(run->call, "Content-Type");
    enum error_code code = ERR_OK;
    if (type && strncasecmp(type, "application/json", 16)) /* pages read JSON themselves */
        code = form_body(&run->form, type, run->call->body, run->call->body_size, err);
    if (!code)
        code = form_urlencoded(&run->form, run->path.query, strlen(run->path.query), err);
    return code;
}

static enum error_code prepare(struct run *run, struct error *err)
{
    struct arena *arena = run->worker->arena;
    run->form.arena = arena;
    run->request = (struct api_request){
        .arena = arena,
        .db = run->worker->primary.db,
        .base_url = base_url(run->call, arena),
        .remote_address = remote_address(run->call, arena),
        .params = &run->form,
        .route = &run->match,
        .call = run->call,
        .http = run->call->http,
    };
    enum error_code code = http_path_parse(run->call->target, arena, &run->path, err);
    if (!code)
        code = parse_method(run, err);
    if (code)
        return code;
    run->mode = run->method == API_GET ? RUN_READ : RUN_WRITE;
    run->request.query = run->path.query;
    run->request.path = run->path.path;
    return routes_match(&run->path, arena, &run->match) ? choose_action(run, err)
                                                        : choose_page(run, err);
}

static enum error_code check_right(const struct run *run, struct error *err)
{
    const struct api_action *action = run->request.action;
    if (!action || action->access == API_ANON)
        return ERR_OK;
    if (!run->request.user)
        return error_set(err, ERR_UNAUTHORIZED, "Authorization Error: Not authenticated.");
    if (action->access == API_ADMIN && !run->request.user->is_superuser)
        return error_set(err, ERR_FORBIDDEN, "This method is reserved for admin users.");
    return ERR_OK;
}

static struct request_claim claim_of(const struct run *run)
{
    return (struct request_claim){
        .id = run->call->id, .subject = run->subject, .ring = http_settings(run->call->http)->ring};
}

/* The body of the transaction; runs again after a serialization failure. */
static enum error_code transaction(struct db *db, void *subject, struct error *err)
{
    struct run *run = subject;
    struct request_claim claim = claim_of(run);
    api_reply_begin(run->reply, run->worker->arena);
    run->request.after = NULL;
    if (run->mode == RUN_WRITE) {
        enum error_code code = request_store_claim(db, &claim, run->reply, err);
        if (code || claim.repeated)
            return code;
    }
    enum error_code code = run->function(&run->request, run->reply, err);
    if (code)
        return code;
    api_reply_end(run->reply);
    if (run->mode == RUN_READ || run->request.after) /* of the latter the answer is yet to come */
        return ERR_OK;
    return request_store_keep(db, &claim, run->reply, err);
}

/*
 * Who and what, for the request id. The target may hold secrets: its digest will do. So may the
 * body, and who has no key proves by it who they are: an answer is given again for that one only.
 */
static const char *subject_of(const struct run *run, struct arena *arena)
{
    const struct http_call *call = run->call;
    char target[DIGEST_TEXT], body[DIGEST_TEXT];
    digest_sha256_text(call->target, strlen(call->target), target);
    digest_sha256_text(call->body ? call->body : "", call->body_size, body);
    return arena_printf(
        arena, "%lld %s %s %.32s %.32s", run->request.user ? (long long)run->request.user->id : 0,
        run->request.system_id ? run->request.system_id : "-", call->method, target, body);
}

struct settlement {
    const struct run *run;
    bool done;
};

static enum error_code settle(struct db *db, void *subject, struct error *err)
{
    const struct settlement *settlement = subject;
    const struct run *run = settlement->run;
    struct request_claim claim = claim_of(run);
    return settlement->done ? request_store_keep(db, &claim, run->reply, err)
                            : request_store_forget(db, run->call->id, err);
}

/*
 * What was put off until after the commit. These may wait for slow devices: half of the pool is
 * never theirs. The answer is the client's even when it could not be kept for a repeat.
 */
static enum error_code run_after(struct run *run, struct error *err)
{
    static atomic_int at_work;
    int most = http_settings(run->call->http)->threads / 2;
    struct error ignored = {0};
    enum error_code code;
    run->acted = true;
    if (atomic_fetch_add(&at_work, 1) < (most ? most : 1))
        code = run->request.after(&run->request, run->reply, err);
    else
        code = error_set(err, ERR_LIMIT, "Too many requests wait for machines; try again.");
    atomic_fetch_sub(&at_work, 1);
    if (!code)
        api_reply_end(run->reply);
    struct settlement settlement = {run, code == ERR_OK};
    if (run->mode == RUN_WRITE &&
        db_transact(run->worker->primary.db, DB_WRITE, settle, &settlement, &ignored))
        log_warning("the answer of %s is not kept: %s", run->call->id, ignored.text);
    return code;
}

static enum error_code transact(struct run *run, struct error *err)
{
    const struct page *page = run->match.page;
    enum error_code code = ERR_OK;
    if (!page || page->mode == PAGE_DB)
        code = identity_find(&run->request, err);
    if (!code)
        code = check_right(run, err);
    if (code)
        return code;
    if (run->mode == RUN_WRITE)
        run->subject = subject_of(run, run->worker->arena);
    return db_transact(run->worker->primary.db, run->mode == RUN_READ ? DB_READ : DB_WRITE,
                       transaction, run, err);
}

/* A commit is acknowledged by the quorum, and what a lost connection says is decided by another
 * try. All else, a refusal too, is what one database said that may be the primary no more. */
static bool is_stale(const struct run *run, enum error_code code)
{
    const struct http_settings *settings = http_settings(run->call->http);
    bool was_read =
        code ? code != ERR_BUSY && !db_lost(run->worker->primary.db) : run->mode == RUN_READ;
    return was_read && settings->epoch_valid &&
           !settings->epoch_valid(settings->subject, run->worker->primary.epoch);
}

static enum error_code run_in_database(struct run *run, struct error *err)
{
    enum error_code code = transact(run, err);
    run->stale = is_stale(run, code);
    if (!code && !run->stale && run->request.after)
        code = run_after(run, err);
    return code;
}

static void add_headers(struct run *run)
{
    char allow[64] = "";
    struct api_reply *reply = run->reply;
    api_reply_header(reply, "X-Request-Id", run->call->id);
    if (run->match.resource)
        api_reply_header(reply, "X-MAAS-API-Hash", describe_hash());
    if (reply->status != 405)
        return;
    for (int m = API_GET; m <= API_DELETE; m++)
        if (run->allowed & 1U << m)
            snprintf(allow + strlen(allow), sizeof(allow) - strlen(allow), "%s%s",
                     allow[0] ? ", " : "", api_method_name(m));
    api_reply_header(reply, "Allow", allow);
}

static void finish(struct run *run, enum error_code code, struct error *err)
{
    if (!code)
        code = spool_finish(&run->reply->body, err);
    if (code) {
        enum log_level level = error_http_status(code) == 500 ? LOG_ERROR : LOG_DEBUG;
        log_write(level, "%s %s (%s): %s", run->call->method, run->path.path ? run->path.path : "",
                  run->call->id, err->text);
        api_reply_error(run->reply, err);
    }
    add_headers(run);
}

/* False: nothing is decided, try again later. */
static bool run_with_database(struct run *run, bool has_primary, bool last, struct error *err)
{
    enum error_code code;
    if (has_primary)
        code = run_in_database(run, err);
    else
        code = error_set(err, ERR_UNAVAILABLE, "The database has no primary right now; try again.");
    bool again = !has_primary || run->stale || code == ERR_BUSY ||
                 (code && db_lost(run->worker->primary.db));
    if (again && !last && !run->acted)
        return false;
    if (run->stale)
        code = error_set(err, ERR_UNAVAILABLE, "The primary has just moved; try again.");
    finish(run, code, err);
    return true;
}

bool http_run(struct http_worker *worker, struct http_call *call, bool has_primary, bool last)
{
    struct run run = {.worker = worker, .call = call, .reply = &worker->reply};
    struct error err = {0};
    choose_id(call);
    api_reply_begin(run.reply, worker->arena);
    enum error_code code = prepare(&run, &err);
    if (!code && run.mode != RUN_ALONE)
        return run_with_database(&run, has_primary, last, &err);
    if (!code)
        code = run.function(&run.request, run.reply, &err);
    if (!code)
        api_reply_end(run.reply);
    finish(&run, code, &err);
    return true;
}

static enum error_code sweep(struct db *db, void *subject, struct error *err)
{
    (void)subject;
    enum error_code code = request_store_sweep(db, err);
    if (!code)
        code = session_store_sweep(db, err);
    if (!code)
        code = event_sweep(db, err);
    return code ? code : dhcp_store_sweep(db, err);
}

void http_run_sweep(struct http_worker *worker)
{
    struct error err = {0};
    if (db_transact(worker->primary.db, DB_WRITE, sweep, NULL, &err))
        log_debug("old request ids stay for now: %s", err.text);
}

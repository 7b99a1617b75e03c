/*
 * What a handler of an API action sees: one request, one reply. Handlers are straight-line and run
 * on a thread of the API pool, inside a transaction of that thread's connection (DB_READ for GET,
 * else DB_WRITE). They may run more than once for one request (serialization failure), so all they
 * do goes through the transaction and the reply, which is emptied before each run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/json_out.h"
#include "src/db/db.h"
#include "src/model/api_action.h"
#include "src/region/form.h"

struct http;
struct http_call;
struct route_match;

/** Who asks. */
struct api_user {
    int64_t id;
    const char *username, *email;
    bool is_superuser;
};

struct api_request;
struct api_reply;
typedef enum error_code api_function(struct api_request *request, struct api_reply *reply,
                                     struct error *err);

struct api_request {
    struct arena *arena; /* lives as long as the request */
    struct db *db;
    const struct api_action *action;
    const struct api_user *user; /* NULL = anonymous */
    const char *system_id;       /* of the machine whose own token was used (metadata), or NULL */
    const char *base_url;        /* "http://host:5240" as the client wrote it */
    const char *remote_address;  /* of the client, by X-Forwarded-For of our own proxies only */
    const char *query;           /* raw query string, "" when none */
    const char *path;            /* as the client wrote it, without the query */
    struct form *params;         /* see the functions below */
    const struct route_match *route;
    const struct http_call *call; /* headers and raw body: api_header, api_body */
    struct http *http;
    api_function *after; /* see api_after */
    void *after_subject;
};

/** A reply; rendered whole before the first byte is sent. */
struct api_reply {
    int status; /* 200 unless set */
    const char *content_type;
    struct spool body;
    struct json_out json; /* writes into body */
    bool json_open;       /* api_reply_json was called */
    int file_fd;          /* -1, or a file to send instead of body: api_reply_file */
    uint64_t file_offset, file_size;
    const char *headers[12][2];
    int headers_count;
    struct arena *arena;
    struct api_field_errors *field_errors; /* of api_field_error, NULL = none */
};

/**
 * What reaches outside of the database (the power of a machine): function runs once, after the
 * transaction has committed, without one around it; it may begin its own with db_transact, may take
 * long (a part of the pool at most is given to such requests), and may write the reply anew.
 * request->after_subject is subject. Its error is the answer, and the request id of a write is then
 * forgotten, so that a repeat tries again.
 */
void api_after(struct api_request *request, api_function *function, void *subject);

/** A part of the path: api_path(request, "system_id"); never NULL for names of the action's path.
 */
const char *api_path(const struct api_request *request, const char *name);

/** First value of a parameter (query or body), NULL when absent. */
const char *api_param(const struct api_request *request, const char *name);

/** All values of a repeatable parameter; *count may be 0. Comma-separated values are not split. */
const char *const *api_param_list(const struct api_request *request, const char *name, int *count);

/** All parameters in order: for filters, annotations, power_parameters_*. */
int api_param_count(const struct api_request *request);
void api_param_at(const struct api_request *request, int index, const char **name,
                  const char **value);

/** An uploaded part by its form name, or NULL. */
const struct api_file *api_file(const struct api_request *request, const char *name);
int api_file_count(const struct api_request *request);
const struct api_file *api_file_at(const struct api_request *request, int index);

/** An uploaded file or a plain parameter of this name: its bytes, or NULL. */
const char *api_content(const struct api_request *request, const char *name, size_t *size);

/** A header of the request, or NULL; the raw body, NUL-terminated ("" when there is none). */
const char *api_header(const struct api_request *request, const char *name);
const char *api_body(const struct api_request *request, size_t *size);

/**
 * Required and typed parameters. Errors: BAD_INPUT with MAAS's texts ("No provided NAME!").
 * Absent optional ones leave *value as it was.
 */
enum error_code api_need(const struct api_request *request, const char *name, const char **value,
                         struct error *err);
/** The same, also as an uploaded file, without the line ends behind it: secrets and keys. */
enum error_code api_need_text(const struct api_request *request, const char *name,
                              const char **value, struct error *err);
enum error_code api_param_bool(const struct api_request *request, const char *name, bool *value,
                               struct error *err);
enum error_code api_param_int(const struct api_request *request, const char *name, int64_t *value,
                              struct error *err);

/** Form validation: collect messages per field; api_fields_valid answers 400 with all of them. */
void api_field_error(struct api_reply *reply, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum error_code api_fields_valid(struct api_reply *reply, struct error *err);

/** Replies. JSON: write with the returned writer; it is closed for you. */
struct json_out *api_reply_json(struct api_reply *reply);
void api_reply_text(struct api_reply *reply, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void api_reply_bytes(struct api_reply *reply, const char *content_type, const void *bytes,
                     size_t size);
/** A file from offset; the reply owns fd. Content-Type and status are set by the caller. */
void api_reply_file(struct api_reply *reply, int fd, uint64_t offset, uint64_t size);
void api_reply_empty(struct api_reply *reply, int status);
void api_reply_header(struct api_reply *reply, const char *name, const char *value);

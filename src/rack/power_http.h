/*
 * What drivers that speak HTTP have in common: one client for an order, its deadline, bounded
 * replies, refusals as errors that name the BMC and never a secret. Blocking; any thread.
 * names: power_http_
 */
#pragma once

#include <jansson.h>

#include "src/rack/power_order.h"
#include "src/wire/http_client.h"

enum {
    POWER_HTTP_HEADERS = 8,
    POWER_HTTP_REPLY_BYTES = 1 << 20,
};

struct power_http {
    const struct power_order *order;
    struct arena *arena;
    struct http_client *client;
    uint64_t deadline_ns;
    const char *base; /* "https://10.0.0.1:8443", no slash at the end; "" = calls name it */
    struct http_client_tls tls;
    const char *user, *password; /* Basic; NULL = none */
    bool digest;                 /* or Digest */
    bool cookies;                /* those of replies are sent with what follows */
    const char *headers[POWER_HTTP_HEADERS];
    int headers_count;
};

struct power_http_call {
    const char *method; /* NULL = GET */
    const char *path;   /* behind the base */
    const char *body;   /* NULL = none */
    const char *type;   /* of the body; NULL = JSON */
    const char *etag;   /* the call holds only for this version; NULL = any */
};

/** Certificates are not checked until tls says so. Close it. */
void power_http_open(struct power_http *http, const struct power_order *order, struct arena *arena);
void power_http_close(struct power_http *http);

/** base from the parameter power_address: the scheme and port that are usual for the driver
 * ("http", 8000; 0 = that of the scheme) unless it names them. */
void power_http_base(struct power_http *http, const char *scheme, int port);

/** Replies are wanted in XML or whatever there is, not in JSON: before any other header. */
void power_http_xml(struct power_http *http);

/** A body's JSON as text in the arena; form is given away. *text is NULL after an error.
 * Errors: BAD_INPUT (form is NULL or holds no UTF-8: the parameters that what names). */
enum error_code power_http_body(struct power_http *http, json_t *form, const char *what,
                                const char **text, struct error *err);

/** A header for all calls to come: "Name: value". */
void power_http_header(struct power_http *http, const char *line);

/**
 * One call that must end well (2xx). Errors: FORBIDDEN (user, password or certificate refused),
 * CONFLICT (another version than etag), UNAVAILABLE, TIMEOUT, TOO_LARGE, BAD_INPUT, NOT_FOUND.
 */
enum error_code power_http_run(struct power_http *http, const struct power_http_call *call,
                               struct http_client_reply *reply, struct error *err);

/** As power_http_run; the reply as an object, to be json_decref'ed. Errors: also CORRUPT. */
enum error_code power_http_json(struct power_http *http, const struct power_http_call *call,
                                json_t **object, struct error *err);

/** An object from foreign bytes. Pure. Errors: CORRUPT. */
enum error_code power_http_object(const char *bytes, size_t size, json_t **object,
                                  struct error *err);

/*
 * HTTP requests of programs: blocking, bounded in time and size, TLS as the cluster uses it. Never
 * on the loop. Owner of libcurl.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/spool.h"

/** Keeps connections open between requests. One thread at a time. */
struct http_client;
struct http_client *http_client_new(void);
void http_client_free(struct http_client *client);

/** Whom to trust and what to show; zeroed = the system's CAs, names checked. */
struct http_client_tls {
    const char *ca_file;        /* PEM: trust this alone */
    const char *ca_fingerprint; /* or: trust the CA in the answer's chain with this SHA-256 (hex) */
    const char *role;           /* the OU its certificate must carry; names are then not checked */
    const char *certificate, *key;           /* PEM files of the client, or NULL */
    const char *certificate_text, *key_text; /* or the PEM itself */
    bool anyone; /* trust whoever answers: BMCs, whose certificates nobody signed */
};

/** A piece of the reply's body; an error ends the transfer and is returned. */
typedef enum error_code http_client_sink(void *subject, const void *bytes, size_t size,
                                         struct error *err);

struct http_client_request {
    const char *method; /* NULL = GET */
    const char *url;
    const char *const *headers; /* "Name: value" */
    int headers_count;
    const void *body; /* or spool, which was finished; sent with Content-Length */
    size_t body_size;
    const struct spool *spool;
    const char *content_type;    /* of the body */
    const char *user, *password; /* Basic authentication, to this host alone; NULL = none */
    bool digest;                 /* they are for Digest authentication */
    const char *unix_socket;     /* connect to this path, whatever the URL's host */
    struct http_client_tls tls;
    int connect_timeout_ms; /* 0 = 5 s */
    int timeout_ms;         /* for all of it; 0 = no limit but stall_s */
    int stall_s;            /* less than 1 kB/s for so long ends it; 0 = 30 s */
    int dead_s; /* a peer whose kernel answers nothing for so long is gone; 0 = the system's own */
    uint64_t reply_limit;   /* most bytes of body; 0 = 16 MiB */
    http_client_sink *sink; /* gets a 2xx body piece by piece; NULL = body in memory */
    void *subject;          /* of sink */
    bool follow, use_proxy; /* redirects; the proxy named by the environment */
    bool cookies;           /* those of earlier replies to this client are sent */
    const char *proxy;      /* or this one: its URL */
};

struct http_client_reply {
    int status;
    const char *headers; /* raw lines of the last reply; see http_client_header */
    char *body;          /* in the arena, NUL-terminated; "" when a sink took it */
    size_t body_size;
};

/**
 * One exchange. A status of 400 or 500 is no error here: see http_client_expect.
 * Errors: BAD_INPUT (URL), UNAVAILABLE (no connection, broken), TIMEOUT, FORBIDDEN (certificate),
 * TOO_LARGE, NOT_FOUND or CORRUPT (own PEM files), those of the sink. Texts name the URL as
 * http_client_show does.
 */
enum error_code http_client_run(struct http_client *client,
                                const struct http_client_request *request, struct arena *arena,
                                struct http_client_reply *reply, struct error *err);

enum { HTTP_CLIENT_SHOWN = 256 };

/** A URL as errors and logs may tell it: scheme, host, port and path, cut where there is no more
 * room. User, password, query and fragment may be secrets. Pure; returns shown. */
const char *http_client_show(const char *url, char shown[HTTP_CLIENT_SHOWN]);

/** ERR_OK for 2xx, else the error that fits the status, with the first line of the body. */
enum error_code http_client_expect(const struct http_client_reply *reply, const char *url,
                                   struct error *err);

/** Value of a header ("etag"), in the arena; NULL when absent. */
const char *http_client_header(const struct http_client_reply *reply, const char *name,
                               struct arena *arena);

/**
 * Into a file that appears whole or not at all: temporary file, checked against sha256 (hex; NULL =
 * not checked), fsync, rename. Errors: as http_client_run and _expect, CORRUPT (other SHA-256), IO.
 */
enum error_code http_client_download(struct http_client *client,
                                     const struct http_client_request *request, const char *path,
                                     const char *sha256, struct error *err);

/** Percent-encoded for query strings, forms and paths (RFC 3986 unreserved letters stay). */
char *http_client_escape(struct arena *arena, const char *text);

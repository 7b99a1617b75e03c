/*
 * A small HTTP server on a thread, plain or TLS, for tests of clients: answers each request with
 * what the test's function says and closes the connection.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "src/wire/tls_credentials.h"

struct test_http_exchange {
    char head[8192]; /* request line and headers */
    char *body;
    size_t body_size;
    int status; /* to be filled: the answer */
    char headers[512];
    char *answer;
    size_t answer_size;
    size_t send_at_most; /* cut the answer off after so many bytes; 0 = all of it */
    unsigned delay_ms;   /* before the answer */
};

struct test_http {
    int fd, port;
    pthread_t thread;
    void *ssl;
    void (*answer)(struct test_http_exchange *exchange);
};

/** files NULL = plain HTTP; no certificate is asked of clients unless want_client. */
void test_http_open(struct test_http *http, const struct tls_files *files, int want_client,
                    void (*answer)(struct test_http_exchange *exchange));
void test_http_close(struct test_http *http);

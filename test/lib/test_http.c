/* A small HTTP server for tests: see test_http.h. */
#include "test/lib/test_http.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/error.h"

static ssize_t get(int fd, SSL *ssl, char *bytes, size_t size)
{
    return ssl ? SSL_read(ssl, bytes, (int)size) : recv(fd, bytes, size, 0);
}

static void put(int fd, SSL *ssl, const char *bytes, size_t size)
{
    while (size) {
        ssize_t sent = ssl ? SSL_write(ssl, bytes, (int)size) : send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static int read_request(int fd, SSL *ssl, struct test_http_exchange *exchange)
{
    size_t used = 0;
    char *end = NULL;
    while (!end) {
        if (used + 1 >= sizeof(exchange->head))
            return -1;
        ssize_t got = get(fd, ssl, exchange->head + used, 1);
        if (got <= 0)
            return -1;
        used += (size_t)got;
        exchange->head[used] = '\0';
        end = strstr(exchange->head, "\r\n\r\n");
    }
    const char *length = strcasestr(exchange->head, "content-length:");
    exchange->body_size = length ? strtoul(length + 15, NULL, 10) : 0;
    exchange->body = calloc(1, exchange->body_size + 1);
    for (size_t at = 0; at < exchange->body_size;) {
        ssize_t got = get(fd, ssl, exchange->body + at, exchange->body_size - at);
        if (got <= 0)
            return -1;
        at += (size_t)got;
    }
    return 0;
}

static void serve(struct test_http *http, int fd)
{
    struct test_http_exchange *exchange = calloc(1, sizeof(*exchange));
    SSL *ssl = http->ssl ? SSL_new(http->ssl) : NULL;
    if (ssl)
        SSL_set_fd(ssl, fd);
    if ((!ssl || SSL_accept(ssl) == 1) && !read_request(fd, ssl, exchange)) {
        char head[1024];
        exchange->status = 200;
        http->answer(exchange);
        usleep(exchange->delay_ms * 1000);
        snprintf(head, sizeof(head),
                 "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
                 exchange->status, exchange->answer_size, exchange->headers);
        put(fd, ssl, head, strlen(head));
        put(fd, ssl, exchange->answer,
            exchange->send_at_most ? exchange->send_at_most : exchange->answer_size);
    }
    if (ssl)
        SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    free(exchange->body);
    free(exchange->answer);
    free(exchange);
}

static void *run(void *subject)
{
    struct test_http *http = subject;
    for (;;) {
        int fd = accept(http->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        struct timeval limit = {5, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        serve(http, fd);
    }
}

void test_http_open(struct test_http *http, const struct tls_files *files, int want_client,
                    void (*answer)(struct test_http_exchange *exchange))
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    memset(http, 0, sizeof(*http));
    http->answer = answer;
    if (files) {
        SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
        int rv = SSL_CTX_use_certificate_chain_file(ssl, files->certificate);
        rv += SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM);
        rv += SSL_CTX_load_verify_file(ssl, files->ca);
        ASSERT(rv == 3);
        if (want_client)
            SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"test", 4);
        http->ssl = ssl;
    }
    http->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rv = bind(http->fd, (struct sockaddr *)&address, size);
    ASSERT(rv == 0);
    rv = listen(http->fd, 16);
    ASSERT(rv == 0);
    getsockname(http->fd, (struct sockaddr *)&address, &size);
    http->port = ntohs(address.sin_port);
    rv = pthread_create(&http->thread, NULL, run, http);
    ASSERT(rv == 0);
}

void test_http_close(struct test_http *http)
{
    shutdown(http->fd, SHUT_RDWR);
    pthread_join(http->thread, NULL);
    close(http->fd);
    SSL_CTX_free(http->ssl);
}

/*
 * What a program shows and trusts in mutual TLS 1.3: own certificate and key, the cluster's CA.
 * Any thread; shared by streams.
 */
#pragma once

#include "src/base/error.h"

/** PEM files; the certificate file may carry its chain. */
struct tls_files {
    const char *certificate, *key, *ca;
};

struct tls_credentials;

/**
 * Load and check that key and certificate belong together. Streams made from it keep what they
 * need, so it may be freed (after a renewal, say) while they live. Ignores SIGPIPE from then on.
 * Errors: NOT_FOUND, IO (a file cannot be read), CORRUPT (no PEM, or the key is another's).
 */
enum error_code tls_credentials_load(const struct tls_files *files,
                                     struct tls_credentials **credentials, struct error *err);
void tls_credentials_free(struct tls_credentials *credentials);

/** The SSL_CTX within, for tls_stream.c. */
void *tls_credentials_ssl(struct tls_credentials *credentials);

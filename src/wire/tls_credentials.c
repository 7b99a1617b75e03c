/* Certificates and trust of mutual TLS: see tls_credentials.h. */
#include "src/wire/tls_credentials.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct tls_credentials {
    SSL_CTX *ssl;
};

static enum error_code refuse(struct error *err, enum error_code code, const char *path)
{
    unsigned long number = ERR_peek_last_error();
    const char *why = number ? ERR_reason_error_string(number) : NULL;
    ERR_clear_error();
    return error_set(err, code, "%s: %s", path, why ? why : "not a usable PEM file");
}

static enum error_code readable(const char *path, struct error *err)
{
    return access(path, R_OK) == 0 ? ERR_OK : error_errno(err, "%s", path);
}

static enum error_code load(SSL_CTX *ssl, const struct tls_files *files, struct error *err)
{
    enum error_code code = readable(files->certificate, err);
    if (!code)
        code = readable(files->key, err);
    if (!code)
        code = readable(files->ca, err);
    if (code)
        return code;
    if (SSL_CTX_use_certificate_chain_file(ssl, files->certificate) != 1)
        return refuse(err, ERR_CORRUPT, files->certificate);
    if (SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM) != 1)
        return refuse(err, ERR_CORRUPT, files->key);
    if (SSL_CTX_load_verify_file(ssl, files->ca) != 1)
        return refuse(err, ERR_CORRUPT, files->ca);
    return ERR_OK;
}

enum error_code tls_credentials_load(const struct tls_files *files,
                                     struct tls_credentials **credentials, struct error *err)
{
    *credentials = NULL;
    signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
    SSL_CTX *ssl = SSL_CTX_new(TLS_method());
    ASSERT(ssl);
    SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(ssl, 2);
    enum error_code code = load(ssl, files, err);
    if (code) {
        SSL_CTX_free(ssl);
        return code;
    }
    *credentials = calloc(1, sizeof(**credentials));
    ASSERT(*credentials);
    (*credentials)->ssl = ssl;
    return ERR_OK;
}

void tls_credentials_free(struct tls_credentials *credentials)
{
    if (!credentials)
        return;
    SSL_CTX_free(credentials->ssl);
    free(credentials);
}

void *tls_credentials_ssl(struct tls_credentials *credentials)
{
    return credentials->ssl;
}

/* Trust of the HTTP client: see http_trust.h. */
#include "src/wire/http_trust.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <unistd.h>

#include "src/wire/certificate.h"

enum error_code http_trust_check(const struct http_client_tls *tls, struct error *err)
{
    const char *const files[] = {tls->ca_file, tls->certificate, tls->key};
    for (int i = 0; i < 3; i++)
        if (files[i] && access(files[i], R_OK) != 0)
            return error_errno(err, "%s", files[i]);
    if (tls->ca_fingerprint && strlen(tls->ca_fingerprint) != CERTIFICATE_FINGERPRINT - 1)
        return error_set(err, ERR_BAD_INPUT, "CA fingerprint: expected 64 hexadecimal digits");
    return ERR_OK;
}

/* The CA with the pinned fingerprint among the certificates that were sent. */
static X509 *pinned_authority(X509_STORE_CTX *ctx, const char *fingerprint)
{
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx);
    for (int i = 0; i < sk_X509_num(sent); i++) {
        struct certificate facts;
        X509 *x509 = sk_X509_value(sent, i);
        if (!certificate_describe(x509, &facts, NULL) && facts.is_authority &&
            !strcasecmp(facts.fingerprint, fingerprint))
            return x509;
    }
    return NULL;
}

/* In place of OpenSSL's own verdict, which is part of it. */
static int verify(X509_STORE_CTX *ctx, void *subject)
{
    const struct http_client_tls *tls = subject;
    STACK_OF(X509) *trusted = NULL;
    int verdict = 0;
    if (tls->ca_fingerprint) {
        X509 *authority = pinned_authority(ctx, tls->ca_fingerprint);
        if (!authority) {
            X509_STORE_CTX_set_error(ctx, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
            return 0;
        }
        trusted = sk_X509_new_null();
        ASSERT(trusted);
        sk_X509_push(trusted, authority);
        X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
    }
    verdict = X509_verify_cert(ctx);
    if (verdict == 1 && tls->role) {
        struct certificate facts;
        X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
        if (certificate_describe(leaf, &facts, NULL) || strcmp(facts.role, tls->role) != 0) {
            X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
            verdict = 0;
        }
    }
    sk_X509_free(trusted);
    return verdict == 1;
}

static CURLcode prepare(CURL *curl, void *ssl_ctx, void *subject)
{
    (void)curl;
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, subject);
    return CURLE_OK;
}

void http_trust_apply(void *curl, const struct http_client_tls *tls)
{
    if (tls->ca_file || tls->ca_fingerprint) {
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(curl, CURLOPT_CAINFO, tls->ca_file);
    }
    if (tls->certificate) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, tls->certificate);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, tls->key);
    }
    if (tls->certificate_text) {
        struct curl_blob certificate = {(void *)tls->certificate_text,
                                        strlen(tls->certificate_text), CURL_BLOB_COPY};
        struct curl_blob key = {(void *)tls->key_text, strlen(tls->key_text), CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &certificate);
        curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &key);
    }
    if (tls->anyone) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (tls->role || tls->ca_fingerprint) {
        /* Who speaks is known by role under the cluster's own CA; it may sit behind any address. */
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, tls->role ? 0L : 2L);
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, prepare);
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, (void *)tls);
    }
}

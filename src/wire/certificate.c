/* Facts of certificates: see certificate.h. */
#include "src/wire/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "src/base/file.h"

/* One entry of the subject as text; absent = "". */
static enum error_code subject_text(const X509 *x509, int nid, char *text, size_t size,
                                    struct error *err)
{
    text[0] = '\0';
    const X509_NAME *subject = X509_get_subject_name(x509);
    int at = X509_NAME_get_index_by_NID((X509_NAME *)subject, nid, -1);
    if (at < 0)
        return ERR_OK;
    unsigned char *utf8 = NULL;
    int length =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (length < 0 || (size_t)length >= size || memchr(utf8, '\0', (size_t)length)) {
        OPENSSL_free(utf8);
        return error_set(err, ERR_CORRUPT, "certificate: its subject is not a usable name");
    }
    memcpy(text, utf8, (size_t)length);
    text[length] = '\0';
    OPENSSL_free(utf8);
    return ERR_OK;
}

static enum error_code serial_text(const X509 *x509, char *text, size_t size, struct error *err)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    bool fits = hex && strlen(hex) < size;
    if (fits)
        strcpy(text, hex);
    OPENSSL_free(hex);
    BN_free(number);
    return fits ? ERR_OK : error_set(err, ERR_CORRUPT, "certificate: its serial is too long");
}

static int64_t seconds(const ASN1_TIME *when)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

enum error_code certificate_describe(const void *any, struct certificate *c, struct error *err)
{
    const X509 *x509 = any;
    memset(c, 0, sizeof(*c));
    enum error_code code =
        subject_text(x509, NID_commonName, c->name, sizeof(c->name), err)
            ?: subject_text(x509, NID_organizationalUnitName, c->role, sizeof(c->role), err)
            ?: serial_text(x509, c->serial, sizeof(c->serial), err);
    if (code)
        return code;
    unsigned char digest[32];
    unsigned length = 0;
    if (X509_digest(x509, EVP_sha256(), digest, &length) != 1 || length != sizeof(digest))
        return error_set(err, ERR_INTERNAL, "certificate: no SHA-256");
    for (unsigned i = 0; i < length; i++) {
        c->fingerprint[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        c->fingerprint[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    c->not_before_s = seconds(X509_get0_notBefore(x509));
    c->not_after_s = seconds(X509_get0_notAfter(x509));
    c->is_authority = X509_check_ca((X509 *)x509) > 0;
    return ERR_OK;
}

bool certificate_names(const void *any, const char *name)
{
    X509 *x509 = (X509 *)any;
    char common[CERTIFICATE_NAME];
    if (!subject_text(x509, NID_commonName, common, sizeof(common), NULL) && !strcmp(common, name))
        return true;
    return X509_check_host(x509, name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1 ||
           X509_check_ip_asc(x509, name, 0) == 1;
}

int certificate_no_password(char *buffer, int size, int writing, void *subject)
{
    (void)buffer, (void)size, (void)writing, (void)subject;
    return -1;
}

static X509 *read_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, certificate_no_password, NULL) : NULL;
    BIO_free(bio);
    if (!x509)
        ERR_clear_error();
    return x509;
}

bool certificate_is_pem(const char *text)
{
    X509 *x509 = read_pem(text);
    X509_free(x509);
    return x509 != NULL;
}

enum error_code certificate_parse(const char *pem, struct certificate *certificate,
                                  struct error *err)
{
    X509 *x509 = read_pem(pem);
    if (!x509)
        return error_set(err, ERR_CORRUPT, "not a PEM certificate");
    enum error_code code = certificate_describe(x509, certificate, err);
    X509_free(x509);
    return code;
}

enum error_code certificate_read(const char *path, struct certificate *certificate,
                                 struct error *err)
{
    struct arena *arena = arena_new();
    char *pem = NULL;
    enum error_code code = file_read(arena, path, CERTIFICATE_FILE_BYTES, &pem, NULL, err);
    if (!code) {
        code = certificate_parse(pem, certificate, err);
        if (code)
            error_wrap(err, "%s", path);
    }
    arena_free(arena);
    return code;
}

int certificate_days_left(const struct certificate *certificate, int64_t now_s)
{
    int64_t left = certificate->not_after_s - now_s;
    return (int)(left >= 0 ? left / 86400 : -1 - (-left - 1) / 86400);
}

/* The cluster's CA: see ca.h. */
#include "src/wire/ca.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/wire/digest.h"

enum { SERIAL_BYTES = 16, BACKDATE_S = 3600, REQUEST_BYTES = 64 << 10 };

struct ca {
    struct arena *arena;
    X509 *x509;
    EVP_PKEY *key;
    char *pem;
    struct certificate facts;
};

static enum error_code openssl_error(struct error *err, enum error_code code, const char *what)
{
    unsigned long number = ERR_peek_last_error();
    const char *why = number ? ERR_reason_error_string(number) : NULL;
    ERR_clear_error();
    return error_set(err, code, "%s: %s", what, why ? why : "malformed");
}

/* What a memory BIO holds, as text in the arena; frees the BIO. */
static char *take_text(BIO *bio, struct arena *arena)
{
    char *bytes;
    long size = BIO_get_mem_data(bio, &bytes);
    ASSERT(size > 0);
    char *text = arena_strndup(arena, bytes, (size_t)size);
    BIO_free(bio);
    return text;
}

static char *key_text(EVP_PKEY *key, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rv = bio ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) : 0;
    ASSERT(rv == 1);
    return take_text(bio, arena);
}

static char *x509_text(X509 *x509, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rv = bio ? PEM_write_bio_X509(bio, x509) : 0;
    ASSERT(rv == 1);
    return take_text(bio, arena);
}

static EVP_PKEY *parse_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, certificate_no_password, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static X509 *parse_x509(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, certificate_no_password, NULL) : NULL;
    BIO_free(bio);
    return x509;
}

static bool is_address(const char *name)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* Letters, digits, dot, dash, underscore: what OpenSSL's extension syntax cannot misread. */
static bool is_plain(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "._-") == strlen(name);
}

static enum error_code check_subject(const struct ca_subject *subject, struct error *err)
{
    if (!subject->name || !is_plain(subject->name) || strlen(subject->name) > 64)
        return error_set(err, ERR_BAD_INPUT,
                         "certificate name: expected up to 64 letters, digits, "
                         "'.', '_', '-'");
    if (!subject->role || !is_plain(subject->role) || strlen(subject->role) >= CERTIFICATE_ROLE)
        return error_set(err, ERR_BAD_INPUT, "certificate role: expected a short word");
    if (subject->names_count < 0 || subject->names_count > CA_NAMES)
        return error_set(err, ERR_BAD_INPUT, "certificate: more than %d names", CA_NAMES);
    for (int i = 0; i < subject->names_count; i++)
        if (!is_address(subject->names[i]) &&
            (!is_plain(subject->names[i]) || strlen(subject->names[i]) > 253))
            return error_set(err, ERR_BAD_INPUT, "certificate: '%s' is no host name and no address",
                             subject->names[i]);
    return ERR_OK;
}

/* "DNS:a,IP:1.2.3.4", the own name first unless it is listed. */
static char *alternative_names(const struct ca_subject *subject, struct arena *arena)
{
    char *text =
        arena_printf(arena, "%s:%s", is_address(subject->name) ? "IP" : "DNS", subject->name);
    for (int i = 0; i < subject->names_count; i++)
        if (strcmp(subject->names[i], subject->name) != 0)
            text = arena_printf(arena, "%s,%s:%s", text,
                                is_address(subject->names[i]) ? "IP" : "DNS", subject->names[i]);
    return text;
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ASSERT(extension);
    int rv = X509_add_ext(x509, extension, -1);
    ASSERT(rv == 1);
    X509_EXTENSION_free(extension);
}

static X509_NAME *make_name(const char *cluster, const char *role, const char *name)
{
    X509_NAME *subject = X509_NAME_new();
    ASSERT(subject);
    const char *const parts[][2] = {{"O", cluster}, {"OU", role}, {"CN", name}};
    for (int i = 0; i < 3; i++)
        if (parts[i][1])
            X509_NAME_add_entry_by_txt(subject, parts[i][0], MBSTRING_UTF8,
                                       (const unsigned char *)parts[i][1], -1, -1, 0);
    return subject;
}

/* A certificate with everything but its extensions and signature. */
static X509 *start_certificate(X509_NAME *subject, EVP_PKEY *key, int days)
{
    X509 *x509 = X509_new();
    ASSERT(x509);
    unsigned char bytes[SERIAL_BYTES];
    int rv = RAND_bytes(bytes, sizeof(bytes));
    ASSERT(rv == 1);
    bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and always the same length */
    BIGNUM *serial = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ASSERT(serial);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509));
    BN_free(serial);
    X509_set_version(x509, X509_VERSION_3);
    X509_set_subject_name(x509, subject);
    X509_set_pubkey(x509, key);
    X509_gmtime_adj(X509_getm_notBefore(x509), -BACKDATE_S); /* clocks of joining hosts differ */
    X509_time_adj_ex(X509_getm_notAfter(x509), days, 0, NULL);
    return x509;
}

static void sign_x509(X509 *x509, EVP_PKEY *key)
{
    const EVP_MD *md = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    int rv = X509_sign(x509, key, md);
    ASSERT(rv > 0);
}

enum error_code ca_create(const char *folder, const char *cluster, struct error *err)
{
    struct ca_subject check = {cluster, CA_ROLE_REGION, {0}, 0};
    enum error_code code = check_subject(&check, err);
    if (code)
        return error_wrap(err, "cluster");
    struct arena *arena = arena_new();
    const char *certificate_path = arena_printf(arena, "%s/ca.pem", folder);
    const char *key_path = arena_printf(arena, "%s/ca.key", folder);
    if (access(certificate_path, F_OK) == 0 || access(key_path, F_OK) == 0) {
        code = error_set(err, ERR_CONFLICT, "%s: a CA is there already", folder);
        arena_free(arena);
        return code;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    ASSERT(key);
    X509_NAME *name = make_name(cluster, NULL, arena_printf(arena, "%.50s CA", cluster));
    X509 *x509 = start_certificate(name, key, CA_DAYS);
    X509_set_issuer_name(x509, name);
    add_extension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(x509, x509, NID_subject_key_identifier, "hash");
    sign_x509(x509, key);
    const char *key_pem = key_text(key, arena), *pem = x509_text(x509, arena);
    code = file_make_folders(folder, 0700, err);
    if (!code)
        code = file_write(key_path, key_pem, strlen(key_pem), 0600, err);
    if (!code)
        code = file_write(certificate_path, pem, strlen(pem), 0644, err);
    X509_NAME_free(name);
    X509_free(x509);
    EVP_PKEY_free(key);
    arena_free(arena);
    return code;
}

/* Key and certificate of a CA that fit together, or CORRUPT. */
static enum error_code parse_ca(const char *pem, const char *key_pem, struct ca *ca,
                                struct error *err)
{
    ca->x509 = parse_x509(pem);
    if (!ca->x509)
        return openssl_error(err, ERR_CORRUPT, "CA certificate");
    ca->key = parse_key(key_pem);
    if (!ca->key)
        return openssl_error(err, ERR_CORRUPT, "CA key");
    if (X509_check_private_key(ca->x509, ca->key) != 1)
        return openssl_error(err, ERR_CORRUPT, "CA key and certificate");
    ca->pem = arena_strdup(ca->arena, pem);
    enum error_code code = certificate_describe(ca->x509, &ca->facts, err);
    if (!code && !ca->facts.is_authority)
        code = error_set(err, ERR_CORRUPT, "CA certificate: it is no authority");
    return code;
}

enum error_code ca_open(const char *folder, struct ca **result, struct error *err)
{
    struct ca *ca = calloc(1, sizeof(*ca));
    ASSERT(ca);
    ca->arena = arena_new();
    char *pem = NULL, *key_pem = NULL;
    enum error_code code = file_read(ca->arena, arena_printf(ca->arena, "%s/ca.pem", folder),
                                     CA_FILE_BYTES, &pem, NULL, err);
    if (!code)
        code = file_read(ca->arena, arena_printf(ca->arena, "%s/ca.key", folder), CA_FILE_BYTES,
                         &key_pem, NULL, err);
    if (!code && (code = parse_ca(pem, key_pem, ca, err)))
        error_wrap(err, "%s", folder);
    if (code) {
        ca_free(ca);
        ca = NULL;
    }
    *result = ca;
    return code;
}

enum error_code ca_install(const char *folder, const char *certificate_pem, const char *key_pem,
                           struct error *err)
{
    struct ca *ca = calloc(1, sizeof(*ca));
    ASSERT(ca);
    ca->arena = arena_new();
    enum error_code code = parse_ca(certificate_pem, key_pem, ca, err);
    if (!code)
        code = file_make_folders(folder, 0700, err);
    if (!code)
        code = file_write(arena_printf(ca->arena, "%s/ca.key", folder), key_pem, strlen(key_pem),
                          0600, err);
    if (!code)
        code = file_write(arena_printf(ca->arena, "%s/ca.pem", folder), certificate_pem,
                          strlen(certificate_pem), 0644, err);
    ca_free(ca);
    return code;
}

void ca_free(struct ca *ca)
{
    if (!ca)
        return;
    X509_free(ca->x509);
    EVP_PKEY_free(ca->key);
    arena_free(ca->arena);
    free(ca);
}

const char *ca_pem(const struct ca *ca)
{
    return ca->pem;
}

const struct certificate *ca_certificate(const struct ca *ca)
{
    return &ca->facts;
}

char *ca_key_pem(const struct ca *ca, struct arena *arena)
{
    return key_text(ca->key, arena);
}

char *ca_make_key(struct arena *arena)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    ASSERT(key);
    char *text = key_text(key, arena);
    EVP_PKEY_free(key);
    return text;
}

static void request_names(X509_REQ *request, const struct ca_subject *subject, struct arena *arena)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, NULL, NULL, request, NULL, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, alternative_names(subject, arena));
    ASSERT(extension);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    ASSERT(extensions);
    sk_X509_EXTENSION_push(extensions, extension);
    int rv = X509_REQ_add_extensions(request, extensions);
    ASSERT(rv == 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

enum error_code ca_make_request(const char *key_pem, const struct ca_subject *subject,
                                struct arena *arena, char **request_pem, struct error *err)
{
    enum error_code code = check_subject(subject, err);
    if (code)
        return code;
    EVP_PKEY *key = parse_key(key_pem);
    if (!key)
        return openssl_error(err, ERR_CORRUPT, "private key");
    X509_REQ *request = X509_REQ_new();
    ASSERT(request);
    X509_NAME *name = make_name(NULL, subject->role, subject->name);
    X509_REQ_set_subject_name(request, name);
    X509_REQ_set_pubkey(request, key);
    request_names(request, subject, arena);
    int rv = X509_REQ_sign(request, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256());
    ASSERT(rv > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    rv = bio ? PEM_write_bio_X509_REQ(bio, request) : 0;
    ASSERT(rv == 1);
    *request_pem = take_text(bio, arena);
    X509_NAME_free(name);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return ERR_OK;
}

/* A request whose signature proves that its sender holds the key. */
static enum error_code open_request(const char *pem, X509_REQ **result, struct error *err)
{
    *result = NULL;
    if (strlen(pem) > REQUEST_BYTES)
        return error_set(err, ERR_BAD_INPUT, "signing request: too long");
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509_REQ *request =
        bio ? PEM_read_bio_X509_REQ(bio, NULL, certificate_no_password, NULL) : NULL;
    BIO_free(bio);
    if (!request)
        return openssl_error(err, ERR_BAD_INPUT, "signing request");
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    char group[32] = "";
    bool known = key && (EVP_PKEY_is_a(key, "ED25519") ||
                         (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
                          (!strcmp(group, "prime256v1") || !strcmp(group, "secp384r1"))));
    enum error_code code = ERR_OK;
    if (!known)
        code = error_set(err, ERR_BAD_INPUT,
                         "signing request: expected a P-256, P-384 or Ed25519 key");
    else if (X509_REQ_verify(request, key) != 1)
        code = openssl_error(err, ERR_BAD_INPUT, "signing request: signature");
    if (code)
        X509_REQ_free(request);
    else
        *result = request;
    return code;
}

static char *request_entry(X509_REQ *request, int nid, struct arena *arena)
{
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    unsigned char *utf8 = NULL;
    int length = at < 0 ? -1
                        : ASN1_STRING_to_UTF8(
                              &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool plain = length > 0 && !memchr(utf8, '\0', (size_t)length); /* what ends early is none */
    char *text =
        plain ? arena_strndup(arena, (char *)utf8, (size_t)length) : arena_strdup(arena, "");
    OPENSSL_free(utf8);
    return text;
}

static const char *general_name_text(const GENERAL_NAME *name, struct arena *arena)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *bytes =
        type == GEN_DNS || type == GEN_IPADD ? ASN1_STRING_get0_data(value) : NULL;
    int size = bytes ? ASN1_STRING_length(value) : 0;
    char text[INET6_ADDRSTRLEN];
    if (type == GEN_DNS) /* empty, or with a NUL in it: none */
        return bytes && !memchr(bytes, '\0', (size_t)size)
                   ? arena_strndup(arena, (const char *)bytes, (size_t)size)
                   : "";
    if (type == GEN_IPADD && (size == 4 || size == 16) &&
        inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)))
        return arena_strdup(arena, text);
    return NULL;
}

static void request_alternatives(X509_REQ *request, struct ca_subject *subject, struct arena *arena)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && subject->names_count < CA_NAMES; i++) {
        const char *text = general_name_text(sk_GENERAL_NAME_value(names, i), arena);
        if (text)
            subject->names[subject->names_count++] = text;
    }
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

enum error_code ca_read_request(const char *request_pem, struct ca_subject *subject,
                                struct arena *arena, struct error *err)
{
    memset(subject, 0, sizeof(*subject));
    X509_REQ *request;
    enum error_code code = open_request(request_pem, &request, err);
    if (code)
        return code;
    subject->name = request_entry(request, NID_commonName, arena);
    subject->role = request_entry(request, NID_organizationalUnitName, arena);
    request_alternatives(request, subject, arena);
    X509_REQ_free(request);
    code = check_subject(subject, err);
    return code ? error_wrap(err, "signing request") : ERR_OK;
}

enum error_code ca_request_key(const char *request_pem, char fingerprint[CERTIFICATE_FINGERPRINT],
                               struct error *err)
{
    X509_REQ *request;
    unsigned char *der = NULL;
    enum error_code code = open_request(request_pem, &request, err);
    if (code)
        return code;
    int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &der);
    ASSERT(size > 0);
    digest_sha256_text(der, (size_t)size, fingerprint);
    OPENSSL_free(der);
    X509_REQ_free(request);
    return ERR_OK;
}

static char *cluster_name(struct ca *ca, struct arena *arena)
{
    X509_NAME *subject = X509_get_subject_name(ca->x509);
    char text[CERTIFICATE_NAME] = "";
    X509_NAME_get_text_by_NID(subject, NID_organizationName, text, sizeof(text));
    return arena_strdup(arena, text);
}

// NOLINTNEXTLINE(readability-function-size): what is signed, for whom, how long, and whereto
enum error_code ca_sign(struct ca *ca, const char *request_pem, const struct ca_subject *subject,
                        int days, struct arena *arena, char **certificate_pem, struct error *err)
{
    X509_REQ *request;
    enum error_code code = check_subject(subject, err);
    if (!code)
        code = open_request(request_pem, &request, err);
    if (code)
        return code;
    X509_NAME *name = make_name(cluster_name(ca, arena), subject->role, subject->name);
    X509 *x509 = start_certificate(name, X509_REQ_get0_pubkey(request), days);
    X509_set_issuer_name(x509, X509_get_subject_name(ca->x509));
    add_extension(x509, ca->x509, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(x509, ca->x509, NID_key_usage, "critical,digitalSignature");
    add_extension(x509, ca->x509, NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(x509, ca->x509, NID_subject_key_identifier, "hash");
    add_extension(x509, ca->x509, NID_authority_key_identifier, "keyid:always");
    add_extension(x509, ca->x509, NID_subject_alt_name, alternative_names(subject, arena));
    sign_x509(x509, ca->key);
    *certificate_pem = x509_text(x509, arena);
    X509_NAME_free(name);
    X509_free(x509);
    X509_REQ_free(request);
    return ERR_OK;
}

static bool add_revoked(X509_CRL *list, const char *serial, const ASN1_TIME *since)
{
    BIGNUM *number = NULL;
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASSERT(revoked);
    if (BN_hex2bn(&number, serial) != (int)strlen(serial) || !*serial) {
        BN_free(number);
        X509_REVOKED_free(revoked);
        return false;
    }
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    ASSERT(integer);
    X509_REVOKED_set_serialNumber(revoked, integer);
    X509_REVOKED_set_revocationDate(revoked, (ASN1_TIME *)since);
    X509_CRL_add0_revoked(list, revoked);
    ASN1_INTEGER_free(integer);
    BN_free(number);
    return true;
}

static char *list_text(X509_CRL *list, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rv = bio ? PEM_write_bio_X509_CRL(bio, list) : 0;
    ASSERT(rv == 1);
    return take_text(bio, arena);
}

enum error_code ca_revoke(struct ca *ca, const char *const *serials, int count, struct arena *arena,
                          char **list_pem, struct error *err)
{
    /* Its times are the CA's: which list is the newest is not for a clock to say. */
    const ASN1_TIME *begin = X509_get0_notBefore(ca->x509), *end = X509_get0_notAfter(ca->x509);
    X509_CRL *list = X509_CRL_new();
    ASSERT(list);
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(ca->x509));
    X509_CRL_set1_lastUpdate(list, begin);
    X509_CRL_set1_nextUpdate(list, end);
    enum error_code code = ERR_OK;
    for (int i = 0; i < count && !code; i++)
        if (!add_revoked(list, serials[i], begin))
            code = error_set(err, ERR_BAD_INPUT, "\"%s\" is no serial number", serials[i]);
    X509_CRL_sort(list);
    if (!code) {
        int rv = X509_CRL_sign(list, ca->key, EVP_sha256());
        ASSERT(rv > 0);
        *list_pem = list_text(list, arena);
    }
    X509_CRL_free(list);
    return code;
}

enum error_code ca_issue(struct ca *ca, const struct ca_subject *subject,
                         const char *certificate_path, const char *key_path, struct error *err)
{
    struct arena *arena = arena_new();
    char *key_pem = ca_make_key(arena), *request = NULL, *pem = NULL;
    enum error_code code = ca_make_request(key_pem, subject, arena, &request, err);
    if (!code)
        code = ca_sign(ca, request, subject, CA_LEAF_DAYS, arena, &pem, err);
    if (!code)
        code = file_write(key_path, key_pem, strlen(key_pem), 0600, err);
    if (!code) { /* the CA after it, so that who knows only its fingerprint can check the chain */
        const char *chain = arena_printf(arena, "%s%s", pem, ca->pem);
        code = file_write(certificate_path, chain, strlen(chain), 0644, err);
    }
    arena_free(arena);
    return code;
}

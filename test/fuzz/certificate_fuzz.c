/*
 * Foreign certificates and signing requests. The first byte says as what the rest is read: PEM text
 * of a certificate, of a request; DER of either, put into PEM; or the DER of a request that is
 * signed by a key of ours before, so that what a joining host may ask for is looked at, which it
 * has signed. What is accepted is plain, and signed it is a certificate that says what the signer
 * said.
 */
// rooms: wire
#include <openssl/pem.h>
#include <string.h>

#include "src/wire/ca.h"
#include "test/fuzz/stored_file.h"

enum { AS_CERTIFICATE, AS_REQUEST, AS_CERTIFICATE_DER, AS_REQUEST_DER, AS_SIGNED, WAYS };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct ca *ca;
static EVP_PKEY *key;
static char *own_key; /* PEM */

static void clean(void)
{
    static const char *const names[] = {"ca.pem", "ca.key"};
    char path[STORED_PATH];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", stored_folder, names[i]);
        unlink(path);
    }
    ca_free(ca);
    EVP_PKEY_free(key);
    free(own_key);
}

static void begin(void)
{
    struct error err;
    stored_file("", 0);
    atexit(clean);
    ASSERT(!ca_create(stored_folder, "fuzz", &err) && !ca_open(stored_folder, &ca, &err));
    struct arena *arena = arena_new();
    own_key = strdup(ca_make_key(arena));
    key = EVP_EC_gen("P-256");
    ASSERT(key && own_key);
    arena_free(arena);
}

static char *text_of(BIO *bio, struct arena *arena)
{
    char *bytes;
    long size = BIO_get_mem_data(bio, &bytes);
    char *text = arena_strndup(arena, bytes, (size_t)size);
    BIO_free(bio);
    return text;
}

static char *wrap(const char *what, const uint8_t *bytes, size_t size, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    ASSERT(bio && PEM_write_bio(bio, what, "", bytes, (long)size) > 0);
    return text_of(bio, arena);
}

/* As its sender would sign it; NULL = it is none. */
static char *sign(const uint8_t *bytes, size_t size, struct arena *arena)
{
    X509_REQ *request = d2i_X509_REQ(NULL, &bytes, (long)size);
    char *text = NULL;
    if (request && X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, EVP_sha256())) {
        BIO *bio = BIO_new(BIO_s_mem());
        if (PEM_write_bio_X509_REQ(bio, request) == 1)
            text = text_of(bio, arena);
        else
            BIO_free(bio);
    }
    X509_REQ_free(request);
    return text;
}

static void check_names(const struct certificate *certificate)
{
    ASSERT(memchr(certificate->name, 0, sizeof(certificate->name)));
    ASSERT(memchr(certificate->role, 0, sizeof(certificate->role)));
    ASSERT(memchr(certificate->serial, 0, sizeof(certificate->serial)));
    ASSERT(strlen(certificate->fingerprint) == CERTIFICATE_FINGERPRINT - 1);
}

static void read_certificate(const char *pem)
{
    struct certificate certificate;
    struct error err = {0};
    enum error_code code = certificate_parse(pem, &certificate, &err);
    ASSERT(code == ERR_OK || code == ERR_CORRUPT);
    if (code)
        ASSERT(err.text[0]);
    else
        check_names(&certificate);
    ASSERT(code || certificate_is_pem(pem));
    certificate_days_left(&certificate, 1700000000);
}

/* What a host that joins sends: nothing of it but its key is in what it is given. */
static void read_request(const char *pem, struct arena *arena)
{
    static const struct ca_subject given = {"given", CA_ROLE_RACK, {"10.0.0.1"}, 1};
    struct ca_subject asked, again;
    struct certificate certificate;
    struct error err = {0};
    char fingerprint[CERTIFICATE_FINGERPRINT], *made = NULL;
    enum error_code read = ca_read_request(pem, &asked, arena, &err);
    ASSERT(read == ERR_OK || (read == ERR_BAD_INPUT && err.text[0]));
    enum error_code sound = ca_request_key(pem, fingerprint, &err);
    ASSERT(sound == ERR_OK || (sound == ERR_BAD_INPUT && err.text[0]));
    ASSERT(ca_sign(ca, pem, &given, 1, arena, &made, &err) == sound && (sound || made));
    if (!sound) {
        ASSERT(!certificate_parse(made, &certificate, &err));
        ASSERT(!strcmp(certificate.name, "given") && !strcmp(certificate.role, CA_ROLE_RACK));
        ASSERT(!certificate.is_authority && strlen(fingerprint) == CERTIFICATE_FINGERPRINT - 1);
    }
    if (read)
        return;
    ASSERT(!sound && asked.names_count >= 0 && asked.names_count <= CA_NAMES);
    char *request = NULL;
    ASSERT(!ca_make_request(own_key, &asked, arena, &request, &err));
    ASSERT(!ca_read_request(request, &again, arena, &err));
    ASSERT(!strcmp(again.name, asked.name) && !strcmp(again.role, asked.role));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    if (!ca)
        begin();
    struct arena *arena = arena_new();
    int way = *bytes++ % WAYS;
    char *text = NULL;
    size--;
    if (way == AS_SIGNED)
        text = sign(bytes, size, arena);
    else if (way == AS_CERTIFICATE || way == AS_REQUEST)
        text = arena_strndup(arena, (const char *)bytes, size);
    else
        text =
            wrap(way == AS_REQUEST_DER ? PEM_STRING_X509_REQ : PEM_STRING_X509, bytes, size, arena);
    if (text && (way == AS_CERTIFICATE || way == AS_CERTIFICATE_DER))
        read_certificate(text);
    else if (text)
        read_request(text, arena);
    arena_free(arena);
    return 0;
}

/* The cluster's CA: files, requests, what it signs and what it refuses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/process.h"
#include "test/lib/test_ca.h"

static struct test_ca test;

static int set_up(void **unused)
{
    (void)unused;
    test_ca_open(&test);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    test_ca_close(&test);
    return 0;
}

static void test_its_files(void **unused)
{
    (void)unused;
    struct error err;
    struct stat key, pem;
    assert_int_equal(stat(arena_printf(test.arena, "%s/ca.key", test.folder), &key), 0);
    assert_int_equal(stat(arena_printf(test.arena, "%s/ca.pem", test.folder), &pem), 0);
    assert_int_equal(key.st_mode & 0777, 0600);
    assert_int_equal(pem.st_mode & 0777, 0644);
    assert_int_equal(ca_create(test.folder, "again", &err), ERR_CONFLICT);
    const struct certificate *facts = ca_certificate(test.ca);
    assert_true(facts->is_authority);
    assert_string_equal(facts->name, "test CA");
    assert_int_equal(strlen(facts->fingerprint), 64);
    assert_int_equal(ca_create("/tmp/never-made", "two words", &err), ERR_BAD_INPUT);
}

static void test_another_region_installs_it(void **unused)
{
    (void)unused;
    struct error err;
    struct test_ca other;
    test_ca_open(&other);
    const char *folder = arena_printf(test.arena, "%s/copy", test.folder);
    const char *key = ca_key_pem(test.ca, test.arena);
    assert_int_equal(ca_install(folder, ca_pem(other.ca), key, &err), ERR_CORRUPT);
    struct ca *copy;
    assert_int_equal(ca_open(folder, &copy, &err), ERR_NOT_FOUND);
    assert_int_equal(ca_install(folder, ca_pem(test.ca), key, &err), ERR_OK);
    assert_int_equal(ca_open(folder, &copy, &err), ERR_OK);
    assert_string_equal(ca_certificate(copy)->fingerprint, ca_certificate(test.ca)->fingerprint);
    ca_free(copy);
    test_ca_close(&other);
}

static void test_signer_decides_not_the_request(void **unused)
{
    (void)unused;
    struct error err;
    struct ca_subject asked = {"rack9", "region", {"evil.example", "10.0.0.9", "fd00::1"}, 3};
    char *key = ca_make_key(test.arena), *request = NULL, *pem = NULL;
    assert_int_equal(ca_make_request(key, &asked, test.arena, &request, &err), ERR_OK);
    struct ca_subject seen;
    assert_int_equal(ca_read_request(request, &seen, test.arena, &err), ERR_OK);
    assert_string_equal(seen.name, "rack9");
    assert_string_equal(seen.role, "region");
    assert_int_equal(seen.names_count, 4);
    assert_string_equal(seen.names[2], "10.0.0.9");
    assert_string_equal(seen.names[3], "fd00::1");
    struct ca_subject granted = {"rack9", "rack", {"10.0.0.9"}, 1};
    assert_int_equal(ca_sign(test.ca, request, &granted, 30, test.arena, &pem, &err), ERR_OK);
    struct certificate facts;
    assert_int_equal(certificate_parse(pem, &facts, &err), ERR_OK);
    assert_string_equal(facts.role, "rack");
    assert_false(facts.is_authority);
    assert_int_equal(certificate_days_left(&facts, time(NULL) + 60), 29);
    assert_int_equal(certificate_days_left(&facts, time(NULL) + 31 * 86400 + 60), -2);
    assert_true(strlen(facts.serial) == 32);
}

static void test_refuses_bad_requests(void **unused)
{
    (void)unused;
    struct error err;
    struct ca_subject who = {"a", "rack", {0}, 0}, seen;
    char *key = ca_make_key(test.arena), *request = NULL, *pem = NULL;
    assert_int_equal(ca_make_request(key, &who, test.arena, &request, &err), ERR_OK);
    assert_int_equal(ca_read_request("nonsense", &seen, test.arena, &err), ERR_BAD_INPUT);
    /* a flipped letter of the signature, which ends the request */
    char *altered = arena_strdup(test.arena, request);
    char *end = strstr(altered, "\n-----END");
    assert_non_null(end);
    end[-8] = end[-8] == 'A' ? 'B' : 'A';
    assert_int_equal(ca_read_request(altered, &seen, test.arena, &err), ERR_BAD_INPUT);
    struct ca_subject injected = {"a,DNS:b", "rack", {0}, 0};
    assert_int_equal(ca_sign(test.ca, request, &injected, 30, test.arena, &pem, &err),
                     ERR_BAD_INPUT);
    struct ca_subject injected_name = {"a", "rack", {"b,IP:1.2.3.4"}, 1};
    assert_int_equal(ca_sign(test.ca, request, &injected_name, 30, test.arena, &pem, &err),
                     ERR_BAD_INPUT);
}

/* The PEM text of a request for a CN or a DNS name of these bytes, signed as it has to be. */
static char *request_with(const char *common, int common_size, const char *dns, int dns_size)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(request);
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    X509_NAME_add_entry_by_NID(name, NID_organizationalUnitName, MBSTRING_UTF8,
                               (const unsigned char *)"rack", 4, -1, 0);
    X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
                               (const unsigned char *)common, common_size, -1, 0);
    ASN1_STRING_set(text, dns, dns_size);
    GENERAL_NAME_set0_value(one, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, one);
    assert_int_equal(X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, 0), 1);
    X509_REQ_add_extensions(request, extensions);
    X509_REQ_set_pubkey(request, key);
    assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    PEM_write_bio_X509_REQ(bio, request);
    long size = BIO_get_mem_data(bio, &bytes);
    char *pem = arena_strndup(test.arena, bytes, (size_t)size);
    BIO_free(bio);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return pem;
}

/* A name with a NUL in it is not the name in front of the NUL. */
static void test_names_end_where_they_end(void **unused)
{
    (void)unused;
    struct ca_subject seen;
    struct error err;
    assert_int_equal(ca_read_request(request_with("a", 1, "b.c", 3), &seen, test.arena, &err),
                     ERR_OK);
    assert_string_equal(seen.names[0], "b.c");
    assert_int_equal(ca_read_request(request_with("a\0b", 3, "b.c", 3), &seen, test.arena, &err),
                     ERR_BAD_INPUT);
    assert_int_equal(ca_read_request(request_with("a", 1, "b\0c", 3), &seen, test.arena, &err),
                     ERR_BAD_INPUT);
}

/* A request that says that it is encrypted: nobody is asked for a password, who runs this program
 * least of all. */
static void test_asks_nobody_for_a_password(void **unused)
{
    (void)unused;
    static const char request[] = "-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\n"
                                  "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
                                  "-----END CERTIFICATE REQUEST-----\n";
    static const char typed[] = "password\n";
    int keyboard[2], left = 0, status;
    assert_int_equal(pipe(keyboard), 0);
    assert_int_equal(write(keyboard[1], typed, strlen(typed)), strlen(typed));
    pid_t pid = fork();
    if (pid == 0) { /* without a terminal what is asked is read from descriptor 0 */
        struct ca_subject seen;
        struct error err;
        setsid();
        dup2(keyboard[0], 0);
        enum error_code code = ca_read_request(request, &seen, test.arena, &err);
        _exit(code == ERR_BAD_INPUT ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(ioctl(keyboard[0], FIONREAD, &left), 0);
    assert_int_equal(left, strlen(typed));
    close(keyboard[0]);
    close(keyboard[1]);
}

static void test_issue_writes_files(void **unused)
{
    (void)unused;
    struct error err;
    struct ca_subject who = {"repl_2", CA_ROLE_POSTGRES, {0}, 0};
    const char *pem = arena_printf(test.arena, "%s/r.pem", test.folder);
    const char *key = arena_printf(test.arena, "%s/r.key", test.folder);
    assert_int_equal(ca_issue(test.ca, &who, pem, key, &err), ERR_OK);
    struct stat status;
    assert_int_equal(stat(key, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    struct certificate facts;
    assert_int_equal(certificate_read(pem, &facts, &err), ERR_OK);
    assert_string_equal(facts.name, "repl_2");
    struct tls_files files = {pem, key, arena_printf(test.arena, "%s/ca.pem", test.folder)};
    struct tls_credentials *credentials;
    assert_int_equal(tls_credentials_load(&files, &credentials, &err), ERR_OK);
    tls_credentials_free(credentials);
}

/* OpenSSL's own verifier, with the list: who stands on it is refused, who does not is not. */
static void test_revoked(void **unused)
{
    (void)unused;
    struct error err;
    char *list;
    struct certificate bad;
    struct tls_files files = test_ca_files(&test, "gone", CA_ROLE_REGION, 30);
    struct tls_files good = test_ca_files(&test, "stays", CA_ROLE_REGION, 30);
    assert_int_equal(certificate_read(files.certificate, &bad, &err), ERR_OK);
    const char *serials[] = {"1234", bad.serial};
    assert_int_equal(ca_revoke(test.ca, serials, 2, test.arena, &list, &err), ERR_OK);
    const char *path = arena_printf(test.arena, "%s/revoked.pem", test.folder);
    assert_int_equal(file_write(path, list, strlen(list), 0644, &err), ERR_OK);
    for (int i = 0; i < 2; i++) {
        const char *const argv[] = {"/usr/bin/openssl",
                                    "verify",
                                    "-crl_check",
                                    "-CRLfile",
                                    path,
                                    "-CAfile",
                                    files.ca,
                                    i ? good.certificate : files.certificate,
                                    NULL};
        struct process_run run = {.argv = argv, .output_limit = 65536, .timeout_ms = 10000};
        struct process_result result;
        assert_int_equal(process_run(&run, test.arena, &result, &err), ERR_OK);
        assert_int_equal(result.status == 0, i);
        assert_int_equal(strstr(result.output, "certificate revoked") != NULL, !i);
    }
    assert_int_equal(ca_revoke(test.ca, serials, 0, test.arena, &list, &err), ERR_OK);
    serials[0] = "12x";
    assert_int_equal(ca_revoke(test.ca, serials, 1, test.arena, &list, &err), ERR_BAD_INPUT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_its_files),
        T(test_another_region_installs_it),
        T(test_signer_decides_not_the_request),
        T(test_refuses_bad_requests),
        T(test_asks_nobody_for_a_password),
        T(test_names_end_where_they_end),
        T(test_issue_writes_files),
        T(test_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

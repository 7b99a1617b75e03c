/* A throw-away CA: see test_ca.h. */
#include "test/lib/test_ca.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "test/lib/own_host.h"

void test_ca_open(struct test_ca *test)
{
    struct error err;
    strcpy(test->folder, "/tmp/test_ca_XXXXXX");
    char *made = mkdtemp(test->folder);
    ASSERT(made);
    test->arena = arena_new();
    enum error_code code = ca_create(test->folder, "test", &err);
    ASSERT(code == ERR_OK);
    code = ca_open(test->folder, &test->ca, &err);
    ASSERT(code == ERR_OK);
}

void test_ca_close(struct test_ca *test)
{
    file_remove_tree(test->folder, NULL);
    ca_free(test->ca);
    arena_free(test->arena);
}

struct tls_files test_ca_files(struct test_ca *test, const char *name, const char *role, int days)
{
    struct error err;
    struct tls_files files = {
        .certificate = arena_printf(test->arena, "%s/%s-%s-%d.pem", test->folder, name, role, days),
        .key = arena_printf(test->arena, "%s/%s-%s-%d.key", test->folder, name, role, days),
        .ca = arena_printf(test->arena, "%s/ca.pem", test->folder),
    };
    struct ca_subject subject = {name, role, {own_host(), "127.0.0.1", "localhost"}, 3};
    char *key = ca_make_key(test->arena), *request = NULL, *pem = NULL;
    enum error_code code = ca_make_request(key, &subject, test->arena, &request, &err);
    ASSERT(code == ERR_OK);
    code = ca_sign(test->ca, request, &subject, days, test->arena, &pem, &err);
    ASSERT(code == ERR_OK);
    pem = arena_printf(test->arena, "%s%s", pem, ca_pem(test->ca));
    code = file_write(files.certificate, pem, strlen(pem), 0644, &err);
    ASSERT(code == ERR_OK);
    code = file_write(files.key, key, strlen(key), 0600, &err);
    ASSERT(code == ERR_OK);
    return files;
}

struct tls_credentials *test_ca_credentials(struct test_ca *test, struct test_ca *trusted,
                                            const char *name, const char *role, int days)
{
    struct error err;
    struct tls_files files = test_ca_files(test, name, role, days);
    files.ca = arena_printf(test->arena, "%s/ca.pem", trusted->folder);
    struct tls_credentials *credentials;
    enum error_code code = tls_credentials_load(&files, &credentials, &err);
    ASSERT(code == ERR_OK);
    return credentials;
}

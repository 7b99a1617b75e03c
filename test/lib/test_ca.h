/* A throw-away cluster CA with certificates, for tests that speak mutual TLS. */
#pragma once

#include "src/wire/ca.h"
#include "src/wire/tls_credentials.h"

struct test_ca {
    char folder[64];
    struct arena *arena;
    struct ca *ca;
};

/** A CA in a fresh folder below /tmp; close removes it. */
void test_ca_open(struct test_ca *test);
void test_ca_close(struct test_ca *test);

/** Paths of a certificate and key for name in role that ends in days (may be negative). */
struct tls_files test_ca_files(struct test_ca *test, const char *name, const char *role, int days);

/** Loaded credentials of the same; trusted is the CA whose certificates it accepts. */
struct tls_credentials *test_ca_credentials(struct test_ca *test, struct test_ca *trusted,
                                            const char *name, const char *role, int days);

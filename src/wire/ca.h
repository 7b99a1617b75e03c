/*
 * The cluster's certificate authority: EC P-256, made at `cluster init`, kept by every region.
 * Certificates carry both uses (client and server); what the bearer may do follows from its role,
 * the subject's OU. Blocking; any thread.
 */
#pragma once

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/wire/certificate.h"

enum {
    CA_DAYS = 3650,
    CA_LEAF_DAYS = 825,
    CA_NAMES = 16, /* DNS names and addresses of one certificate */
    CA_FILE_BYTES = 64 << 10,
};

#define CA_ROLE_REGION   "region"
#define CA_ROLE_RACK     "rack"
#define CA_ROLE_POSTGRES "postgres" /* CN = the PostgreSQL role it may log in as */
#define CA_ROLE_OPERATOR "operator"

/** Whom a certificate is for. */
struct ca_subject {
    const char *name, *role;
    const char *names[CA_NAMES]; /* DNS names or addresses, told apart by their form */
    int names_count;
};

struct ca;

/**
 * Make a CA in folder: ca.pem (0644) and ca.key (0600); an existing one is kept and CONFLICT
 * returned. Install writes the files of another region's CA after checking them.
 * Errors: CONFLICT, IO, CORRUPT.
 */
enum error_code ca_create(const char *folder, const char *cluster, struct error *err);
enum error_code ca_install(const char *folder, const char *certificate_pem, const char *key_pem,
                           struct error *err);

/** Errors: NOT_FOUND, IO, CORRUPT. */
enum error_code ca_open(const char *folder, struct ca **ca, struct error *err);
void ca_free(struct ca *ca);

/** Its certificate: PEM text and facts; both live as long as the CA. The key, for a joining region.
 */
const char *ca_pem(const struct ca *ca);
const struct certificate *ca_certificate(const struct ca *ca);
char *ca_key_pem(const struct ca *ca, struct arena *arena);

/** A fresh P-256 key as PEM (PKCS #8); a signing request with it that asks for subject. */
char *ca_make_key(struct arena *arena);
enum error_code ca_make_request(const char *key_pem, const struct ca_subject *subject,
                                struct arena *arena, char **request_pem, struct error *err);

/** What a request asks for, once its signature was checked. Errors: BAD_INPUT. */
enum error_code ca_read_request(const char *request_pem, struct ca_subject *subject,
                                struct arena *arena, struct error *err);

/** SHA-256 in hex of the public key that a request is for. Errors: BAD_INPUT. */
enum error_code ca_request_key(const char *request_pem, char fingerprint[CERTIFICATE_FINGERPRINT],
                               struct error *err);

/**
 * Sign the key of a request for subject: name, role and names are the signer's, never the
 * request's. Errors: BAD_INPUT (malformed, signature, key not P-256, P-384 or Ed25519).
 */
enum error_code ca_sign(struct ca *ca, const char *request_pem, const struct ca_subject *subject,
                        int days, struct arena *arena, char **certificate_pem, struct error *err);

/**
 * The list of the certificates with these serial numbers (hex), signed, as PEM: for servers that
 * check certificates by themselves. It holds as long as the CA. Errors: BAD_INPUT (a serial).
 */
enum error_code ca_revoke(struct ca *ca, const char *const *serials, int count, struct arena *arena,
                          char **list_pem, struct error *err);

/** Key, request and certificate in one: files key_path (0600) and certificate_path (0644). */
enum error_code ca_issue(struct ca *ca, const struct ca_subject *subject,
                         const char *certificate_path, const char *key_path, struct error *err);

/*
 * What a certificate says, as plain facts. In this cluster the subject's CN names the program (host
 * name, PostgreSQL role), its OU is the role, its O the cluster. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum {
    CERTIFICATE_NAME = 128,       /* longest common name, with the NUL */
    CERTIFICATE_ROLE = 32,        /* longest role, with the NUL */
    CERTIFICATE_SERIAL = 64,      /* serial number in hex, with the NUL */
    CERTIFICATE_FINGERPRINT = 65, /* SHA-256 of the DER form in hex, with the NUL */
    CERTIFICATE_FILE_BYTES = 256 << 10,
};

struct certificate {
    char name[CERTIFICATE_NAME];
    char role[CERTIFICATE_ROLE];
    char serial[CERTIFICATE_SERIAL];
    char fingerprint[CERTIFICATE_FINGERPRINT];
    int64_t not_before_s, not_after_s; /* since 1970 */
    bool is_authority;
};

/** The facts of an OpenSSL X509. Errors: CORRUPT (a name that does not fit, or holds a NUL). */
enum error_code certificate_describe(const void *x509, struct certificate *certificate,
                                     struct error *err);

/** True when the X509 is made out to name: by CN, or by a DNS name or address it carries. */
bool certificate_names(const void *x509, const char *name);

/** The first certificate of a PEM text, or of a PEM file. Errors: NOT_FOUND, IO, CORRUPT. */
enum error_code certificate_parse(const char *pem, struct certificate *certificate,
                                  struct error *err);
enum error_code certificate_read(const char *path, struct certificate *certificate,
                                 struct error *err);

/** For all that reads PEM texts: without it OpenSSL asks the terminal, or descriptor 0, for what an
 * encrypted one is locked with. */
int certificate_no_password(char *buffer, int size, int writing, void *subject);

/** Does the text begin with a certificate in PEM form, whatever it says? */
bool certificate_is_pem(const char *text);

/** Whole days until it ends; negative when it has ended. */
int certificate_days_left(const struct certificate *certificate, int64_t now_s);

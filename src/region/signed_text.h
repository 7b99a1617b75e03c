/*
 * Texts under an OpenPGP signature in the clear (.sjson): what was signed, and nothing else. gpgv,
 * a child program, is the judge. Blocking; any thread but the loop's. Source: RFC 4880 7, gpgv(1).
 */
#pragma once

#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"

struct signed_text {
    const char *text;
    size_t size;
    const char *keyring_file; /* path, or NULL: the bytes that follow, binary or armoured */
    const char *keyring;
    size_t keyring_size;
};

/**
 * The text as it was signed by one of the keys, in the arena. Errors: FORBIDDEN (no good signature
 * by these keys), NOT_FOUND (keyring, gpgv), BAD_INPUT (keyring), IO, TIMEOUT.
 */
enum error_code signed_text_open(const struct signed_text *signed_text, struct arena *arena,
                                 char **plain, size_t *plain_size, struct error *err);

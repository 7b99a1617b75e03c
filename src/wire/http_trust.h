/* Whom an HTTPS client trusts: CA by file or by fingerprint, certificate by role. For
 * http_client.c. */
#pragma once

#include "src/wire/http_client.h"

/** Are the named files there? Errors: NOT_FOUND, IO, BAD_INPUT (fingerprint). */
enum error_code http_trust_check(const struct http_client_tls *tls, struct error *err);

/** Set the options of a libcurl handle; tls must live until the transfer ended. */
void http_trust_apply(void *curl, const struct http_client_tls *tls);

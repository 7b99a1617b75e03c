/*
 * Who asks: a session cookie, an OAuth key, or nobody. Pool threads.
 */
#pragma once

#include "src/region/api.h"

/**
 * Fill request->user or request->system_id; both stay NULL for nobody. Takes oauth_* parameters
 * out of the form. Errors: UNAUTHORIZED (credentials that do not fit), BAD_INPUT (malformed),
 * FORBIDDEN (inactive user, missing CSRF token), those of the database.
 */
enum error_code identity_find(struct api_request *request, struct error *err);

/** A cookie by name, in the arena, or NULL. */
const char *identity_cookie(const struct api_request *request, const char *name);

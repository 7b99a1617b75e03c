/* Sockets that need rights, opened for the unprivileged children. */
#pragma once

#include "src/wire/fence_message.h"

/**
 * Open what the request names. Errors: BAD_INPUT (kind, port or names out of bounds), CONFLICT
 * (port in use), NOT_FOUND (interface), IO.
 */
enum error_code listen_open(const struct fence_request *request, int *fd, struct error *err);

/*
 * Requests of the children are checked here before anything acts on them: the children are
 * unprivileged and may have been taken over by what they parse. Pure.
 */
#pragma once

#include "src/wire/fence_message.h"

enum request_sender { REQUEST_FROM_REGIOND, REQUEST_FROM_RACKD };

/**
 * bytes is one packet. On ERR_OK *request is a checked copy: known type, a number, texts that end
 * and hold no control characters, numbers in range, and a request this child may make (only
 * regiond commands PostgreSQL and addresses). Errors: BAD_INPUT, FORBIDDEN; request->number is set
 * when there was one, so that it can be answered.
 */
enum error_code request_check(const void *bytes, size_t size, enum request_sender sender,
                              struct fence_request *request, struct error *err);

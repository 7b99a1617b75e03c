/* The pool's side of a reply: what api.h does not show to handlers. names: api_reply_ */
#pragma once

#include "src/region/api.h"

/** Empty it for a first or another run; its memory is kept. */
void api_reply_begin(struct api_reply *reply, struct arena *arena);

/** The handler is done: what it opened is closed. */
void api_reply_end(struct api_reply *reply);

/** The reply for an error: text or field errors, status, Retry-After. */
void api_reply_error(struct api_reply *reply, const struct error *err);

/*
 * Somebody asks something of a machine: who it is, whether they may and whether it can be asked
 * now, by the table of machine_action.h. Pool threads, inside the transaction.
 */
#pragma once

#include "src/model/machine_action.h"
#include "src/region/machine_life.h"

/**
 * The machine of the path. Errors: NOT_FOUND; FORBIDDEN (not theirs, locked); CONFLICT (status), in
 * this order. Nothing is written.
 */
enum error_code machine_ask(struct api_request *request, enum machine_action_kind kind,
                            struct machine *machine, struct error *err);

/** The same for one that is found already. */
enum error_code machine_ask_about(struct api_request *request, enum machine_action_kind kind,
                                  const struct machine *machine, struct error *err);

/** The action's event, with the request's comment. */
enum error_code machine_ask_note(struct api_request *request, enum machine_action_kind kind,
                                 const struct machine *machine, struct error *err);

/** comment, or its old name; NULL when not given. */
const char *machine_ask_comment(const struct api_request *request);

/** In whose name machine_life works. */
struct machine_life machine_ask_life(struct api_request *request);

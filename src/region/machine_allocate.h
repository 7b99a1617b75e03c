/*
 * Choosing a machine for a user: constraints of the request, the cheapest free machine that meets
 * them, and what its disks and interfaces are called by. Pool threads, inside the transaction.
 */
#pragma once

#include "src/model/machine_constraint.h"
#include "src/region/machine_ask.h"

/** One machine with what meets the labels of the request. */
struct machine_allocation {
    struct machine machine;
    const char *labels; /* JSON of constraints_by_type, "{}" when the request has no labels */
};

/**
 * Find one by the request's parameters. Nothing is changed. Errors: CONFLICT (none is free that
 * meets them), BAD_INPUT with field errors in the reply, BUSY.
 */
enum error_code machine_allocate_find(struct api_request *request, struct api_reply *reply,
                                      struct machine_allocation *allocation, struct error *err);

/** It is the request's user's now: the event, the move, owner and agent_name. */
enum error_code machine_allocate_take(struct api_request *request, struct machine *machine,
                                      struct error *err);

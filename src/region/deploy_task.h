/*
 * The task document of the machine that asks (docs/deploy.md): what the agent shall do now, by the
 * machine's status. Runs inside the request's transaction; pool threads.
 */
#pragma once

#include <jansson.h>

#include "src/region/api.h"
#include "src/region/metadata_store.h"

/** *task is the caller's. Errors: NOT_FOUND (image), CONFLICT and BAD_INPUT (disks), the rest's. */
enum error_code deploy_task_make(struct api_request *request,
                                 const struct metadata_machine *machine, json_t **task,
                                 struct error *err);

/*
 * The first thing that a machine reads when it boots from the network: #cloud-config that names the
 * metadata service. Runs inside the request's transaction; pool threads.
 */
#pragma once

#include "src/region/api.h"

/**
 * Of cloud-init's status webhook: by itself it says each thing once, and what is lost with a rack
 * or a region is never said again, the last word of a deployment included.
 */
#define METADATA_PRESEED_PATIENCE "timeout: 10, retries: 20"

/** Of a machine that is not known: without a key. */
enum error_code metadata_preseed_enlist(struct api_request *request, struct api_reply *reply);

/**
 * Of a known machine, with its key: for itself alone, and while it is to run the ephemeral system.
 * Errors: NOT_FOUND, FORBIDDEN with a text for people.
 */
enum error_code metadata_preseed_own(struct api_request *request, struct api_reply *reply,
                                     const char *system_id, struct error *err);

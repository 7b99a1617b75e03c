/*
 * What a rack asks with the call dhcp_blocks (docs/rack-protocol.md), out of its bytes. Pure; any
 * thread.
 */
#pragma once

#include <jansson.h>

#include "ha/block_decide.h"
#include "src/base/arena.h"

/**
 * Fills store, sequence, and what is given back with renewals; texts are the params'. The ids of
 * the networks that lack blocks are appended to subnets. Errors: BAD_INPUT.
 */
enum error_code block_question_read(const json_t *params, struct arena *arena,
                                    struct block_ask *ask, json_t *subnets, struct error *err);

/*
 * What the files that change the replicated facts share: see cluster_state.h, which is all that
 * others include. Any thread, by value. names: cluster_state_
 */
#pragma once

#include "raft/cluster_state.h"

typedef const struct cluster_outcome *outcome;

#define OUTCOME(code, reason)                                                    \
    ({                                                                           \
        static const struct cluster_outcome of_this_line = {ERR_##code, reason}; \
        &of_this_line;                                                           \
    })
#define ACCEPTED OUTCOME(OK, "accepted")

#define REMOVE_AT(array, count, index)                               \
    do {                                                             \
        memmove(&(array)[index], &(array)[(index) + 1],              \
                sizeof((array)[0]) * (size_t)((count) - (index)-1)); \
        (count)--;                                                   \
        memset(&(array)[count], 0, sizeof((array)[0]));              \
    } while (0)

/** DHCP blocks (cluster_state_blocks.c). */
outcome cluster_state_block_own(struct cluster_state *facts, const struct command_block_own *own);
outcome cluster_state_block_grant(struct cluster_state *facts,
                                  const struct command_block_grant *grant);
outcome cluster_state_block_return(struct cluster_state *facts,
                                   const struct command_block_grant *given);
outcome cluster_state_block_expire(struct cluster_state *facts,
                                   const struct command_block_expire *expire);

/** Do owners and blocks agree with each other? */
bool cluster_state_blocks_agree(const struct cluster_state *facts);

/*
 * How members reach each other, for libraft: connections between regions. A cluster of one member
 * has none. Loop thread only.
 */
#pragma once

#include <raft.h>
#include <raft/uv.h>

#include "src/base/loop.h"

/** Fill in the functions of a transport that libraft then drives. */
void transport_init(struct raft_uv_transport *transport, struct loop *loop);

/* One well-formed command of each kind, for tests of the codec and of the facts. */
#pragma once

#include "raft/command.h"

/** Every kind there is, 0-terminated, in the order of their numbers. */
extern const int sample_command_kinds[];

/** A cluster "site" of member 1 "region1"; the others fit it. */
void sample_command(int kind, struct command *command);

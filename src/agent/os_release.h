/*
 * What /etc/os-release says of a system. Pure; any thread. Source: os-release(5).
 */
#pragma once

#include "src/base/arena.h"

enum { OS_RELEASE_BYTES = 64 << 10 };

/** The value of name in the file's text, without its quotes; "" = it is not said. In the arena. */
const char *os_release_value(const char *text, const char *name, struct arena *arena);

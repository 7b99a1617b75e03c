/* A hash that is quick and everywhere the same; no protection against intent. Pure; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** FNV-1a, 64 bits. */
uint64_t hash_bytes(const void *bytes, size_t size);

/*
 * Numbers in PostgreSQL's own files, which it writes in the host's byte order and where they need
 * not be aligned for us. Pure.
 */
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint16_t pg_bytes_16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t pg_bytes_32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t pg_bytes_64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

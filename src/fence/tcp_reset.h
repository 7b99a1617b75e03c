/*
 * The TCP connections of an address that this host is about to give up. Their other ends learn now,
 * by a reset, what they would learn otherwise only when the next holder hears of them.
 * Source: sock_diag(7), SOCK_DESTROY (Linux 4.9, CONFIG_INET_DIAG_DESTROY).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/address.h"

/**
 * End every connection whose near end is this address, until_ns (BOOTTIME) at the latest; what is
 * left then only has no other end any more. Returns how many; a kernel that cannot ends none.
 */
int tcp_reset_all(ip4 address, uint64_t until_ns);

/**
 * End those that are between two requests: nothing is under way, and what came last was answered.
 * True = nobody is left who waits for an answer; false also when until_ns came first.
 */
bool tcp_reset_idle(ip4 address, uint64_t until_ns);

/*
 * Public keys of OpenPGP in ASCII armor, as people hand them over: is it one, whole, and nothing
 * more? Whose key it is and what it signs is for gpgv to say. Pure; any thread.
 * Source: RFC 9580 6.2 (armor), 4.2 (packets), 10.1 (public keys).
 */
#pragma once

#include "src/base/arena.h"
#include "src/base/error.h"

enum { OPENPGP_ARMOR_BYTES = 16 << 10, OPENPGP_ARMOR_LINE = 128 };

/**
 * One armored block of public keys, with blanks around it at most. *key is what it said with LF as
 * line ends: lines of printable ASCII, in the arena. Errors: BAD_INPUT, with the reason (a private
 * key above all), for people.
 */
enum error_code openpgp_armor_read(const char *text, struct arena *arena, const char **key,
                                   struct error *err);

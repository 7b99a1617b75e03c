/*
 * What a member keeps in its data directory beside the consensus log: who it is, and the mark of a
 * `cluster init` that has not ended. Blocking.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/limits.h"

struct member_file {
    uint64_t id; /* raft id */
    char name[LIMIT_NAME];
    bool fresh; /* it has joined and did not open its log yet */
};

/** Errors: NOT_FOUND (no member yet), CONFLICT (of a newer version), CORRUPT, IO. */
enum error_code member_file_read(const char *data_dir, struct member_file *member,
                                 struct error *err);
enum error_code member_file_write(const char *data_dir, const struct member_file *member,
                                  struct error *err);

/** The cluster took this member out: it is none any more, and knows it after a restart. Errors: IO.
 */
enum error_code member_file_removed(const char *data_dir, struct error *err);
bool member_file_was_removed(const char *data_dir);

/** The cluster's name that an unfinished init is for. Errors: NOT_FOUND (there is none), IO. */
enum error_code member_file_init_read(const char *data_dir, char name[LIMIT_NAME],
                                      struct error *err);
enum error_code member_file_init_begin(const char *data_dir, const char *name, struct error *err);
void member_file_init_end(const char *data_dir);

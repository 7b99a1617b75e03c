/* Small files, whole: read bounded, written atomically and durably. Blocking; any thread. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "src/base/arena.h"
#include "src/base/error.h"

/**
 * The whole file, NUL-terminated, in the arena; *size (may be NULL) without the NUL.
 * Errors: NOT_FOUND, TOO_LARGE past limit bytes, IO.
 */
enum error_code file_read(struct arena *arena, const char *path, size_t limit, char **bytes,
                          size_t *size, struct error *err);

/**
 * Replace path by bytes: temporary file in the same folder, fsync, rename, fsync of the folder.
 * After a crash either the old or the new content is there. Errors: IO.
 */
enum error_code file_write(const char *path, const void *bytes, size_t size, mode_t mode,
                           struct error *err);

/** Make the name itself durable: fsync of the folder that path is in. Errors: IO. */
enum error_code file_sync_name(const char *path, struct error *err);

/** mkdir -p with mode for what is made. Errors: IO. */
enum error_code file_make_folders(const char *path, mode_t mode, struct error *err);

/** Remove a tree without following links; a missing one is fine. Errors: IO. */
enum error_code file_remove_tree(const char *path, struct error *err);

/** close() for __attribute__((cleanup)). */
void file_close_fd(int *fd);

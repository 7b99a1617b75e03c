/*
 * Paths of a system that is being installed: links in them, absolute ones too, lead where they
 * would lead in that system, never out of it. Blocking; any thread. Source: openat2(2).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"

/** open(2) with root (a folder) as "/"; mode counts with O_CREAT. -1 with errno. */
int install_path_open(const char *root, const char *path, int flags, unsigned mode);

/** Is there something? */
bool install_path_has(const char *root, const char *path);

/** The file as a text in the arena, at most limit bytes; NULL when it cannot be read. */
const char *install_path_text(const char *root, const char *path, size_t limit,
                              struct arena *arena);

/** The folders above path, as far as they are missing. Errors: IO. */
enum error_code install_path_make_parents(const char *root, const char *path, struct arena *arena,
                                          struct error *err);

/** Remove a file; one that is not there is fine. Errors: IO. */
enum error_code install_path_remove(const char *root, const char *path, struct arena *arena,
                                    struct error *err);

/** The folder that path is in, opened; -1 with errno. */
int install_path_folder(const char *root, const char *path, struct arena *arena);

/*
 * Reads what the kernel tells in /sys and /proc, below a root that may be a recorded tree. Texts
 * come out clean: trimmed, valid UTF-8 without control characters, at most 255 bytes. Blocking.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"

enum { TREE_TEXT_BYTES = 255, TREE_NAMES = 8192 };

struct tree {
    struct arena *arena; /* everything read lives here */
    const char *root;    /* "" for this system; no slash at the end */
};

/** The first line of a file, clean; NULL when there is none or it is empty. */
const char *tree_text(const struct tree *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A file as a number (decimal or 0x...); false when it is none. */
bool tree_number(const struct tree *tree, int64_t *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The whole file, NUL-terminated, at most limit bytes; NULL when it cannot be read. */
char *tree_bytes(const struct tree *tree, size_t limit, size_t *size, const char *path);

/** Is there such a file or folder? */
bool tree_has(const struct tree *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** The last part of where a symbolic link points; NULL when it is none. */
const char *tree_link(const struct tree *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** The path without links, root left out; NULL when there is no such path. */
const char *tree_real(const struct tree *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Names in a folder, in order of their bytes with numbers by value; count 0 when there is none. */
const char *const *tree_names(const struct tree *tree, const char *path, int *count);

/** text made clean as above; NULL for NULL or when nothing is left. */
const char *tree_clean(struct arena *arena, const char *text);

/** Members of a list like "0-3,8": up to max into numbers, in order; returns how many. */
int tree_list(const char *text, int *numbers, int max);

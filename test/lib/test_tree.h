/*
 * A recorded tree of /sys and /proc, kept as one text file, laid out in a folder below /tmp. Lines:
 * "path = text", "path -> target" (link), "path : 00 ff" (bytes), "path <<END" and lines up to END;
 * "#" begins a comment.
 */
#pragma once

struct test_tree {
    char folder[64];
};

/** Lay out the file source; asserts that it is well formed. close removes the folder. */
void test_tree_open(struct test_tree *tree, const char *source);
void test_tree_close(struct test_tree *tree);

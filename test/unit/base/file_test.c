/* Whole files: bounds, atomic replacement, folders, removal that does not follow links. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"

static char folder[] = "/tmp/file_test_XXXXXX";
static struct arena *arena;

static const char *path(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static void test_write_and_read(void **unused)
{
    (void)unused;
    struct error err;
    char *text;
    size_t size;
    assert_int_equal(file_write(path("a"), "one", 3, 0600, &err), ERR_OK);
    assert_int_equal(file_write(path("a"), "two!", 4, 0640, &err), ERR_OK);
    assert_int_equal(file_read(arena, path("a"), 100, &text, &size, &err), ERR_OK);
    assert_string_equal(text, "two!");
    assert_int_equal(size, 4);
    struct stat st;
    assert_int_equal(stat(path("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(file_read(arena, path("a"), 3, &text, NULL, &err), ERR_TOO_LARGE);
    assert_int_equal(file_read(arena, path("missing"), 3, &text, NULL, &err), ERR_NOT_FOUND);
    assert_int_equal(file_read(arena, folder, 3, &text, NULL, &err), ERR_IO);
    assert_int_equal(file_read(arena, "/proc/self/status", 100000, &text, &size, &err), ERR_OK);
    assert_true(size > 100 && strlen(text) == size);
    assert_int_equal(file_write(path("no/such/folder"), "x", 1, 0600, &err), ERR_NOT_FOUND);
}

static void test_folders_and_removal(void **unused)
{
    (void)unused;
    struct error err;
    assert_int_equal(file_make_folders(path("x/y/z"), 0755, &err), ERR_OK);
    assert_int_equal(file_make_folders(path("x/y/z"), 0755, &err), ERR_OK);
    assert_int_equal(file_write(path("x/y/z/f"), "1", 1, 0600, &err), ERR_OK);
    assert_int_equal(file_write(path("kept"), "1", 1, 0600, &err), ERR_OK);
    assert_int_equal(symlink(folder, path("x/y/link")), 0);
    assert_int_equal(file_remove_tree(path("x"), &err), ERR_OK);
    assert_int_equal(access(path("x"), F_OK), -1);
    assert_int_equal(access(path("kept"), F_OK), 0);
    assert_int_equal(file_remove_tree(path("x"), &err), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_folders_and_removal),
    };
    if (!mkdtemp(folder))
        return 1;
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    file_remove_tree(folder, NULL);
    arena_free(arena);
    return failed;
}

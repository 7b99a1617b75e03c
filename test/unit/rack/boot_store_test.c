/* src/rack/boot_store.c: what is kept survives the program, and no damage is believed. */
// rooms: rack
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/file.h"
#include "src/rack/boot_store.h"

static char folder[64], path[96];
static struct loop loop;
static struct boot_store *store;
static struct error err;

static struct mac mac_of(unsigned number)
{
    return (struct mac){
        {0x52, 0x54, 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static enum error_code open_store(void)
{
    loop_init(&loop);
    return boot_store_open(&loop, path, &store, &err);
}

static void close_store(void)
{
    boot_store_close(store);
    loop_close(&loop);
}

static int set_up(void **unused)
{
    (void)unused;
    strcpy(folder, "/tmp/gantry-boot-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/answers", folder);
    return open_store();
}

static int tear_down(void **unused)
{
    (void)unused;
    close_store();
    return (int)file_remove_tree(folder, &err);
}

static const char *found(unsigned number)
{
    const char *answer;
    return boot_store_find(store, mac_of(number), &answer) ? (answer ? answer : "known")
                                                           : "unknown";
}

static void test_kept(void **unused)
{
    (void)unused;
    boot_store_note(store, mac_of(1), "{\"purpose\":\"local\"}");
    boot_store_note(store, mac_of(2), NULL);
    boot_store_note(store, mac_of(3), "x");
    boot_store_note(store, mac_of(3), "y");
    close_store();
    assert_int_equal(open_store(), ERR_OK);
    assert_string_equal(found(1), "{\"purpose\":\"local\"}");
    assert_string_equal(found(2), "known");
    assert_string_equal(found(3), "y");
    assert_string_equal(found(4), "unknown");
    assert_int_equal(boot_store_count(store), 3);
}

static void test_forgotten(void **unused)
{
    (void)unused;
    struct mac one = mac_of(1);
    boot_store_note(store, mac_of(1), "a");
    boot_store_note(store, mac_of(2), "b");
    boot_store_forget(store, &one);
    assert_string_equal(found(1), "known");
    assert_string_equal(found(2), "b");
    boot_store_forget(store, NULL);
    close_store();
    assert_int_equal(open_store(), ERR_OK);
    assert_string_equal(found(2), "known");
}

static void test_bounded(void **unused)
{
    (void)unused;
    char large[BOOT_STORE_ANSWER_BYTES + 1];
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    boot_store_note(store, mac_of(0), large);
    assert_string_equal(found(0), "known");
    boot_store_note(store, mac_of(0), "two\nlines");
    assert_string_equal(found(0), "known");
    for (unsigned i = 0; i < BOOT_STORE_MACHINES; i++)
        boot_store_note(store, mac_of(i), "a");
    boot_store_note(store, mac_of(0), "a"); /* seen again: no longer the oldest */
    boot_store_note(store, mac_of(BOOT_STORE_MACHINES), "a");
    assert_int_equal(boot_store_count(store), BOOT_STORE_MACHINES);
    assert_string_equal(found(0), "a");
    assert_string_equal(found(1), "unknown");
    close_store();
    assert_int_equal(open_store(), ERR_OK);
    assert_int_equal(boot_store_count(store), BOOT_STORE_MACHINES);
}

/* Any one byte changed, or cut off anywhere: nothing of it is believed, and it is set aside. */
static void test_damage(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    char *bytes;
    size_t size;
    boot_store_note(store, mac_of(1), "{\"purpose\":\"local\"}");
    boot_store_note(store, mac_of(2), NULL);
    close_store();
    assert_int_equal(file_read(arena, path, 1 << 20, &bytes, &size, &err), ERR_OK);
    for (size_t i = 0; i < 2 * size; i++) {
        char *copy = arena_strndup(arena, bytes, size);
        size_t length = i < size ? size : i - size;
        if (i < size)
            copy[i] = (char)(copy[i] ^ 0x20);
        assert_int_equal(file_write(path, copy, length, 0600, &err), ERR_OK);
        assert_int_equal(open_store(), ERR_CORRUPT);
        assert_int_equal(boot_store_count(store), 0);
        close_store();
        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_int_equal(file_write(path, bytes, size, 0600, &err), ERR_OK);
    assert_int_equal(open_store(), ERR_OK);
    assert_int_equal(boot_store_count(store), 2);
    arena_free(arena);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_kept),
        T(test_forgotten),
        T(test_bounded),
        T(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

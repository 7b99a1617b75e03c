/* Armored keys: one that gpg wrote, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/wire/digest.h"
#include "src/wire/openpgp_armor.h"

#define BEGIN "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
#define END   "-----END PGP PUBLIC KEY BLOCK-----\n"
#define BODY                                                             \
    "mDMEawkLyRYJKwYBBAHaRw8BAQdAi+NpEDjUPeRZ9CuBwT9kqy50+xAq18kC5Er9\n" \
    "p48YIIW0DHJlcG8uZXhhbXBsZYiQBBMWCAA4FiEECkhd4m1Y50ZERKrMBqM6LkAx\n" \
    "ebcFAmsJC8kCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQBqM6LkAxebdD\n" \
    "BQEA11LuKuPUG2YyenLhLTNdSjI9vdv+ZcBWWg8ycRdW09sA/3i2xYHXRtnotYVl\n" \
    "ZfUlvDQiep5MC6gGvGUJiJIEoxAA\n"

static struct arena *arena;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const char *read_key(const char *text)
{
    const char *key = NULL;
    return openpgp_armor_read(text, arena, &key, &err) ? err.text : key;
}

/* The text around these bytes. */
static const char *armor(const char *bytes, size_t size)
{
    return arena_printf(arena, BEGIN "\n%s\n" END, digest_base64(arena, bytes, size));
}

static void a_key_stays_as_it_is(void **state)
{
    static const char *const keys[] = {
        BEGIN "\n" BODY "=e06N\n" END,
        BEGIN "\n" BODY END, /* RFC 9580 leaves the checksum to who writes it */
        BEGIN "Version: GnuPG v2\nComment: https://gnupg.org\n\n" BODY "=e06N\n" END,
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_string_equal(read_key(keys[i]), keys[i]);
}

static void line_ends_and_what_is_around_it(void **state)
{
    (void)state;
    assert_string_equal(read_key("\r\n \n-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n \r\nxgEE\r\n"
                                 "-----END PGP PUBLIC KEY BLOCK-----\r\n\t\n\n"),
                        BEGIN "\nxgEE\n" END);
    assert_string_equal(read_key(BEGIN "\nxgEE\n-----END PGP PUBLIC KEY BLOCK-----"),
                        BEGIN "\nxgEE\n" END);
}

static void what_is_none(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "its last line is missing"},
        {"0x1234ABCD", "a line does not belong there"},
        {BEGIN "\n" BODY "=e06M\n" END, "its checksum is another one"},
        {BEGIN "\n" BODY "=e06N\n", "its last line is missing"},
        {BEGIN BODY "=e06N\n" END, "a line does not belong there"},
        {BEGIN "\nxgEE\n" END BEGIN "\nxgEE\n" END, "a line does not belong there"},
        {BEGIN "\nxgEE\n\nxgEE\n" END, "a line does not belong there"},
        {BEGIN "\nxgEE\n" END "apt: {}\n", "a line does not belong there"},
        {BEGIN "Comment: \x1b[2J\n\nxgEE\n" END, "a line does not belong there"},
        {BEGIN "runcmd:\n\nxgEE\n" END, "a line does not belong there"},
        {BEGIN "\nxg=EE\n" END, "a line does not belong there"},
        {BEGIN "\nxgE\n" END, "it is not in base64"},
        {BEGIN "\n" END, "it is empty"},
        {"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxgEE\n" END, "a line does not belong there"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (!strstr(read_key(cases[i].text), cases[i].why))
            fail_msg("%zu: %s", i, read_key(cases[i].text));
}

static void its_packets(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why; /* NULL: they are a key's */
    } cases[] = {
        {"\xc6\x01\x04", 3, NULL},
        {"\x98\x01\x06\xcd\x02hi", 7, NULL},
        {"\x9a\0\0\0\x01\x04", 6, NULL},
        {"\xc6\xff\0\0\0\x01\x04", 7, NULL},
        {"\xc6\x02\x04", 3, "not whole"},
        {"\xc6", 1, "not whole"},
        {"\xc6\xff\0\0", 4, "not whole"},
        {"\xc6\xe1\x04", 3, "not whole"},
        {"\x9b\x04", 2, "not whole"},
        {"\x46\x01\x04", 3, "not whole"},
        {"\xc6\x01\x04\xc6\xff\xff\xff\xff\xff", 9, "not whole"},
        {"\xc5\x01\x04", 3, "a private key"},
        {"\xc6\x01\x04\x9d\0\x01\x04", 7, "a private key"},
        {"\xc6\x01\x02", 3, "version"},
        {"\xc6\x00", 2, "version"},
        {"\xcd\x01x", 3, "not those of a public key"},
        {"\xc6\x01\x04\xd2\x01\x01", 6, "not those of a public key"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = armor(cases[i].bytes, cases[i].size), *read = read_key(text);
        if (cases[i].why ? !strstr(read, cases[i].why) : strcmp(read, text) != 0)
            fail_msg("%zu: %s", i, read);
    }
}

static void too_long(void **state)
{
    char *text = arena_alloc(arena, OPENPGP_ARMOR_BYTES + 2);
    (void)state;
    memset(text, ' ', OPENPGP_ARMOR_BYTES + 1);
    assert_non_null(strstr(read_key(text), "longer than 16 KiB"));
    char *line = arena_alloc(arena, 400);
    memset(line, 'A', 200);
    assert_non_null(strstr(read_key(arena_printf(arena, BEGIN "\n%s\n" END, line)), "a line"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(a_key_stays_as_it_is),
        TEST(line_ends_and_what_is_around_it),
        TEST(what_is_none),
        TEST(its_packets),
        TEST(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

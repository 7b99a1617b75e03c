/* Digests against published vectors, text forms, passwords, sealed secrets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/wire/digest.h"
#include "src/wire/seal.h"

static struct arena *arena;

/* FIPS 180-2 appendix B; RFC 4231 case 2; RFC 2202 case 2. */
static void test_vectors(void **unused)
{
    (void)unused;
    char text[DIGEST_TEXT];
    uint8_t digest[DIGEST_BYTES];
    digest_sha256_text("abc", 3, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct digest_stream *stream = digest_stream_new();
    digest_stream_put(stream, "a", 1);
    digest_stream_put(stream, "bc", 2);
    char again[DIGEST_TEXT];
    digest_stream_finish(stream, again);
    assert_string_equal(text, again);
    digest_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
    digest_hex(digest, 32, text);
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    digest_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, digest);
    digest_hex(digest, 20, text);
    assert_string_equal(text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

static void test_file(void **unused)
{
    (void)unused;
    char path[] = "/tmp/digest_XXXXXX", text[DIGEST_TEXT];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    assert_int_equal(digest_sha256_file(path, text, NULL), ERR_OK);
    assert_memory_equal(text, "ba7816bf", 8);
    unlink(path);
    assert_int_equal(digest_sha256_file(path, text, NULL), ERR_NOT_FOUND);
}

static void test_hex(void **unused)
{
    (void)unused;
    uint8_t bytes[2];
    assert_true(digest_hex_parse("0aFf", bytes, 2));
    assert_int_equal(bytes[1], 255);
    assert_false(digest_hex_parse("0aF", bytes, 2));
    assert_false(digest_hex_parse("0aFf0", bytes, 2));
    assert_false(digest_hex_parse("0aFg", bytes, 2));
}

/* RFC 4648 section 10. */
static void test_base64(void **unused)
{
    (void)unused;
    const char *const pairs[][2] = {{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}};
    size_t size;
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(digest_base64(arena, pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
        char *back = digest_base64_parse(arena, pairs[i][1], strlen(pairs[i][1]), &size);
        assert_string_equal(back, pairs[i][0]);
        char *url = digest_base64url(arena, pairs[i][0], strlen(pairs[i][0]));
        assert_null(strchr(url, '='));
        assert_string_equal(digest_base64url_parse(arena, url, &size), pairs[i][0]);
    }
    assert_string_equal(digest_base64url(arena, "\xfb\xff", 2), "-_8");
    assert_string_equal(digest_base64(arena, "\xfb\xff", 2), "+/8=");
    assert_string_equal(digest_base64_parse(arena, "Zm9v\r\nYg==\n", 11, &size), "foob");
    const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Zm9v=", "Zh==", "Zm9=", "Z=g=", "Zm9v!"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_null(digest_base64_parse(arena, bad[i], strlen(bad[i]), &size));
    assert_null(digest_base64url_parse(arena, "Zg==", &size));
    assert_null(digest_base64url_parse(arena, "Zm9v\n", &size));
}

static void test_random_and_equal(void **unused)
{
    (void)unused;
    char a[41], b[41];
    digest_random_text(a, 40);
    digest_random_text(b, 40);
    assert_int_equal(strlen(a), 40);
    assert_string_not_equal(a, b);
    assert_true(digest_equal_text("abc", "abc"));
    assert_false(digest_equal_text("abc", "abd"));
    assert_false(digest_equal_text("abc", "abcd"));
}

static void test_passwords(void **unused)
{
    (void)unused;
    char stored[DIGEST_PASSWORD], again[DIGEST_PASSWORD];
    digest_password("correct horse", stored);
    digest_password("correct horse", again);
    assert_string_not_equal(stored, again);
    assert_null(strstr(stored, "horse"));
    assert_true(digest_password_fits("correct horse", stored));
    assert_false(digest_password_fits("correct horsf", stored));
    assert_false(digest_password_fits("", stored));
    assert_false(digest_password_fits("correct horse", ""));
    assert_false(digest_password_fits("x", "scrypt$0$8$1$00$00"));
    /* RFC 7914 section 12 has other sizes; a cost that needs too much memory is refused */
    assert_false(digest_password_fits(
        "x", "scrypt$1073741824$8$1$00112233445566778899aabbccddeeff$"
             "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
}

static void test_sealed_secrets(void **unused)
{
    (void)unused;
    struct seal_ring ring, other;
    struct error err;
    char *text = NULL;
    seal_ring_make(&ring);
    seal_ring_make(&other);
    char *sealed = seal_close(&ring, "bmc 1 power_pass", "sesame", arena);
    assert_null(strstr(sealed, "sesame"));
    assert_int_equal(seal_open(&ring, "bmc 1 power_pass", sealed, arena, &text, &err), ERR_OK);
    assert_string_equal(text, "sesame");
    assert_int_equal(seal_open(&ring, "bmc 2 power_pass", sealed, arena, &text, &err), ERR_CORRUPT);
    assert_int_equal(seal_open(&other, "bmc 1 power_pass", sealed, arena, &text, &err),
                     ERR_NOT_FOUND);
    char *altered = arena_strdup(arena, sealed);
    altered[20] = altered[20] == 'A' ? 'B' : 'A';
    assert_int_equal(seal_open(&ring, "bmc 1 power_pass", altered, arena, &text, &err),
                     ERR_CORRUPT);
    const char *const bad[] = {
        "", "sesame", "v1:", "v1:0000:x", "v1:00000000:", "v2:00000000:AAAA"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(seal_open(&ring, "", bad[i], arena, &text, &err), ERR_CORRUPT);
    /* the next key seals, the old one still opens */
    char *both =
        arena_printf(arena, "%s%s", seal_ring_text(&other, arena), seal_ring_text(&ring, arena));
    struct seal_ring two;
    assert_int_equal(seal_ring_parse(both, &two, &err), ERR_OK);
    assert_int_equal(two.count, 2);
    assert_int_equal(seal_open(&two, "bmc 1 power_pass", sealed, arena, &text, &err), ERR_OK);
    assert_memory_equal(seal_close(&two, "p", "x", arena) + 3, other.keys[0].id, 8);
    assert_int_equal(seal_ring_parse("", &two, &err), ERR_CORRUPT);
    assert_int_equal(seal_ring_parse("abc\n", &two, &err), ERR_CORRUPT);
    char path[] = "/tmp/seal_XXXXXX";
    close(mkstemp(path));
    assert_int_equal(seal_ring_write(path, &ring, &err), ERR_OK);
    assert_int_equal(seal_ring_read(path, &two, &err), ERR_OK);
    assert_string_equal(two.keys[0].id, ring.keys[0].id);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_random_and_equal),
        cmocka_unit_test(test_sealed_secrets),
    };
    arena = arena_new();
    int rv = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return rv;
}

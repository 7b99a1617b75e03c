/* What members say first: read as it was written, and nothing else; the addresses in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "raft/peer_hello.h"

static const struct peer_hello sound = {PEER_CALLS, 3, 1, "region3@10.0.0.3:5250"};

static void test_read_as_written(void **state)
{
    uint8_t bytes[PEER_HELLO_BYTES];
    struct peer_hello hello;
    struct peer_address address;
    (void)state;
    peer_hello_write(&sound, bytes);
    assert_true(peer_hello_read(bytes, &hello, &address));
    assert_int_equal(hello.purpose, PEER_CALLS);
    assert_int_equal(hello.from, 3);
    assert_int_equal(hello.to, 1);
    assert_string_equal(hello.address, sound.address);
    assert_string_equal(address.name, "region3");
    assert_string_equal(address.ip, "10.0.0.3");
    assert_int_equal(address.port, 5250);
}

static void test_what_is_none(void **state)
{
    /* another magic, no purpose, one too many, an address without end, without name, no number */
    static const struct {
        int at;
        uint8_t byte;
    } changes[] = {{7, '2'},  {8, 0},        {8, 4}, {PEER_HELLO_BYTES - 1, 'x'},
                   {32, '@'}, {32 + 17, '+'}};
    uint8_t bytes[PEER_HELLO_BYTES];
    struct peer_hello hello = sound;
    struct peer_address address;
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        peer_hello_write(&sound, bytes);
        bytes[changes[i].at] = changes[i].byte;
        if (peer_hello_read(bytes, &hello, &address))
            fail_msg("byte %d as %d is taken for a hello", changes[i].at, changes[i].byte);
    }
    hello = sound;
    hello.from = 0;
    peer_hello_write(&hello, bytes);
    assert_false(peer_hello_read(bytes, &hello, &address));
}

/* One member has one address: texts that differ are not the same one. */
static void test_addresses_have_one_form(void **state)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "a@",
                                      "@10.0.0.1:1",
                                      "a@10.0.0.1",
                                      "a@10.0.0.1:",
                                      "a@10.0.0.1: 1",
                                      "a@10.0.0.1:+1",
                                      "a@10.0.0.1:-0",
                                      "a@10.0.0.1:01",
                                      "a@10.0.0.1:1x",
                                      "a@10.0.0.1:65536",
                                      "a@10.0.0.1:4294967297",
                                      "a@010.0.0.1:1",
                                      "a@10.0.0.1:1:1",
                                      "a@b@10.0.0.1:1"};
    struct peer_address address;
    struct error err;
    char text[PEER_ADDRESS];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (peer_address_parse(bad[i], &address, &err) != ERR_BAD_INPUT)
            fail_msg("'%s' is taken for an address", bad[i]);
    assert_int_equal(peer_address_parse("a@10.0.0.1:65535", &address, &err), ERR_OK);
    assert_string_equal(peer_address_format(address.name, address.ip, address.port, text),
                        "a@10.0.0.1:65535");
    assert_int_equal(peer_address_parse("a@10.0.0.1:0", &address, &err), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_as_written),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_addresses_have_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* DHCP messages: options joined from everywhere, every malformed kind refused, limits of the
 * writer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/rack/dhcp_packet.h"

enum { AT_SNAME = 44, AT_FILE = 108, AT_OPTIONS = 240 };

static uint8_t bytes[2000];
static size_t size;
static struct dhcp_packet packet;
static struct error err;

/* A DHCPDISCOVER's fixed part and type; option bytes follow at size. */
static void start(void)
{
    static const uint8_t head[] = {1, 1, 6, 2, 0x11, 0x22, 0x33, 0x44, 0, 7, 0x80, 0};
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, head, sizeof(head));
    memcpy(bytes + 12, (const uint8_t[]){10, 0, 0, 9}, 4);
    memcpy(bytes + 28, (const uint8_t[]){0x52, 0x54, 0, 1, 2, 3}, 6);
    memcpy(bytes + 236, (const uint8_t[]){99, 130, 83, 99}, 4);
    memcpy(bytes + AT_OPTIONS, (const uint8_t[]){53, 1, DHCP_DISCOVER}, 3);
    size = AT_OPTIONS + 3;
}

static void add(const void *option, size_t length)
{
    memcpy(bytes + size, option, length);
    size += length;
}
#define ADD(...) add((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static enum error_code decode(void)
{
    err.text[0] = '\0';
    enum error_code code = dhcp_packet_decode(bytes, size, &packet, &err);
    assert_int_equal(code == ERR_OK, err.text[0] == '\0');
    return code;
}

static void assert_option(uint8_t option, const char *expected)
{
    size_t length;
    const uint8_t *value = dhcp_packet_option(&packet, option, &length);
    assert_non_null(value);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(value, expected, length);
}

static void test_fixed_part(void **unused)
{
    (void)unused;
    start();
    ADD(0, 0, 12, 2, 'h', 'i', 50, 4, 10, 0, 0, 5, 57, 2, 5, 220, 55, 3, 1, 3, 6, 255, 12, 1);
    assert_int_equal(decode(), ERR_OK);
    assert_int_equal(packet.op, 1);
    assert_int_equal(packet.hops, 2);
    assert_int_equal(packet.type, DHCP_DISCOVER);
    assert_int_equal(packet.xid, 0x11223344);
    assert_int_equal(packet.secs, 7);
    assert_int_equal(packet.flags, DHCP_FLAG_BROADCAST);
    assert_int_equal(packet.ciaddr, 0x0a000009);
    assert_int_equal(packet.mac.bytes[5], 3);
    assert_option(DHCP_OPTION_HOSTNAME, "hi");
    assert_int_equal(dhcp_packet_u32(&packet, DHCP_OPTION_ADDRESS), 0x0a000005);
    assert_int_equal(dhcp_packet_u16(&packet, DHCP_OPTION_MAX_SIZE), 1500);
    assert_true(dhcp_packet_wants(&packet, 6));
    assert_false(dhcp_packet_wants(&packet, 7));
    assert_null(dhcp_packet_option(&packet, 77, NULL));
    assert_int_equal(dhcp_packet_u32(&packet, 77), 0);
}

/* RFC 3396: parts of one option in the options field, then file, then sname. */
static void test_joined_and_overloaded(void **unused)
{
    (void)unused;
    start();
    ADD(77, 2, 'a', 'b', 52, 1, 3, 77, 1, 'c', 255);
    memcpy(bytes + AT_FILE, (const uint8_t[]){77, 2, 'd', 'e', 255}, 5);
    memcpy(bytes + AT_SNAME, (const uint8_t[]){0, 12, 1, 'h', 77, 1, 'f', 255}, 8);
    assert_int_equal(decode(), ERR_OK);
    assert_option(77, "abcdef");
    assert_option(DHCP_OPTION_HOSTNAME, "h");
    assert_string_equal(packet.file, "");
    /* Without overload both fields are texts. */
    start();
    ADD(255);
    memset(bytes + AT_FILE, 'x', DHCP_FILE_BYTES);
    assert_int_equal(decode(), ERR_OK);
    assert_int_equal(strlen(packet.file), DHCP_FILE_BYTES);
    assert_null(dhcp_packet_option(&packet, 77, NULL));
    /* A field that is full of options to its last byte. */
    start();
    ADD(52, 1, 2, 255);
    bytes[AT_SNAME] = 77;
    bytes[AT_SNAME + 1] = 62;
    assert_int_equal(decode(), ERR_OK);
    bytes[AT_SNAME + 1] = 63;
    assert_int_equal(decode(), ERR_BAD_INPUT);
}

static void refused(const char *why, size_t at, uint8_t value)
{
    start();
    ADD(255);
    bytes[at] = value;
    assert_int_equal(decode(), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, why));
}

static void test_malformed(void **unused)
{
    (void)unused;
    refused("op 3", 0, 3);
    refused("hardware type 32", 1, 32);
    refused("with 16 bytes", 2, 16);
    refused("cookie", 239, 98);
    refused("BOOTP", AT_OPTIONS, 54 + 200);
    refused("message type 0", AT_OPTIONS + 2, 0);
    refused("message type 9", AT_OPTIONS + 2, 9);
    static const uint8_t bad[][5] = {
        {50, 3, 1, 2, 3}, {54, 1, 1, 0, 0}, {55, 0, 0, 0, 0}, {57, 1, 9, 0, 0},   {93, 3, 0, 7, 0},
        {52, 1, 4, 0, 0}, {52, 2, 1, 1, 0}, {53, 2, 1, 1, 0}, {12, 9, 'x', 0, 0}, {93, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        start();
        add(bad[i], sizeof(bad[i]));
        assert_int_equal(decode(), ERR_BAD_INPUT);
    }
    start();
    ADD(12); /* a code without a length */
    assert_int_equal(decode(), ERR_BAD_INPUT);
}

/* Cut at every byte: refused, or the whole options that are left. */
static void test_truncated(void **unused)
{
    (void)unused;
    start();
    ADD(12, 3, 'a', 'b', 'c', 50, 4, 1, 2, 3, 4);
    size_t whole = size;
    for (size = 0; size < whole; size++) {
        enum error_code code = decode();
        bool boundary = size == AT_OPTIONS + 3 || size == AT_OPTIONS + 8;
        assert_int_equal(code == ERR_OK, boundary);
    }
    size = DHCP_PACKET_MAX + 1;
    assert_int_equal(decode(), ERR_BAD_INPUT);
    start();
    memset(bytes + size, 255, DHCP_PACKET_MAX - size);
    size = DHCP_PACKET_MAX;
    assert_int_equal(decode(), ERR_OK);
}

static void test_writer(void **unused)
{
    (void)unused;
    static struct dhcp_writer writer;
    struct dhcp_packet head = {.op = 2, .xid = 7, .yiaddr = 0x0a000001, .file = "lpxelinux.0"};
    char text[600];
    dhcp_writer_start(&writer, &head, 0);
    assert_true(dhcp_writer_u8(&writer, DHCP_OPTION_TYPE, DHCP_OFFER));
    size_t written = dhcp_writer_end(&writer);
    assert_int_equal(written, DHCP_PACKET_LEAST);
    assert_int_equal(dhcp_packet_decode(writer.bytes, written, &packet, &err), ERR_OK);
    assert_string_equal(packet.file, "lpxelinux.0");
    assert_int_equal(packet.yiaddr, 0x0a000001);
    /* Too much is left out whole; what fits comes in parts and is joined again. */
    memset(text, 't', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    dhcp_writer_start(&writer, &head, 0);
    dhcp_writer_u8(&writer, DHCP_OPTION_TYPE, DHCP_OFFER);
    assert_false(dhcp_writer_text(&writer, 77, text));
    text[300] = '\0'; /* 240 + 3 + 300 + 2 * 2 + 1 = 548 */
    assert_true(dhcp_writer_text(&writer, 77, text));
    assert_false(dhcp_writer_text(&writer, 12, ""));
    assert_int_equal(dhcp_writer_end(&writer), DHCP_PACKET_SAFE);
    assert_int_equal(dhcp_packet_decode(writer.bytes, DHCP_PACKET_SAFE, &packet, &err), ERR_OK);
    assert_option(77, text);
    /* Never more than a frame. */
    dhcp_writer_start(&writer, &head, 65535);
    while (dhcp_writer_text(&writer, 12, text))
        ;
    assert_true(dhcp_writer_end(&writer) <= DHCP_PACKET_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_part), cmocka_unit_test(test_joined_and_overloaded),
        cmocka_unit_test(test_malformed),  cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

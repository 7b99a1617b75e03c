/* src/rack/tftp_packet.c: what is a packet, what is refused, what is written. */
// rooms: rack
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/rack/tftp_packet.h"

static struct tftp_packet packet;
static struct error err;

#define READ(literal) tftp_packet_read(literal, sizeof(literal) - 1, &packet, &err)

static void test_requests(void **unused)
{
    (void)unused;
    assert_int_equal(READ("\0\1bootx64.efi\0octet\0tsize\0"
                          "0\0blksize\0"
                          "1468\0windowsize\0"
                          "4\0"),
                     ERR_OK);
    assert_int_equal(packet.type, TFTP_PACKET_RRQ);
    assert_string_equal(packet.name, "bootx64.efi");
    assert_true(packet.octet);
    assert_true(packet.options.tsize_given);
    assert_int_equal(packet.options.blksize, 1468);
    assert_int_equal(packet.options.windowsize, 4);
    assert_int_equal(packet.options.timeout_s, 0);
    assert_int_equal(READ("\0\2x\0NetASCII\0"), ERR_OK);
    assert_int_equal(packet.type, TFTP_PACKET_WRQ);
    assert_false(packet.octet);
    assert_int_equal(READ("\0\1x\0OCTET\0unknown\0what\0BLKSIZE\0"
                          "8\0"),
                     ERR_OK);
    assert_int_equal(packet.options.blksize, 8);
    /* more than is served: answered with less */
    assert_int_equal(READ("\0\1x\0octet\0windowsize\0"
                          "65535\0blksize\0"
                          "65535\0"),
                     ERR_OK);
    assert_int_equal(packet.options.windowsize, TFTP_PACKET_WINDOW_MAX);
    assert_int_equal(packet.options.blksize, TFTP_PACKET_BLKSIZE_MAX);
}

static void test_not_packets(void **unused)
{
    (void)unused;
    assert_int_equal(READ(""), ERR_BAD_INPUT);
    assert_int_equal(READ("\0"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\0"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\7x\0octet\0"), ERR_BAD_INPUT);
    assert_int_equal(READ("\1\1x\0octet\0"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\1x\0octet"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\1x"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\1x\0text\0"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\1x\0octet\0blksize\0"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\1x\0octet\0blksize\0"
                          "512"),
                     ERR_BAD_INPUT);
    assert_int_equal(READ("\0\4\0"), ERR_BAD_INPUT);
    assert_int_equal(READ("\0\5\0"), ERR_BAD_INPUT);
    char large[600] = "\0\1";
    memset(large + 2, 'a', sizeof(large) - 2);
    assert_int_equal(tftp_packet_read(large, 513, &packet, &err), ERR_TOO_LARGE);
    memcpy(large + 300, "\0octet", 7);
    assert_int_equal(tftp_packet_read(large, 307, &packet, &err), ERR_TOO_LARGE);
}

static void test_option_abuse(void **unused)
{
    (void)unused;
    assert_int_equal(READ("\0\1x\0octet\0blksize\0"
                          "7\0"),
                     ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0blksize\0"
                          "65536\0"),
                     ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0blksize\0-1\0"), ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0blksize\0\0"), ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0blksize\0"
                          "512\0BlkSize\0"
                          "512\0"),
                     ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0timeout\0"
                          "0\0"),
                     ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0timeout\0"
                          "256\0"),
                     ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0windowsize\0"
                          "0\0"),
                     ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0tsize\0"
                          "0\0tsize\0"
                          "0\0"),
                     ERR_NOT_ALLOWED);
    assert_int_equal(READ("\0\1x\0octet\0tsize\0"
                          "99999999999999999999\0"),
                     ERR_NOT_ALLOWED);
}

static void test_others(void **unused)
{
    (void)unused;
    assert_int_equal(READ("\0\4\377\376"), ERR_OK);
    assert_int_equal(packet.block, 65534);
    assert_int_equal(READ("\0\3\0\1abc"), ERR_OK);
    assert_int_equal(packet.payload_size, 3);
    assert_int_equal(READ("\0\5\0\10no"), ERR_OK); /* without the NUL */
    assert_int_equal(packet.error, 8);
    assert_memory_equal(packet.payload, "no", packet.payload_size);
}

static void test_writing(void **unused)
{
    (void)unused;
    uint8_t bytes[TFTP_PACKET_REQUEST];
    struct tftp_packet_options options;
    memset(&options, 0, sizeof(options)); /* the padding is compared, too */
    options.blksize = 1468;
    options.windowsize = 64;
    options.timeout_s = 255;
    options.tsize_given = true;
    options.tsize = UINT64_MAX / 100;
    size_t size = tftp_packet_write_oack(&options, bytes);
    assert_int_equal(tftp_packet_read(bytes, size, &packet, &err), ERR_OK);
    assert_int_equal(packet.type, TFTP_PACKET_OACK);
    assert_memory_equal(&packet.options, &options, sizeof(options));
    char text[1000];
    memset(text, 'e', sizeof(text) - 1);
    text[999] = '\0';
    size = tftp_packet_write_error(TFTP_PACKET_ERROR_NOT_FOUND, text, bytes);
    assert_int_equal(size, TFTP_PACKET_REQUEST);
    assert_int_equal(tftp_packet_read(bytes, size, &packet, &err), ERR_OK);
    assert_int_equal(packet.error, 1);
    tftp_packet_write_data(513, bytes);
    assert_memory_equal(bytes, "\0\3\2\1", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),     cmocka_unit_test(test_not_packets),
        cmocka_unit_test(test_option_abuse), cmocka_unit_test(test_others),
        cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

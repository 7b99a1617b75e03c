/* Frames: headers and checksums as the receiver's IP and UDP check them, for odd and even sizes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/rack/dhcp_reply.h"

/* The ones' complement sum of big-endian words; 0xffff when the checksum in it is right. */
static uint32_t sum_words(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void test_frame(void **unused)
{
    (void)unused;
    uint8_t frame[DHCP_FRAME_MAX], message[DHCP_PACKET_MAX];
    struct dhcp_target target = {DHCP_WAY_FRAME, 0x0a4d0015, 0x0a4d0064, {{2, 0, 0, 0, 0, 9}}};
    struct mac from = {{2, 0, 0, 0, 0, 1}};
    for (size_t size = 300; size < 304; size++) {
        for (size_t i = 0; i < size; i++)
            message[i] = (uint8_t)(i * 37 + size);
        assert_int_equal(dhcp_reply_frame(&target, from, message, size, frame), size + 42);
        assert_memory_equal(frame, target.mac.bytes, 6);
        assert_memory_equal(frame + 6, from.bytes, 6);
        assert_memory_equal(frame + 12, "\x08\x00\x45", 3);
        assert_int_equal(frame[16] << 8 | frame[17], size + 28);
        assert_int_equal(frame[23], 17);
        assert_memory_equal(frame + 26, "\x0a\x4d\x00\x15\x0a\x4d\x00\x64\x00\x43\x00\x44", 12);
        assert_int_equal(frame[38] << 8 | frame[39], size + 8);
        assert_memory_equal(frame + 42, message, size);
        assert_int_equal(sum_words(0, frame + 14, 20), 0xffff);
        uint32_t pseudo = sum_words((uint32_t)(17 + size + 8), frame + 26, 8);
        assert_int_equal(sum_words(pseudo, frame + 34, size + 8), 0xffff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

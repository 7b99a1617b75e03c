/* ARP as others send it: what shows that an address is in use, and what shows nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/fence/arp.h"

#define ADDRESS 0x0a000005u

/* A request of 02:00:00:00:00:07 that says it has 10.0.0.5. */
static const uint8_t sound[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  7, 8, 6,
                                  0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 7,
                                  10,   0,    0,    5,    0,    0,    0, 0, 0, 0, 10, 0, 0, 5};
static const struct mac own = {{2, 0, 0, 0, 0, 1}};

static void test_what_shows_a_use(void **state)
{
    uint8_t frame[60] = {0};
    struct mac mac = {{0}};
    (void)state;
    assert_true(arp_read(sound, sizeof(sound), ADDRESS, &own, &mac));
    assert_memory_equal(mac.bytes, sound + 6, 6);
    memcpy(frame, sound, sizeof(sound));
    assert_true(arp_read(frame, sizeof(frame), ADDRESS, &own, &mac)); /* filled up */
    frame[21] = 2;
    assert_true(arp_read(frame, sizeof(frame), ADDRESS, &own, &mac)); /* a reply */
}

static void test_what_shows_none(void **state)
{
    /* another type, hardware, protocol, lengths, operation; another address; our own */
    static const struct {
        int at;
        uint8_t byte;
    } changes[] = {{12, 0x86}, {13, 0}, {15, 32}, {16, 0x86}, {17, 1},  {18, 8}, {19, 16},
                   {20, 1},    {21, 0}, {21, 3},  {21, 9},    {28, 11}, {31, 6}, {27, 1}};
    uint8_t frame[sizeof(sound)];
    struct mac mac;
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        memcpy(frame, sound, sizeof(sound));
        frame[changes[i].at] = changes[i].byte;
        if (arp_read(frame, sizeof(frame), ADDRESS, &own, &mac))
            fail_msg("byte %d as %d is taken for a use", changes[i].at, changes[i].byte);
    }
    for (size_t size = 0; size < sizeof(sound); size++)
        assert_false(arp_read(sound, size, ADDRESS, &own, &mac));
}

/* One read call finds it behind whatever else is there; a flood ends the call all the same. */
static void test_behind_others(void **state)
{
    int ends[2], bytes = 1 << 20;
    struct mac mac;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    assert_false(arp_is_used(ends[0], "lo", ADDRESS, &mac));
    assert_int_equal(send(ends[1], sound, 20, 0), 20);
    assert_int_equal(send(ends[1], sound, sizeof(sound), 0), sizeof(sound));
    assert_true(arp_is_used(ends[0], "lo", ADDRESS, &mac));
    int sent = 0;
    while (send(ends[1], sound, 20, MSG_DONTWAIT) == 20)
        sent++;
    int calls = 0;
    for (; recv(ends[0], &mac, 1, MSG_PEEK | MSG_DONTWAIT) > 0; calls++)
        assert_false(arp_is_used(ends[0], "lo", ADDRESS, &mac));
    assert_int_equal(calls, (sent + 511) / 512);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_shows_a_use),
        cmocka_unit_test(test_what_shows_none),
        cmocka_unit_test(test_behind_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

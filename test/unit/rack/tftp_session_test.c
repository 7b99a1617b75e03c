/*
 * src/rack/tftp_session.c against a client of RFC 7440 over a link that loses, repeats and delays
 * packets: every file arrives whole, past block 65535 too. Prints the seed when it does not.
 */
// rooms: rack
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/rack/tftp_session.h"

enum { FLIGHT = 4096, TRIP_MS = 3 };

struct flying {
    uint64_t arrives_ms;
    bool oack, to_client, last;
    uint16_t number;
    uint64_t block; /* what it really is */
};

struct link {
    struct flying flying[FLIGHT];
    int count, loss_percent, repeat_percent, jitter_ms;
    unsigned seed;
    uint64_t now_ms, sent;
};

/* Receives in order and acknowledges the last of each window, or where a gap begins. */
struct client {
    uint64_t received, window, since_ack;
    bool has_oack, done, gap_told;
    uint64_t quiet_ms;
};

static int chance(struct link *link)
{
    return rand_r(&link->seed) % 100;
}

static void put(struct link *link, struct flying packet)
{
    link->sent++;
    int copies = chance(link) < link->loss_percent ? 0 : 1;
    copies += chance(link) < link->repeat_percent;
    for (; copies > 0; copies--) {
        assert_true(link->count < FLIGHT);
        packet.arrives_ms = link->now_ms + TRIP_MS +
                            (link->jitter_ms ? (unsigned)(chance(link) % link->jitter_ms) : 0);
        link->flying[link->count++] = packet;
    }
}

static bool take(struct link *link, struct flying *packet)
{
    int best = -1;
    for (int i = 0; i < link->count; i++)
        if (link->flying[i].arrives_ms <= link->now_ms &&
            (best < 0 || link->flying[i].arrives_ms < link->flying[best].arrives_ms))
            best = i;
    if (best < 0)
        return false;
    *packet = link->flying[best];
    link->count--;
    memmove(&link->flying[best], &link->flying[best + 1],
            sizeof(link->flying[0]) * (size_t)(link->count - best));
    return true;
}

static void acknowledge(struct client *client, struct link *link)
{
    client->since_ack = 0;
    client->quiet_ms = link->now_ms;
    put(link, (struct flying){.number = (uint16_t)client->received});
}

static void client_take(struct client *client, struct link *link, const struct flying *packet)
{
    if (packet->oack) {
        if (!client->received)
            acknowledge(client, link);
        client->has_oack = true;
        return;
    }
    if (!client->has_oack || client->done)
        return;
    if (packet->number != (uint16_t)(client->received + 1)) {
        if (packet->block > client->received + 1 && !client->gap_told) {
            client->gap_told = true;
            acknowledge(client, link);
        }
        return;
    }
    assert_int_equal(packet->block, client->received + 1); /* the number stands for this block */
    client->received++;
    client->gap_told = false;
    client->done = packet->last;
    if (++client->since_ack == client->window || client->done)
        acknowledge(client, link);
}

static void send_all(struct tftp_session *session, struct link *link)
{
    struct tftp_session_block block;
    while (tftp_session_next(session, link->now_ms, &block)) {
        uint64_t number = block.oack ? 0 : block.offset / session->blksize + 1;
        put(link, (struct flying){.oack = block.oack,
                                  .to_client = true,
                                  .number = block.number,
                                  .block = number,
                                  .last = !block.oack && number == session->blocks});
    }
}

/* Returns how many packets it took in all. */
static uint64_t transfer(struct link *link, uint64_t blocks, uint32_t window)
{
    struct tftp_session session;
    struct client client = {.window = window};
    struct tftp_packet_options asked = {.windowsize = window, .blksize = 8};
    enum tftp_session_step step = TFTP_SESSION_SEND;
    tftp_session_start(&session, &asked, (blocks - 1) * 8 + 3, 1468, 0);
    assert_int_equal(session.blocks, blocks);
    while (step != TFTP_SESSION_DONE) {
        struct flying packet;
        if (step == TFTP_SESSION_SEND)
            send_all(&session, link);
        if (take(link, &packet)) {
            step = TFTP_SESSION_WAIT;
            if (packet.to_client)
                client_take(&client, link, &packet);
            else
                step = tftp_session_ack(&session, packet.number, link->now_ms);
            continue;
        }
        link->now_ms++;
        if (client.has_oack && link->now_ms - client.quiet_ms > 500)
            acknowledge(&client, link); /* clients do not wait for ever either */
        step = tftp_session_tick(&session, link->now_ms);
        assert_int_not_equal(step, TFTP_SESSION_FAILED);
    }
    assert_true(client.done);
    assert_int_equal(client.received, blocks);
    return link->sent;
}

static void test_numbers_wrap(void **unused)
{
    (void)unused;
    struct link link = {.seed = 1};
    /* nothing is lost: nothing is sent twice, two packets a block and the options */
    assert_int_equal(transfer(&link, 140000, 1), 2 * 140000 + 2);
    struct link wide = {.seed = 1};
    assert_int_equal(transfer(&wide, 140000, 16), 140000 + 140000 / 16 + 2);
}

static void test_bad_links(void **unused)
{
    (void)unused;
    static const uint32_t windows[] = {1, 2, 7, 16, 64};
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct link link = {.seed = seed,
                            .loss_percent = (int)(seed % 4) * 5,
                            .repeat_percent = (int)(seed % 3) * 10,
                            .jitter_ms = (int)(seed % 5)};
        uint32_t window = windows[seed % 5];
        uint64_t sent = transfer(&link, 400, window);
        if (!link.jitter_ms && sent > 400 * 12) /* out of order, each gap costs a window */
            fail_msg("seed %u: %llu packets for 400 blocks", seed, (unsigned long long)sent);
    }
}

/* How long it sends again to a client that says no more, and how many packets. */
static uint64_t patience_of(const struct tftp_packet_options *asked, int *packets)
{
    struct tftp_session session;
    struct tftp_session_block block;
    enum tftp_session_step step = TFTP_SESSION_SEND;
    uint64_t now_ms = 1;
    tftp_session_start(&session, asked, 10000, 1468, now_ms);
    for (*packets = 0; step != TFTP_SESSION_FAILED; step = tftp_session_tick(&session, ++now_ms)) {
        if (step == TFTP_SESSION_SEND)
            *packets += tftp_session_next(&session, now_ms, &block);
        if (now_ms == 2) /* the last thing it hears of it */
            step = tftp_session_ack(&session, asked->timeout_s ? 0 : 1, now_ms);
        if (step == TFTP_SESSION_SEND)
            *packets += tftp_session_next(&session, now_ms, &block);
    }
    return now_ms;
}

static void test_silent_clients(void **unused)
{
    (void)unused;
    int packets;
    uint64_t ms = patience_of(&(struct tftp_packet_options){0}, &packets);
    assert_in_range(ms, 60000, 70000);
    assert_in_range(packets, 10, 25);
    ms = patience_of(&(struct tftp_packet_options){.timeout_s = 255}, &packets);
    assert_in_range(ms, 3 * 255000, 4 * 255000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_wrap),
        cmocka_unit_test(test_bad_links),
        cmocka_unit_test(test_silent_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

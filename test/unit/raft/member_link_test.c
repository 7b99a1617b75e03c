/* Two members speak to each other over TLS on loopback: both ways, after a cut, and not garbage. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "raft/member_link.h"
#include "raft/peer_stream.h"
#include "src/base/clock.h"
#include "src/wire/ca.h"
#include "test/lib/test_ca.h"

struct side {
    uint64_t id;
    char name[16];
    struct tls_credentials *credentials;
    struct peer_door *door;
    struct member_link *link;
    struct tls_stream *called;
    int heard;
    uint64_t last;
    bool gone;
};

static struct test_ca ca;
static struct loop loop;
static struct side sides[2];
static struct replica_server servers[2];

static enum peer_right may(void *owner, uint64_t id, const struct certificate *certificate)
{
    (void)owner;
    return id >= 1 && id <= 2 && !strcmp(certificate->name, sides[id - 1].name) ? PEER_MAY
                                                                                : PEER_REFUSED;
}

static void on_called(void *owner, uint64_t id, const char *address, enum peer_purpose purpose,
                      struct tls_stream *stream)
{
    struct side *side = owner;
    (void)address;
    assert_int_equal(purpose, PEER_MESSAGES);
    side->called = stream;
    member_link_called(side->link, id, stream);
}

static void on_heard(void *owner, uint64_t member, const struct member_message *message)
{
    struct side *side = owner;
    assert_int_equal(member, 3 - side->id);
    assert_int_equal(message->kind, MEMBER_LEASE_REQUEST);
    side->heard++;
    side->last = message->claim.number;
}

static void on_gone(void *owner)
{
    ((struct side *)owner)->gone = true;
}

/* Both speak until both have heard the number. */
static void exchange(uint64_t number)
{
    struct member_message message = {.kind = MEMBER_LEASE_REQUEST, .claim = {.number = number}};
    uint64_t start_ns = clock_boot_ns();
    while (sides[0].last != number || sides[1].last != number) {
        member_link_send(sides[0].link, 2, &message);
        member_link_send(sides[1].link, 1, &message);
        uv_run(&loop.uv, UV_RUN_ONCE);
        assert_true(clock_boot_ns() - start_ns < 10 * CLOCK_S);
    }
}

static void test_both_ways_and_again_after_a_cut(void **state)
{
    (void)state;
    exchange(1);
    tls_stream_reset(sides[1].called);
    exchange(2);
    assert_false(
        member_link_send(sides[0].link, 7, &(struct member_message){.kind = MEMBER_LEASE_RELEASE}));
}

static void test_a_removed_member_is_let_go(void **state)
{
    (void)state;
    struct member_message message = {.kind = MEMBER_LEASE_REQUEST};
    member_link_members(sides[0].link, servers, 1);
    assert_false(member_link_send(sides[0].link, 2, &message));
    for (int i = 0; i < 20; i++)
        uv_run(&loop.uv, UV_RUN_ONCE);
    member_link_members(sides[0].link, servers, 2);
    exchange(3);
}

static int set_up(void **state)
{
    (void)state;
    struct error err;
    test_ca_open(&ca);
    loop_init(&loop);
    for (int i = 0; i < 2; i++) {
        struct side *side = &sides[i];
        side->id = (uint64_t)i + 1;
        snprintf(side->name, sizeof(side->name), "region%d", i == 0 ? 1 : 2);
        side->credentials = test_ca_credentials(&ca, &ca, side->name, CA_ROLE_REGION, 10);
        struct peer_door_setup door = {"127.0.0.1", 0, side->id, may, on_called, side};
        if (peer_door_open(&loop, side->credentials, &door, &side->door, &err))
            fail_msg("%s", err.text);
        struct member_link_setup setup = {&loop, side->credentials, side->id, on_heard, side};
        side->link = member_link_new(&setup);
        servers[i].id = side->id;
        peer_address_format(side->name, "127.0.0.1", peer_door_port(side->door),
                            servers[i].address);
    }
    for (int i = 0; i < 2; i++)
        member_link_members(sides[i].link, servers, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        member_link_close(sides[i].link, on_gone);
        peer_door_close(sides[i].door);
    }
    while (!sides[0].gone || !sides[1].gone)
        uv_run(&loop.uv, UV_RUN_ONCE);
    loop_close(&loop);
    for (int i = 0; i < 2; i++)
        tls_credentials_free(sides[i].credentials);
    test_ca_close(&ca);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_and_again_after_a_cut),
        cmocka_unit_test(test_a_removed_member_is_let_go),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

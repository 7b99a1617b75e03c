/*
 * What holds an address says so: again when somebody else claims it, when the link comes back, when
 * it is asked to. A network namespace with a pair of interfaces. Needs the right to make one.
 */
// rooms: fence
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/fence/arp.h"
#include "src/fence/held.h"
#include "test/lib/test_ip.h"
#include "test/lib/test_prompt.h"

static const ip4 vip = 0x0a090064; /* 10.9.0.100 */
static char folder[] = "/tmp/held_test_XXXXXX";
static struct held held;
static int far, answers;
static enum error_code expected;

static void note_answer(uint32_t request, enum error_code code, const char *text)
{
    (void)request;
    if (code != expected)
        fail_msg("%d: %s", (int)code, text);
    answers++;
}

static int dropped;
static bool may_drop;

static void note_dropped(const char *address)
{
    if (!may_drop)
        fail_msg("%s was dropped", address);
    dropped++;
}

static enum error_code renew(enum fence_announce announce)
{
    struct fence_request request = {.type = FENCE_LEASE};
    struct error err;
    snprintf(request.lease.address, FENCE_NET, "10.9.0.100/24");
    request.lease.epoch = 3;
    request.lease.deadline_ns = clock_boot_ns() + 60 * CLOCK_S;
    request.lease.announce = announce;
    return held_renew(&held, &request, &err);
}

static void add_for(uint64_t lease_ms)
{
    struct fence_request request = {.type = FENCE_ADDRESS_ADD, .number = 1};
    snprintf(request.address.address, FENCE_NET, "10.9.0.100/24");
    snprintf(request.address.interface, FENCE_INTERFACE, "near");
    request.address.epoch = 3;
    request.address.deadline_ns = clock_boot_ns() + lease_ms * CLOCK_MS;
    held_add(&held, &request);
}

static void add(void)
{
    add_for(60000);
}

/* As fenced's loop does. Returns how often the address was announced, in frames. */
static int run_ms(int ms)
{
    struct mac mac;
    int heard = 0;
    for (uint64_t end = clock_boot_ns() + (uint64_t)ms * CLOCK_MS; clock_boot_ns() < end;) {
        struct pollfd fds[2] = {{held.slots[0].arp, POLLIN, 0}, {far, POLLIN, 0}};
        poll(fds, 2, 5);
        if (fds[0].revents)
            held_hear(&held, held.slots[0].arp);
        held_run(&held, clock_boot_ns(), UINT64_MAX);
        while (arp_is_used(far, "far", vip, &mac))
            heard++;
    }
    return heard;
}

static int set_up(void **state)
{
    struct error err = {0};
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    TEST_IP("link", "add", "near", "type", "veth", "peer", "name", "far");
    TEST_IP("link", "set", "lo", "up");
    TEST_IP("link", "set", "near", "up");
    TEST_IP("link", "set", "far", "up");
    held.answer = note_answer;
    held.dropped = note_dropped;
    if (held_init(&held, folder, &err) || arp_open("far", &far, &err))
        return -1;
    usleep(50000); /* both ends have a carrier */
    add();
    return answers == 1 && run_ms(4300) >= 6 ? 0 : -1; /* its first seconds are over */
}

static int tear_down(void **state)
{
    char path[64];
    (void)state;
    held_drop_all(&held);
    snprintf(path, sizeof(path), "%s/addresses", folder);
    unlink(path);
    rmdir(folder);
    return 0;
}

static void test_quiet_then_again_when_asked(void **state)
{
    (void)state;
    assert_int_equal(run_ms(300), 0);
    assert_int_equal(renew(FENCE_ANNOUNCE_KEEP), ERR_OK);
    add(); /* of one that is held: a renewal */
    assert_int_equal(answers, 2);
    assert_int_equal(run_ms(100), 0);
    assert_int_equal(renew(FENCE_ANNOUNCE_ANEW), ERR_OK);
    assert_in_range(run_ms(100), 2, 6); /* at 0, 20 and 60 ms, in both forms, if it is on time */
    run_ms(4300);
}

/* While somebody may come back who was cut off, and no longer. */
static void test_often_while_asked(void **state)
{
    (void)state;
    assert_int_equal(renew(FENCE_ANNOUNCE_OFTEN), ERR_OK);
    run_ms(600);
    assert_int_equal(renew(FENCE_ANNOUNCE_OFTEN), ERR_OK); /* goes on, does not begin anew */
    assert_in_range(run_ms(400), 10, 20);                  /* every 40 ms, in both forms */
    assert_int_equal(renew(FENCE_ANNOUNCE_KEEP), ERR_OK);
    run_ms(4300);
    assert_int_equal(run_ms(300), 0);
}

static void test_who_else_claims_it_is_answered(void **state)
{
    (void)state;
    arp_announce(far, "far", vip);
    assert_in_range(run_ms(100), 2, 6);
    arp_announce(far, "far", vip); /* once a second, not more */
    assert_in_range(run_ms(30), 0, 2);
    run_ms(4300);
    arp_probe(far, "far", vip); /* asks only: the kernel's answer is all */
    assert_int_equal(run_ms(100), 1);
}

static void test_again_when_the_link_is_back(void **state)
{
    (void)state;
    TEST_IP("link", "set", "far", "down");
    run_ms(700);
    TEST_IP("link", "set", "far", "up");
    assert_true(run_ms(700) >= 2);
}

/* A client of the address, whose own is another. */
static int connect_client(int *listener)
{
    struct sockaddr_in to = {AF_INET, htons(5240), {htonl(vip)}, {0}};
    struct sockaddr_in from = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    *listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*listener, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(listen(*listener, 1), 0);
    assert_int_equal(bind(client, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    return client;
}

static bool is_told(void (*end)(void))
{
    char byte;
    int listener, client = connect_client(&listener);
    end();
    bool told = recv(client, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
    close(client);
    close(listener);
    add();
    run_ms(300);
    return told;
}

static void drop_by(uint32_t number, uint64_t deadline_ns)
{
    struct fence_request request = {.type = FENCE_ADDRESS_DROP, .number = number};
    snprintf(request.address.address, FENCE_NET, "10.9.0.100/24");
    request.address.deadline_ns = deadline_ns;
    held_drop(&held, &request);
}

static void drop(void)
{
    drop_by(9, 0);
}

static void give_up(void)
{
    held_give_up(&held);
    assert_int_equal(held.slots[0].address.prefix, -1);
}

static void end_lease(void)
{
    held_run(&held, held.slots[0].deadline_ns - 9 * CLOCK_MS, UINT64_MAX);
}

static void end_lease_when_due(void)
{
    held_run(&held, held.slots[0].deadline_ns - 9 * CLOCK_MS, clock_boot_ns());
}

/* Who is connected is told so while the lease lasts, unless something else is due in the process.
 * Only 5 ms are taken for it: a busy machine may have to try again. */
static void test_connections_end_with_it(void **state)
{
    (void)state;
    void (*const ends[])(void) = {drop, end_lease, give_up};
    may_drop = true;
    for (int i = 0; i < 3; i++) {
        bool told = false;
        for (int turn = 0; turn < 5 && !told; turn++)
            told = is_told(ends[i]);
        assert_true(told);
    }
    assert_false(is_told(end_lease_when_due));
    dropped = 0;
}

/* Given up in an orderly way: who waits for an answer gets it first; then the asker is told. */
static void test_who_waits_is_answered_first(void **state)
{
    (void)state;
    char byte;
    int listener, client = connect_client(&listener), server = accept(listener, NULL, NULL);
    int before = answers;
    assert_int_equal(send(client, "q", 1, 0), 1);
    drop_by(9, clock_boot_ns() + CLOCK_S);
    run_ms(100);
    assert_int_equal(answers, before);
    assert_int_equal(recv(server, &byte, 1, 0), 1);
    assert_int_equal(send(server, "a", 1, 0), 1);
    run_ms(600);
    assert_int_equal(answers, before + 1);
    assert_int_equal(held.slots[0].address.prefix, -1);
    assert_int_equal(recv(client, &byte, 1, 0), 1); /* before the end of the connection */
    assert_true(recv(client, &byte, 1, 0) < 0 && errno == ECONNRESET);
    close(client);
    close(server);
    close(listener);
    add();
    run_ms(300);
}

/* But not for ever, not past the lease, and not when it is asked for again. */
static void test_a_limit_of_waiting(void **state)
{
    (void)state;
    int listener, client = connect_client(&listener);
    assert_int_equal(send(client, "q", 1, 0), 1);
    int before = answers;
    drop_by(9, clock_boot_ns() + 50 * CLOCK_MS);
    run_ms(100);
    assert_int_equal(answers, before + 1);
    assert_int_equal(held.slots[0].address.prefix, -1);
    add();
    before = answers;
    drop_by(9, clock_boot_ns() + CLOCK_S);
    drop_by(10, clock_boot_ns() + CLOCK_S);
    assert_true(answers >= before + 1); /* the first at least: the second as soon as nobody waits */
    run_ms(100);
    assert_int_equal(answers, before + 2);
    assert_int_equal(held.slots[0].address.prefix, -1);
    add();
    before = answers;
    drop_by(9, clock_boot_ns() + 100 * CLOCK_S);
    may_drop = false; /* the end of the lease is an answer, no notice */
    end_lease();
    may_drop = true;
    assert_int_equal(answers, before + 1);
    assert_int_equal(held.slots[0].address.prefix, -1);
    close(client);
    close(listener);
    add();
    run_ms(300);
}

/* What lapsed is gone at once: a renewal that was under way does not bring it back. */
static void test_a_lapse_is_final(void **state)
{
    (void)state;
    may_drop = true;
    assert_true(held_lapse(&held));
    assert_int_equal(dropped, 1);
    assert_int_equal(renew(FENCE_ANNOUNCE_ANEW), ERR_NOT_FOUND);
    assert_int_equal(run_ms(100), 0);
    assert_false(held_lapse(&held));
}

/* Its lease ends while it is put on: who asked is told that it is not held, and nothing else. */
static void test_an_end_while_it_is_put_on(void **state)
{
    (void)state;
    struct guard *guard = held.guard;
    int before = answers;
    held.guard = NULL; /* it may take longer than the lease lasts */
    may_drop = false;
    expected = ERR_TIMEOUT;
    add_for(9); /* too late to end its connections in time */
    assert_int_equal(answers, before + 1);
    assert_int_equal(held.slots[0].address.prefix, -1);
    expected = ERR_OK;
    held.guard = guard;
}

int main(void)
{
    if (unshare(CLONE_NEWNET)) {
        print_message("no right to make a network namespace: skipped\n");
        return 77;
    }
    test_prompt_as_fenced();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quiet_then_again_when_asked),
                                       cmocka_unit_test(test_often_while_asked),
                                       cmocka_unit_test(test_who_else_claims_it_is_answered),
                                       cmocka_unit_test(test_again_when_the_link_is_back),
                                       cmocka_unit_test(test_connections_end_with_it),
                                       cmocka_unit_test(test_who_waits_is_answered_first),
                                       cmocka_unit_test(test_a_limit_of_waiting),
                                       cmocka_unit_test(test_a_lapse_is_final),
                                       cmocka_unit_test(test_an_end_while_it_is_put_on)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

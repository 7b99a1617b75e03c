/*
 * The guard on a real kernel: a network namespace with a pair of interfaces; one end holds the
 * address, the other asks for it by ARP. Needs the right to make a namespace.
 */
// rooms: fence
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/fence/arp.h"
#include "src/fence/guard.h"
#include "src/fence/netlink.h"
#include "test/lib/test_ip.h"
#include "test/lib/test_prompt.h"

/* The clock, and a pause of the whole process right after it was read. */
static uint64_t slept_ns, sleep_next_ns;

uint64_t clock_boot_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t read_ns = (uint64_t)now.tv_sec * CLOCK_S + (uint64_t)now.tv_nsec + slept_ns;
    slept_ns += sleep_next_ns;
    sleep_next_ns = 0;
    return read_ns;
}

uint64_t clock_real_ms(void)
{
    return 0;
}

static const struct ip4_net vip = {0x0a090064, 24}; /* 10.9.0.100 */

/* Does the address answer within 60 ms? Asked from the far end. */
static bool answers(int far)
{
    struct mac mac;
    arp_probe(far, "far", vip.address);
    for (uint64_t end = clock_boot_ns() + 60 * CLOCK_MS; clock_boot_ns() < end;) {
        struct pollfd readable = {far, POLLIN, 0};
        poll(&readable, 1, 5);
        if (arp_is_used(far, "far", vip.address, &mac))
            return true;
    }
    return false;
}

struct wire {
    int netlink, far;
    struct guard *guard;
};

static int set_up(void **subject)
{
    static struct wire wire;
    struct error err = {0};
    *subject = &wire;
    TEST_IP("link", "add", "near", "type", "veth", "peer", "name", "far");
    TEST_IP("link", "set", "near", "up");
    TEST_IP("link", "set", "far", "up");
    assert_int_equal(netlink_open(&wire.netlink, &err), ERR_OK);
    assert_int_equal(arp_open("far", &wire.far, &err), ERR_OK);
    assert_int_equal(guard_new(&wire.guard, &err), ERR_OK);
    assert_int_equal(guard_cover(wire.guard, vip.address, "near", &err), ERR_OK);
    assert_int_equal(netlink_add(wire.netlink, vip, "near", 100, &err), ERR_OK);
    return 0;
}

static int tear_down(void **subject)
{
    struct wire *wire = *subject;
    guard_free(wire->guard);
    close(wire->netlink);
    close(wire->far);
    TEST_IP("link", "del", "near");
    return 0;
}

static void test_mute_until_let(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    assert_false(answers(wire->far));
    assert_int_equal(guard_let(wire->guard, vip.address, clock_boot_ns() + 5 * CLOCK_S, &err),
                     ERR_OK);
    assert_true(answers(wire->far));
    guard_mute(wire->guard, vip.address);
    assert_false(answers(wire->far));
}

static void test_falls_silent_by_itself(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    uint64_t deadline = clock_boot_ns() + 400 * CLOCK_MS;
    assert_int_equal(guard_let(wire->guard, vip.address, deadline, &err), ERR_OK);
    uint64_t last = 0;
    while (clock_boot_ns() < deadline + 200 * CLOCK_MS) {
        uint64_t asked = clock_boot_ns();
        if (answers(wire->far))
            last = asked;
    }
    assert_true(last > deadline - 150 * CLOCK_MS);
    assert_true(last <= deadline + 10 * CLOCK_MS);
}

/* Renewed again and again it never falls silent; the last renewal's end holds, not the first's. */
static void test_renewal_moves_the_end(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    for (int i = 0; i < 20; i++) {
        uint64_t deadline = clock_boot_ns() + 250 * CLOCK_MS;
        assert_int_equal(guard_let(wire->guard, vip.address, deadline, &err), ERR_OK);
        assert_true(answers(wire->far));
        usleep(30000);
    }
    usleep(280000);
    assert_false(answers(wire->far));
}

static void test_shorter_end_holds(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    uint64_t now = clock_boot_ns();
    assert_int_equal(guard_let(wire->guard, vip.address, now + 5 * CLOCK_S, &err), ERR_OK);
    assert_int_equal(guard_let(wire->guard, vip.address, now + 100 * CLOCK_MS, &err), ERR_OK);
    usleep(120000);
    assert_false(answers(wire->far));
}

static void test_past_deadline_is_refused(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    uint64_t now = clock_boot_ns();
    assert_int_equal(guard_let(wire->guard, vip.address, now + 5 * CLOCK_S, &err), ERR_OK);
    assert_int_equal(guard_let(wire->guard, vip.address, now, &err), ERR_TIMEOUT);
    assert_false(answers(wire->far));
}

/* What the kernel is told is how long from now: after a pause that would be too long. */
static void test_stopped_between_the_clock_and_the_kernel(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    uint64_t deadline = clock_boot_ns() + 500 * CLOCK_MS;
    sleep_next_ns = CLOCK_S;
    assert_int_equal(guard_let(wire->guard, vip.address, deadline, &err), ERR_TIMEOUT);
    assert_false(answers(wire->far));
    deadline = clock_boot_ns() + 500 * CLOCK_MS;
    sleep_next_ns = 150 * CLOCK_MS; /* a part of it is left, and no more */
    assert_int_equal(guard_let(wire->guard, vip.address, deadline, &err), ERR_OK);
    assert_true(answers(wire->far));
    while (clock_boot_ns() < deadline + 20 * CLOCK_MS)
        usleep(1000);
    assert_false(answers(wire->far));
}

static void test_other_addresses_speak(void **subject)
{
    struct wire *wire = *subject;
    struct ip4_net other = {vip.address + 1, 24};
    struct error err = {0};
    struct mac mac;
    assert_int_equal(netlink_add(wire->netlink, other, "near", 100, &err), ERR_OK);
    arp_probe(wire->far, "far", other.address);
    usleep(20000);
    assert_true(arp_is_used(wire->far, "far", other.address, &mac));
}

static void test_cover_twice(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    assert_int_equal(guard_cover(wire->guard, vip.address, "near", &err), ERR_OK);
    assert_false(answers(wire->far));
    assert_int_equal(guard_cover(wire->guard, vip.address, "nowhere", &err), ERR_NOT_FOUND);
}

/* ---- closed to new connections ---- */

enum { CLOSED_PORT = 5240, CONNECT_MS = 300 };

/* The far end's host: connects once for each byte it gets, and says whether it could. */
static void run_client(int orders, pid_t parent)
{
    char order, text[16];
    struct sockaddr_in to = {AF_INET, htons(CLOSED_PORT), {htonl(vip.address)}, {0}};
    snprintf(text, sizeof(text), "%d", (int)parent);
    while (recv(orders, &order, 1, 0) == 1 && order == 'c') {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), failed = 0;
        struct pollfd writable = {fd, POLLOUT, 0};
        socklen_t size = sizeof(failed);
        connect(fd, (struct sockaddr *)&to, sizeof(to));
        char could = poll(&writable, 1, CONNECT_MS) == 1 &&
                     !getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) && !failed;
        if (could)
            send(fd, "x", 1, MSG_NOSIGNAL); /* the connection stays */
        else
            close(fd);
        send(orders, &could, 1, 0);
    }
    TEST_IP("link", "set", "far", "netns", text);
    _exit(0);
}

static bool could_connect(int orders)
{
    char could;
    assert_int_equal(send(orders, "c", 1, 0), 1);
    assert_int_equal(recv(orders, &could, 1, 0), 1);
    return could;
}

static pid_t start_client(int *orders)
{
    int ends[2];
    char text[16];
    pid_t parent = getpid();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    pid_t child = fork();
    if (!child) {
        char begin;
        if (unshare(CLONE_NEWNET) || send(ends[1], "r", 1, 0) != 1 ||
            recv(ends[1], &begin, 1, 0) != 1)
            _exit(1);
        TEST_IP("address", "add", "10.9.0.1/24", "dev", "far");
        TEST_IP("link", "set", "far", "up");
        run_client(ends[1], parent);
    }
    close(ends[1]);
    *orders = ends[0];
    assert_int_equal(recv(*orders, text, 1, 0), 1);
    snprintf(text, sizeof(text), "%d", (int)child);
    TEST_IP("link", "set", "far", "netns", text);
    assert_int_equal(send(*orders, "b", 1, 0), 1);
    return child;
}

/* The connection that was made: before it there may be others that were given up too early. */
static int accept_client(int listener)
{
    char byte;
    for (;;) {
        int server = accept(listener, NULL, NULL);
        assert_true(server >= 0);
        if (recv(server, &byte, 1, 0) == 1)
            return server;
        close(server);
    }
}

static int listen_there(int backlog)
{
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {AF_INET, htons(CLOSED_PORT), {htonl(vip.address)}, {0}};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, backlog), 0);
    return listener;
}

/* Who is connected goes on; who comes anew hears nothing, until it is covered anew. */
static void test_closed_to_new_ones(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    int orders, listener = listen_there(5);
    uint64_t deadline = clock_boot_ns() + 10 * CLOCK_S;
    pid_t client = start_client(&orders);
    assert_int_equal(guard_let(wire->guard, vip.address, deadline, &err), ERR_OK);
    bool connected = false;
    for (int i = 0; i < 5 && !connected; i++)
        connected = could_connect(orders); /* both ends have a carrier */
    assert_true(connected);
    guard_close(wire->guard, vip.address);
    int server = accept_client(listener);
    assert_int_equal(send(server, "a", 1, 0), 1);
    assert_false(could_connect(orders));
    guard_close(wire->guard, vip.address);
    assert_int_equal(guard_cover(wire->guard, vip.address, "near", &err), ERR_OK);
    assert_true(could_connect(orders));
    assert_int_equal(send(orders, "e", 1, 0), 1);
    assert_int_equal(waitpid(client, NULL, 0), client);
    close(orders);
    close(server);
    close(listener);
}

/* Strangers come few at a time; who is known does not feel them. */
static void test_a_flood_of_strangers(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    const uint32_t ports[] = {CLOSED_PORT};
    const ip4 far = 0x0a090001;
    struct guard_known known = {ports, &far, 1, 0};
    int orders, count = 0, listener = listen_there(1024);
    pid_t client = start_client(&orders);
    assert_int_equal(guard_let(wire->guard, vip.address, clock_boot_ns() + 20 * CLOCK_S, &err),
                     ERR_OK);
    bool connected = false;
    for (int i = 0; i < 5 && !connected; i++)
        connected = could_connect(orders); /* both ends have a carrier */
    assert_true(connected);
    assert_int_equal(guard_know(wire->guard, &known, &err), ERR_OK);
    while (count < 500 && could_connect(orders))
        count++;
    assert_in_range(count, 60, 400);
    known.callers_count = 1;
    assert_int_equal(guard_know(wire->guard, &known, &err), ERR_OK);
    for (int i = 0; i < 200; i++)
        assert_true(could_connect(orders));
    assert_int_equal(send(orders, "e", 1, 0), 1);
    assert_int_equal(waitpid(client, NULL, 0), client);
    close(orders);
    close(listener);
}

static int listening;
static uint16_t port;

static bool connects(void)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct pollfd made = {fd, POLLOUT, 0};
    int failed = 0;
    socklen_t size = sizeof(failed);
    connect(fd, (struct sockaddr *)&at, sizeof(at));
    bool done = poll(&made, 1, 60) == 1;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    close(fd);
    return done && !failed;
}

static int set_up_port(void **subject)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    TEST_IP("link", "set", "lo", "up");
    listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(listening, 16), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &size), 0);
    port = ntohs(at.sin_port);
    return set_up(subject);
}

static int tear_down_port(void **subject)
{
    close(listening);
    return tear_down(subject);
}

/* A primary's port: open to all before it has a lease and after it has ended, mute when the lease
 * has. */
static void test_a_port_falls_silent_by_itself(void **subject)
{
    struct wire *wire = *subject;
    struct error err = {0};
    assert_true(connects());
    uint64_t deadline = clock_boot_ns() + 300 * CLOCK_MS;
    assert_int_equal(guard_let_port(wire->guard, port, deadline, &err), ERR_OK);
    assert_true(connects());
    while (clock_boot_ns() < deadline + 10 * CLOCK_MS)
        usleep(1000);
    assert_false(connects());
    assert_int_equal(guard_let_port(wire->guard, port, clock_boot_ns() + 5 * CLOCK_S, &err),
                     ERR_OK);
    assert_true(connects());
    deadline = clock_boot_ns() + 500 * CLOCK_MS;
    sleep_next_ns = CLOCK_S; /* stopped between the clock and the kernel */
    assert_int_equal(guard_let_port(wire->guard, port, deadline, &err), ERR_TIMEOUT);
    assert_false(connects());
    guard_free_port(wire->guard, port);
    assert_true(connects());
}

int main(void)
{
    if (unshare(CLONE_NEWNET)) {
        print_message("no right to make a network namespace: skipped\n");
        return 77;
    }
    test_prompt_as_fenced();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mute_until_let, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_falls_silent_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renewal_moves_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shorter_end_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_past_deadline_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped_between_the_clock_and_the_kernel, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_other_addresses_speak, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cover_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_to_new_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_flood_of_strangers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_port_falls_silent_by_itself, set_up_port,
                                        tear_down_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

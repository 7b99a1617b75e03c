/*
 * Who is connected to an address that is given up learns it at once; nobody else is disturbed.
 * A network namespace. Needs the right to make one.
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
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/fence/tcp_reset.h"
#include "test/lib/test_ip.h"

enum { PORT = 5240, CLIENTS = 300 };
static const ip4 vip = 0x0a090064, other = 0x0a090065, client = 0x7f000001;

static struct sockaddr_in at(ip4 address, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

static int listen_at(ip4 address)
{
    struct sockaddr_in where = at(address, PORT);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(fd, CLIENTS), 0);
    return fd;
}

static int connect_to(ip4 address)
{
    struct sockaddr_in from = at(client, 0), to = at(address, PORT);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static bool is_reset(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
}

static int set_up(void **state)
{
    (void)state;
    TEST_IP("link", "set", "lo", "up");
    TEST_IP("address", "add", "10.9.0.100/24", "dev", "lo");
    TEST_IP("address", "add", "10.9.0.101/24", "dev", "lo");
    return 0;
}

/* Accepted or not, and of this address alone; who listens goes on. */
static void test_all_of_one_address(void **state)
{
    (void)state;
    int listener = listen_at(vip), elsewhere = listen_at(other), stays = connect_to(other);
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = connect_to(vip);
    int accepted = accept(listener, NULL, NULL);
    assert_int_equal(tcp_reset_all(vip, clock_boot_ns() + CLOCK_S), CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(is_reset(clients[i]));
        close(clients[i]);
    }
    assert_false(is_reset(stays));
    int again = connect_to(vip);
    assert_false(is_reset(again));
    close(again);
    close(stays);
    close(accepted);
    close(elsewhere);
    close(listener);
}

/* A lease that has ended lets nothing be said. */
static void test_nothing_after_the_time(void **state)
{
    (void)state;
    int listener = listen_at(vip), waits = connect_to(vip);
    assert_int_equal(tcp_reset_all(vip, clock_boot_ns()), 0);
    assert_int_equal(tcp_reset_all(vip, 0), 0);
    assert_false(is_reset(waits));
    close(waits);
    close(listener);
}

static bool is_quiet_within(uint64_t ms)
{
    uint64_t end = clock_boot_ns() + ms * CLOCK_MS;
    while (!tcp_reset_idle(vip, clock_boot_ns() + CLOCK_S))
        if (clock_boot_ns() > end)
            return false;
    return true;
}

static void put(int fd)
{
    assert_int_equal(send(fd, "x", 1, 0), 1);
}

static void take(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
}

/* One that asked and was not answered yet, one that was, one that said nothing yet. */
static void test_between_two_requests(void **state)
{
    (void)state;
    int listener = listen_at(vip), asks = connect_to(vip), server = accept(listener, NULL, NULL);
    put(asks);
    assert_false(is_quiet_within(300)); /* not read yet */
    take(server);
    assert_false(is_quiet_within(300)); /* not answered yet */
    int answered = connect_to(vip), other_server = accept(listener, NULL, NULL);
    put(answered);
    take(other_server);
    usleep(20000);
    put(other_server);
    assert_false(is_quiet_within(100));
    take(answered);
    usleep(50000);
    assert_false(is_quiet_within(0));
    assert_true(is_reset(answered));
    assert_false(is_reset(asks));
    put(server);
    take(asks);
    assert_true(is_quiet_within(1000));
    assert_true(is_reset(asks));
    int silent = connect_to(vip);
    assert_false(is_quiet_within(0));
    assert_true(is_quiet_within(1000));
    assert_true(is_reset(silent));
    close(silent);
    close(asks);
    close(answered);
    close(server);
    close(other_server);
    close(listener);
}

/* A second request on a connection that was answered before. */
static void test_the_next_request(void **state)
{
    (void)state;
    int listener = listen_at(vip), client_fd = connect_to(vip);
    int server = accept(listener, NULL, NULL);
    put(client_fd);
    take(server);
    usleep(20000);
    put(server);
    take(client_fd);
    usleep(20000);
    put(client_fd);
    take(server);
    assert_false(is_quiet_within(300));
    assert_false(is_reset(client_fd));
    close(client_fd);
    close(server);
    close(listener);
}

static void test_no_time_to_look(void **state)
{
    (void)state;
    assert_false(tcp_reset_idle(vip, clock_boot_ns()));
}

int main(void)
{
    if (unshare(CLONE_NEWNET)) {
        print_message("no right to make a network namespace: skipped\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_one_address), cmocka_unit_test(test_nothing_after_the_time),
        cmocka_unit_test(test_between_two_requests), cmocka_unit_test(test_the_next_request),
        cmocka_unit_test(test_no_time_to_look)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}

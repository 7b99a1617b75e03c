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

int main(void)
{
    if (unshare(CLONE_NEWNET)) {
        print_message("no right to make a network namespace: skipped\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_of_one_address),
                                       cmocka_unit_test(test_nothing_after_the_time)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}

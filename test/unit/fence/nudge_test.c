/*
 * A client whose peer is gone without a word, as after the loss of a host: it waits for ever, until
 * it is made to speak. On a real kernel; needs the rights for raw sockets and TCP_REPAIR.
 */
// rooms: fence
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/fence/nudge.h"

static struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in here;
    socklen_t size = sizeof(here);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    return ntohs(here.sin_port);
}

/* Its end forgets the connection and sends nothing: as if the power had failed. */
static void vanish(int fd)
{
    int on = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), 0);
    close(fd);
}

static void test_who_waits_for_a_lost_host_is_reset(void **state)
{
    (void)state;
    struct sockaddr_in where = loopback();
    struct error err = {0};
    socklen_t size = sizeof(where);
    char byte;
    int nudges, listener = socket(AF_INET, SOCK_STREAM, 0),
                client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &size), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&where, sizeof(where)), 0);
    int server = accept(listener, NULL, NULL);
    assert_int_equal(send(client, "?", 1, 0), 1);
    assert_int_equal(recv(server, &byte, 1, 0), 1);
    struct nudge_end from = {INADDR_LOOPBACK, port_of(listener)};
    struct nudge_end to = {INADDR_LOOPBACK, port_of(client)};
    vanish(server);
    struct pollfd readable = {client, POLLIN, 0};
    assert_int_equal(poll(&readable, 1, 100), 0); /* it has no idea */
    assert_int_equal(nudge_open(&nudges, &err), ERR_OK);
    nudge_send(nudges, from, to);
    assert_int_equal(poll(&readable, 1, 1000), 1);
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(nudges);
    close(client);
    close(listener);
}

/* A connection that lives takes no harm. */
static void test_a_connection_of_ours_goes_on(void **state)
{
    (void)state;
    struct sockaddr_in where = loopback();
    struct error err = {0};
    socklen_t size = sizeof(where);
    char byte = 0;
    int nudges, listener = socket(AF_INET, SOCK_STREAM, 0),
                client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &size), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&where, sizeof(where)), 0);
    int server = accept(listener, NULL, NULL);
    assert_int_equal(nudge_open(&nudges, &err), ERR_OK);
    nudge_send(nudges, (struct nudge_end){INADDR_LOOPBACK, port_of(listener)},
               (struct nudge_end){INADDR_LOOPBACK, port_of(client)});
    usleep(20000);
    assert_int_equal(send(server, "!", 1, 0), 1);
    assert_int_equal(recv(client, &byte, 1, 0), 1);
    assert_int_equal(byte, '!');
    close(nudges);
    close(server);
    close(client);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_waits_for_a_lost_host_is_reset),
                                       cmocka_unit_test(test_a_connection_of_ours_goes_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A region is fit while its API and HAProxy answer: not before, not when one of them is frozen. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ha/endpoint_check.h"
#include "src/base/clock.h"

static const char version[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/* What listens on a socket and gives each who connects the same answer. */
struct server {
    char path[64];
    const char *answer;
    atomic_bool frozen;
    int fd;
    pthread_t thread;
};

static char folder[] = "/tmp/endpoint_check_test_XXXXXX";
static struct server door = {.answer = "2.6.12\n"}, api = {.answer = version};
static struct ha_settings settings;
static struct loop loop;
static struct endpoint_check *check;

static void *serve(void *subject)
{
    struct server *server = subject;
    char bytes[4096];
    for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0; close(fd)) {
        while (atomic_load(&server->frozen))
            usleep(1000);
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n > 0)
            send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
    }
    return NULL;
}

static void start(struct server *server, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(server->path, sizeof(server->path), "%s/%s", folder, name);
    strcpy(address.sun_path, server->path);
    server->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 32), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    unlink(server->path);
}

/* How long until it is, or is not, fit; more than 10 s fails. */
static uint64_t ms_until(bool fit)
{
    uint64_t began = clock_boot_ns();
    while (endpoint_check_fit(check) != fit) {
        assert_true(clock_boot_ns() - began < 10 * CLOCK_S);
        endpoint_check_look(check);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(2000);
    }
    return (clock_boot_ns() - began) / CLOCK_MS;
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(api.path, sizeof(api.path), "%s/api.sock", folder);
    settings = (struct ha_settings){.run_dir = folder, .api_socket = api.path};
    loop_init(&loop);
    check = endpoint_check_new(&loop, &settings);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    endpoint_check_free(check);
    loop_close(&loop);
    stop(&door);
    return rmdir(folder);
}

static void test_not_before_both_answer(void **state)
{
    (void)state;
    start(&door, "haproxy.sock");
    for (int i = 0; i < 100; i++) {
        endpoint_check_look(check);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(5000);
        assert_false(endpoint_check_fit(check));
    }
    start(&api, "api.sock");
    ms_until(true);
}

static void test_a_frozen_door_is_three_misses(void **state)
{
    (void)state;
    ms_until(true);
    atomic_store(&door.frozen, true);
    assert_in_range(ms_until(false), 400, 2000);
    atomic_store(&door.frozen, false);
    assert_in_range(ms_until(true), 0, 2000);
}

static void test_an_api_that_is_gone(void **state)
{
    (void)state;
    ms_until(true);
    stop(&api);
    assert_in_range(ms_until(false), 500, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_not_before_both_answer),
                                       cmocka_unit_test(test_a_frozen_door_is_three_misses),
                                       cmocka_unit_test(test_an_api_that_is_gone)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Health over HTTP: what is asked and answered, and what is hung up on. */
// rooms: wire
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/wire/health_listener.h"
#include "test/lib/own_host.h"

static struct loop loop;
static int port = 8080;
static const char *request;
static char reply[8192];

static int answer(void *owner, const char *path, const char *query, struct spool *body)
{
    assert_ptr_equal(owner, &port);
    if (!strcmp(path, "/livez"))
        return 200;
    spool_printf(body, "path=%s query=%s\n", path, query);
    return strcmp(path, "/readyz") ? 404 : 503;
}

static void stop(void *subject)
{
    (void)subject;
    loop_stop(&loop);
}

static void *ask(void *subject)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    (void)subject;
    inet_pton(AF_INET, own_host(), &where.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    size_t half = strlen(request) / 2, used = 0;
    assert_true(send(fd, request, half, 0) == (ssize_t)half); /* in two pieces */
    usleep(5000);
    assert_true(send(fd, request + half, strlen(request) - half, MSG_NOSIGNAL) > 0);
    ssize_t n;
    while ((n = recv(fd, reply + used, sizeof(reply) - 1 - used, 0)) > 0)
        used += (size_t)n;
    reply[used] = '\0';
    close(fd);
    loop_post(&loop, stop, NULL);
    return NULL;
}

static void exchange(const char *text)
{
    pthread_t thread;
    request = text;
    pthread_create(&thread, NULL, ask, NULL);
    loop_run(&loop);
    pthread_join(thread, NULL);
}

static void test_answers(void **unused)
{
    (void)unused;
    exchange("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(reply, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(reply, "Content-Length: 0\r\n"));
    exchange("GET /readyz?lag=10&x HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(reply, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(reply, "\r\n\r\npath=/readyz query=lag=10&x\n"));
    exchange("HEAD /other HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(reply, "HTTP/1.1 404 Not Found\r\n"));
    assert_null(strstr(reply, "path="));
}

static void test_what_is_no_question(void **unused)
{
    (void)unused;
    exchange("POST /livez HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(reply, " 405 "));
    exchange("GET livez HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(reply, " 400 "));
    exchange("nonsense\r\n\r\n");
    assert_non_null(strstr(reply, " 400 "));
    static char huge[6000];
    memset(huge, 'x', sizeof(huge) - 1);
    exchange(huge);
    assert_string_equal(reply, "");
}

/* Silent callers stay, few of one address; who asks is answered. */
static void test_a_crowd_of_silent_callers(void **unused)
{
    (void)unused;
    int fds[100];
    for (uint32_t i = 0; i < 100; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(0x7f000002 + i % 8)};
        struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        inet_pton(AF_INET, "127.0.0.1", &where.sin_addr);
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(fds[i], (struct sockaddr *)&from, sizeof(from)), 0);
        connect(fds[i], (struct sockaddr *)&where, sizeof(where));
        if (i % 50 == 49) {
            exchange("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_non_null(strstr(reply, "HTTP/1.1 200 OK\r\n"));
        }
    }
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    exchange("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(reply, "HTTP/1.1 200 OK\r\n"));
}

static void test_a_port_in_use(void **unused)
{
    (void)unused;
    struct error err;
    struct health_listener *second;
    struct health_listen listen = {own_host(), port, answer, &port};
    assert_int_equal(health_listener_open(&loop, &listen, &second, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "in use by another program"));
    listen.address = "203.0.113.7";
    assert_int_equal(health_listener_open(&loop, &listen, &second, &err), ERR_BAD_INPUT);
}

static int set_up(void **unused)
{
    (void)unused;
    static struct health_listener *listener;
    struct error err;
    loop_init(&loop);
    struct health_listen listen = {own_host(), port, answer, &port};
    return health_listener_open(&loop, &listen, &listener, &err) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_is_no_question),
        cmocka_unit_test(test_a_crowd_of_silent_callers),
        cmocka_unit_test(test_a_port_in_use),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

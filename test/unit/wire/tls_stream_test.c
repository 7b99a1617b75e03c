/* TLS streams against each other and against strangers, on one loop over loopback. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/wire/crowd.h"
#include "src/wire/tls_listener.h"
#include "test/lib/test_ca.h"

/* One end of a connection and what it heard. */
struct side {
    struct tls_stream *stream;
    bool established, closed;
    int drained, established_count;
    size_t received;
    uint32_t sum; /* of all bytes received, in order */
    struct error why;
    char peer[CERTIFICATE_NAME], role[CERTIFICATE_ROLE];
    size_t to_send, sent; /* pump: pattern bytes to write as the queue allows */
    bool echo, close_at_once, pause_at_once;
};

static struct test_ca ours, theirs;
static struct loop loop;
static struct side caller, called;
static struct tls_listener *listener;
static int called_count;
static bool out_of_time;

static uint32_t mix(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static void pump(struct side *side)
{
    static uint8_t bytes[100000];
    while (side->sent < side->to_send) {
        size_t size = side->to_send - side->sent;
        size = size < sizeof(bytes) ? size : sizeof(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = pattern(side->sent + i);
        enum error_code code = tls_stream_write(side->stream, bytes, size, NULL);
        if (code == ERR_LIMIT)
            return;
        assert_int_equal(code, ERR_OK);
        side->sent += size;
    }
}

static void on_established(struct tls_stream *stream, void *owner)
{
    struct side *side = owner;
    side->established = true;
    side->established_count++;
    snprintf(side->peer, sizeof(side->peer), "%s", tls_stream_peer(stream)->name);
    snprintf(side->role, sizeof(side->role), "%s", tls_stream_peer(stream)->role);
    if (side->pause_at_once)
        tls_stream_pause(stream, true);
    pump(side);
    if (side->close_at_once)
        tls_stream_close(stream);
}

static void on_read(struct tls_stream *stream, void *owner, const uint8_t *bytes, size_t size)
{
    struct side *side = owner;
    assert_true(side->established);
    side->received += size;
    side->sum = mix(side->sum, bytes, size);
    if (side->echo)
        tls_stream_write(stream, bytes, size, NULL);
}

static void on_drained(struct tls_stream *stream, void *owner)
{
    (void)stream;
    struct side *side = owner;
    side->drained++;
    pump(side);
}

static void on_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    struct side *side = owner;
    assert_false(side->closed);
    assert_ptr_equal(stream, side->stream);
    side->closed = true;
    side->why = *why;
    side->stream = NULL;
}

static const struct tls_events events = {on_established, on_read, on_drained, on_closed};

static void *on_accepted(void *subject, struct tls_stream *stream, struct tls_events *wanted)
{
    (void)subject;
    called_count++;
    called.stream = stream;
    *wanted = events;
    return &called;
}

static void on_alarm(struct loop_timer *timer)
{
    (void)timer;
    out_of_time = true;
}

/* Turn the loop until *what is true, at most 10 s. */
static void turn_until(const bool *what)
{
    struct loop_timer alarm;
    out_of_time = false;
    loop_timer_init(&loop, &alarm, on_alarm);
    loop_timer_start(&alarm, 10000, 0);
    while (!*what && !out_of_time)
        uv_run(&loop.uv, UV_RUN_ONCE);
    loop_timer_close(&alarm, NULL);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_false(out_of_time);
}

static int open_listener(struct tls_credentials *credentials, const char *role, unsigned timeout_ms,
                         int streams_max)
{
    struct error err;
    struct tls_listen listen = {"127.0.0.1", 0, role, streams_max, timeout_ms, on_accepted, NULL};
    assert_int_equal(tls_listener_open(&loop, credentials, &listen, &listener, &err), ERR_OK);
    return tls_listener_port(listener);
}

static void call(struct tls_credentials *credentials, int port, const char *name, const char *role)
{
    struct tls_target target = {"127.0.0.1", port, name, role, 5000};
    caller.stream = tls_stream_connect(&loop, credentials, &target, &events, &caller);
}

static int set_up(void **unused)
{
    (void)unused;
    memset(&caller, 0, sizeof(caller));
    memset(&called, 0, sizeof(called));
    called_count = 0;
    listener = NULL;
    test_ca_open(&ours);
    test_ca_open(&theirs);
    loop_init(&loop);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    if (caller.stream)
        tls_stream_reset(caller.stream);
    if (called.stream)
        tls_stream_reset(called.stream);
    tls_listener_close(listener);
    loop_close(&loop);
    test_ca_close(&ours);
    test_ca_close(&theirs);
    return 0;
}

static void test_both_ends_know_each_other(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct tls_credentials *rack = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    int port = open_listener(region, "rack", 5000, 4);
    called.echo = true;
    caller.to_send = 4096;
    call(rack, port, "region1", "region");
    while (caller.received < 4096 && !caller.closed)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(caller.received, 4096);
    assert_string_equal(caller.peer, "region1");
    assert_string_equal(caller.role, "region");
    assert_string_equal(called.peer, "rack1");
    assert_string_equal(called.role, "rack");
    assert_int_equal(caller.established_count + called.established_count, 2);
    tls_credentials_free(rack); /* the stream keeps what it needs */
    tls_stream_close(caller.stream);
    turn_until(&called.closed);
    turn_until(&caller.closed);
    assert_int_equal(called.why.code, ERR_GONE);
    assert_int_equal(caller.why.code, ERR_OK);
    tls_credentials_free(region);
}

/* A refusal: code and word of the caller's and the called's reason; NULL = do not look. */
struct refusal {
    enum error_code caller_code;
    const char *caller_word;
    enum error_code called_code;
    const char *called_word;
};

static void expect_refusal(struct tls_credentials *region, struct tls_credentials *rack,
                           const char *name, struct refusal wanted)
{
    int port = open_listener(region, "rack", 5000, 4);
    call(rack, port, name, "region");
    turn_until(&caller.closed);
    turn_until(&called.closed);
    assert_int_equal(caller.received + called.received, 0);
    if (wanted.caller_word) {
        assert_int_equal(caller.why.code, wanted.caller_code);
        assert_non_null(strstr(caller.why.text, wanted.caller_word));
    }
    if (wanted.called_word) {
        assert_int_equal(called.why.code, wanted.called_code);
        assert_non_null(strstr(called.why.text, wanted.called_word));
    }
    tls_credentials_free(region);
    tls_credentials_free(rack);
}

static void test_region_of_another_ca(void **unused)
{
    (void)unused;
    expect_refusal(test_ca_credentials(&theirs, &ours, "region1", "region", 10),
                   test_ca_credentials(&ours, &ours, "rack1", "rack", 10), "region1",
                   (struct refusal){ERR_FORBIDDEN, "certificate", ERR_FORBIDDEN, "unknown ca"});
    assert_false(caller.established);
}

static void test_rack_of_another_ca(void **unused)
{
    (void)unused;
    expect_refusal(test_ca_credentials(&ours, &ours, "region1", "region", 10),
                   test_ca_credentials(&theirs, &ours, "rack1", "rack", 10), "region1",
                   (struct refusal){ERR_FORBIDDEN, "unknown ca", ERR_FORBIDDEN, "certificate"});
    assert_false(called.established);
}

static void test_wrong_name(void **unused)
{
    (void)unused;
    expect_refusal(test_ca_credentials(&ours, &ours, "region2", "region", 10),
                   test_ca_credentials(&ours, &ours, "rack1", "rack", 10), "region1",
                   (struct refusal){ERR_FORBIDDEN, "is for region2, wanted is region1", 0, NULL});
    assert_false(caller.established);
}

static void test_wrong_role(void **unused)
{
    (void)unused;
    expect_refusal(test_ca_credentials(&ours, &ours, "region1", "region", 10),
                   test_ca_credentials(&ours, &ours, "rack1", "operator", 10), "region1",
                   (struct refusal){0, NULL, ERR_FORBIDDEN, "role 'operator'"});
    assert_false(called.established);
}

static void test_expired_rack(void **unused)
{
    (void)unused;
    expect_refusal(test_ca_credentials(&ours, &ours, "region1", "region", 10),
                   test_ca_credentials(&ours, &ours, "rack1", "rack", -1), "region1",
                   (struct refusal){ERR_FORBIDDEN, "expired", ERR_FORBIDDEN, "expired"});
    assert_false(called.established);
}

static void test_expired_region(void **unused)
{
    (void)unused;
    expect_refusal(test_ca_credentials(&ours, &ours, "region1", "region", -1),
                   test_ca_credentials(&ours, &ours, "rack1", "rack", 10), "region1",
                   (struct refusal){ERR_FORBIDDEN, "expired", ERR_FORBIDDEN, "expired"});
    assert_false(caller.established);
}

/* A plain TCP connection of a stranger. */
static int knock(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void test_garbage(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    int port = open_listener(region, "rack", 5000, 4);
    const char *const garbage[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\xff\xff\x01",
                                   "\x16\x03\x01\x00\x05\x01\xff\xff\xff\x03",
                                   "\x80\x10\x01\x03\x01zzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
    for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
        int fd = knock(port);
        size_t size = i == 2 ? 10 : strlen(garbage[i]);
        assert_int_equal(write(fd, garbage[i], size), (ssize_t)size);
        if (i == 1)
            shutdown(fd, SHUT_WR); /* a record that never ends */
        called = (struct side){0};
        turn_until(&called.closed);
        assert_int_equal(called.why.code, ERR_UNAVAILABLE);
        assert_false(called.established);
        close(fd);
    }
    tls_credentials_free(region);
}

static void test_half_closed(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    int port = open_listener(region, "rack", 5000, 4);
    int fd = knock(port);
    shutdown(fd, SHUT_WR);
    turn_until(&called.closed);
    assert_non_null(strstr(called.why.text, "without a goodbye"));
    close(fd);
    tls_credentials_free(region);
}

static int known_count;

static void on_known(struct tls_stream *stream, void *owner)
{
    (void)owner;
    known_count++;
    tls_stream_close(stream);
}

static void *accept_any(void *subject, struct tls_stream *stream, struct tls_events *wanted)
{
    (void)subject, (void)stream;
    *wanted = (struct tls_events){.established = on_known};
    return NULL;
}

/* A silent caller from 127.0.0.NUMBER. */
static int knock_from(int port, uint32_t number)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f000000 + number)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    connect(fd, (struct sockaddr *)&to, sizeof(to));
    return fd;
}

static int count_closed(const int *fds, int count)
{
    char byte;
    int closed = 0;
    for (int i = 0; i < count; i++)
        closed += !(read(fds[i], &byte, 1) < 0 && errno == EAGAIN);
    return closed;
}

/* Turn the loop until so many are closed, at most 10 s; then a little more. */
static void expect_closed(const int *fds, int count, int wanted)
{
    for (int i = 0; i < 10000 && count_closed(fds, count) < wanted; i++) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(1000);
    }
    for (int i = 0; i < 20; i++) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(count_closed(fds, count), wanted);
}

static void test_silent_caller(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    int port = open_listener(region, "rack", 200, 1);
    int fd = knock(port);
    turn_until(&called.closed);
    assert_int_equal(called.why.code, ERR_TIMEOUT);
    close(fd);
    tls_credentials_free(region);
}

/* A known one stays: the next is shown the door, silent or not. */
static void test_too_many(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct tls_credentials *rack = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    int port = open_listener(region, "rack", 5000, 1);
    call(rack, port, NULL, NULL);
    turn_until(&called.established);
    int second = knock_from(port, 1);
    expect_closed(&second, 1, 1);
    assert_int_equal(called_count, 1);
    assert_false(called.closed);
    close(second);
    tls_credentials_free(region);
    tls_credentials_free(rack);
}

/* Silent strangers hold what they may, the others are shown the door, and who is known gets in. */
static void test_a_flood_leaves_room(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct tls_credentials *rack = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    struct error err;
    struct tls_listen listen = {"127.0.0.1", 0, "rack", 2, 60000, accept_any, NULL};
    int fds[180], count = 0;
    known_count = 0;
    assert_int_equal(tls_listener_open(&loop, region, &listen, &listener, &err), ERR_OK);
    int port = tls_listener_port(listener);
    for (; count < 100; count++)
        fds[count] = knock_from(port, 9);
    expect_closed(fds, count, 100 - CROWD_OF_CALLER);
    for (; count < 180; count++)
        fds[count] = knock_from(port, 10 + (uint32_t)count % 5);
    expect_closed(fds, count, 180 - CROWD_MOST);
    for (int i = 0; i < 5; i++) { /* more than streams_max, one after the other */
        caller = (struct side){0};
        call(rack, port, "region1", "region");
        turn_until(&caller.closed);
        assert_true(caller.established);
    }
    assert_int_equal(known_count, 5);
    assert_true(count_closed(fds, count) > 180 - CROWD_MOST); /* they made room */
    while (count)
        close(fds[--count]);
    tls_credentials_free(region);
    tls_credentials_free(rack);
}

static void test_nobody_there(void **unused)
{
    (void)unused;
    struct tls_credentials *rack = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    int port = open_listener(rack, NULL, 200, 1);
    tls_listener_close(listener);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    listener = NULL;
    call(rack, port, NULL, NULL);
    assert_false(caller.closed); /* never from within the call */
    turn_until(&caller.closed);
    assert_int_equal(caller.why.code, ERR_UNAVAILABLE);
    caller.closed = false;
    struct tls_target target = {"region1.example", 1, NULL, NULL, 100};
    caller.stream = tls_stream_connect(&loop, rack, &target, &events, &caller);
    turn_until(&caller.closed);
    assert_int_equal(caller.why.code, ERR_BAD_INPUT);
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* accepts TCP, never says a word */
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(any);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&any, &size);
    caller.closed = false;
    target = (struct tls_target){"127.0.0.1", ntohs(any.sin_port), NULL, NULL, 100};
    caller.stream = tls_stream_connect(&loop, rack, &target, &events, &caller);
    turn_until(&caller.closed);
    assert_int_equal(caller.why.code, ERR_TIMEOUT);
    close(fd);
    tls_credentials_free(rack);
}

static void test_slow_reader_pushes_back(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct tls_credentials *rack = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    int port = open_listener(region, "rack", 5000, 4);
    called.pause_at_once = true;
    caller.to_send = 24 << 20;
    call(rack, port, NULL, NULL);
    turn_until(&called.established);
    for (int i = 0; i < 50; i++) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(2000);
    }
    assert_true(caller.sent < caller.to_send);
    assert_true(tls_stream_queued(caller.stream) < 2 * TLS_WRITE_QUEUE_BYTES);
    size_t before = called.received;
    assert_true(before < 1 << 20);
    tls_stream_pause(called.stream, false);
    while (called.received < caller.to_send && !called.closed && !caller.closed)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(called.received, caller.to_send);
    assert_true(caller.drained > 0);
    uint32_t sum = 0;
    for (size_t i = 0; i < caller.to_send; i++) {
        uint8_t byte = pattern(i);
        sum = mix(sum, &byte, 1);
    }
    assert_int_equal(called.sum, sum);
    tls_credentials_free(region);
    tls_credentials_free(rack);
}

static void test_last_words_arrive(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct tls_credentials *rack = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    int port = open_listener(region, "rack", 5000, 4);
    called.to_send = 600000;
    called.close_at_once = true;
    call(rack, port, NULL, NULL);
    turn_until(&caller.closed);
    turn_until(&called.closed);
    assert_int_equal(caller.received, 600000);
    assert_int_equal(caller.why.code, ERR_GONE);
    assert_int_equal(called.why.code, ERR_OK);
    tls_credentials_free(region);
    tls_credentials_free(rack);
}

static void test_reset_is_seen_at_once(void **unused)
{
    (void)unused;
    struct tls_credentials *region = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct tls_credentials *rack = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    int port = open_listener(region, "rack", 5000, 4);
    call(rack, port, NULL, NULL);
    turn_until(&called.established);
    tls_stream_reset(called.stream);
    assert_int_equal(tls_stream_write(called.stream, "x", 1, NULL), ERR_UNAVAILABLE);
    turn_until(&caller.closed);
    assert_int_equal(caller.why.code, ERR_UNAVAILABLE);
    tls_credentials_free(region);
    tls_credentials_free(rack);
}

static void test_bad_files(void **unused)
{
    (void)unused;
    struct error err;
    struct tls_credentials *credentials;
    struct tls_files files = test_ca_files(&ours, "a", "rack", 10);
    struct tls_files others = test_ca_files(&ours, "b", "rack", 10);
    struct tls_files mixed = {files.certificate, others.key, files.ca};
    assert_int_equal(tls_credentials_load(&mixed, &credentials, &err), ERR_CORRUPT);
    struct tls_files missing = {"/nowhere.pem", files.key, files.ca};
    assert_int_equal(tls_credentials_load(&missing, &credentials, &err), ERR_NOT_FOUND);
    struct tls_files swapped = {files.key, files.certificate, files.ca};
    assert_int_equal(tls_credentials_load(&swapped, &credentials, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, files.key));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_both_ends_know_each_other),
        T(test_region_of_another_ca),
        T(test_rack_of_another_ca),
        T(test_wrong_name),
        T(test_wrong_role),
        T(test_expired_rack),
        T(test_expired_region),
        T(test_garbage),
        T(test_half_closed),
        T(test_silent_caller),
        T(test_too_many),
        T(test_a_flood_leaves_room),
        T(test_nobody_there),
        T(test_slow_reader_pushes_back),
        T(test_last_words_arrive),
        T(test_reset_is_seen_at_once),
        T(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

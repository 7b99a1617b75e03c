/* Calls both ways over real TLS streams on loopback. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/wire/call_link.h"
#include "src/wire/frame.h"
#include "src/wire/tls_listener.h"
#include "test/lib/test_ca.h"

/* One end and what it heard. */
struct side {
    struct call_link *link;
    bool established, closed;
    struct error why;
    int calls, notes, answers, oks, closed_after; /* closed_after: answers heard before closed */
    struct call_link_request *kept[CALL_LINK_CALLS + 1];
    int kept_count;
    bool keep, close_on_call;
    struct error last; /* answer */
    int64_t number;    /* in its result */
};

static struct test_ca ours;
static struct tls_credentials *rack_credentials, *region_credentials;
static struct loop loop;
static struct tls_listener *listener;
static struct side rack, region;
static struct tls_stream *raw; /* a listener's stream without a link on it */
static bool want_raw, raw_ready;

static void on_established(void *owner)
{
    ((struct side *)owner)->established = true;
}

static void on_called(void *owner, const char *method, json_t *params,
                      struct call_link_request *request)
{
    struct side *side = owner;
    side->calls++;
    if (side->close_on_call)
        call_link_close(side->link);
    if (side->keep || side->close_on_call) {
        side->kept[side->kept_count++] = request;
    } else if (!strcmp(method, "twice")) {
        json_t *result =
            json_pack("{sI}", "n", 2 * json_integer_value(json_object_get(params, "n")));
        call_link_answer(request, result);
        json_decref(result);
    } else {
        struct error why;
        error_set(&why, ERR_NOT_FOUND, "no method %s", method);
        call_link_refuse(request, &why);
    }
}

static void on_noted(void *owner, const char *method, json_t *params)
{
    (void)params;
    assert_string_equal(method, "config_changed");
    ((struct side *)owner)->notes++;
}

static void on_closed(void *owner, const struct error *why)
{
    struct side *side = owner;
    assert_false(side->closed);
    side->closed = true;
    side->why = *why;
    side->closed_after = side->answers;
    side->link = NULL;
}

static const struct call_link_events events = {on_established, on_called, on_noted, on_closed};

static void on_done(void *subject, json_t *result, const struct error *why)
{
    struct side *side = subject;
    side->answers++;
    side->last = *why;
    side->oks += why->code == ERR_OK;
    side->number = json_integer_value(json_object_get(result, "n"));
}

static void on_raw_closed(struct tls_stream *stream, void *owner, const struct error *why)
{
    (void)stream, (void)owner, (void)why;
    raw = NULL;
}

static void on_raw_ready(struct tls_stream *stream, void *owner)
{
    (void)stream, (void)owner;
    raw_ready = true;
}

static void *on_accepted(void *subject, struct tls_stream *stream, struct tls_events *tls)
{
    (void)subject;
    if (want_raw) {
        raw = stream;
        *tls = (struct tls_events){on_raw_ready, NULL, NULL, on_raw_closed};
        return NULL;
    }
    return region.link = call_link_accept(&loop, stream, tls, &events, &region);
}

static void turn_until_count(const int *what, int count)
{
    uint64_t end = clock_boot_ns() + 10 * CLOCK_S;
    while (*what < count) {
        assert_true(clock_boot_ns() < end);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(200);
    }
}

static void turn_until(const bool *what)
{
    uint64_t end = clock_boot_ns() + 10 * CLOCK_S;
    while (!*what) {
        assert_true(clock_boot_ns() < end);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(200);
    }
}

static int set_up(void **unused)
{
    (void)unused;
    struct error err;
    test_ca_open(&ours);
    loop_init(&loop);
    memset(&rack, 0, sizeof(rack));
    memset(&region, 0, sizeof(region));
    want_raw = raw_ready = false;
    rack_credentials = test_ca_credentials(&ours, &ours, "rack1", "rack", 10);
    region_credentials = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct tls_listen listen = {"127.0.0.1", 0, "rack", 4, 5000, on_accepted, NULL};
    assert_int_equal(tls_listener_open(&loop, region_credentials, &listen, &listener, &err),
                     ERR_OK);
    return 0;
}

static void dial(void)
{
    struct tls_target target = {"127.0.0.1", tls_listener_port(listener), "region1", "region",
                                5000};
    rack.link = call_link_connect(&loop, rack_credentials, &target, &events, &rack);
}

static void connect_both(void)
{
    dial();
    turn_until(&rack.established);
    turn_until(&region.established);
}

static void release_kept(struct side *side)
{
    for (int i = 0; i < side->kept_count; i++)
        call_link_answer(side->kept[i], NULL);
    side->kept_count = 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    if (rack.link)
        call_link_reset(rack.link, NULL);
    if (region.link)
        call_link_reset(region.link, NULL);
    if (raw)
        tls_stream_reset(raw);
    tls_listener_close(listener);
    loop_close(&loop);
    release_kept(&rack);
    release_kept(&region);
    tls_credentials_free(rack_credentials);
    tls_credentials_free(region_credentials);
    test_ca_close(&ours);
    return 0;
}

static void call_with(struct side *side, const char *method, int n, unsigned timeout_ms)
{
    json_t *params = json_pack("{si}", "n", n);
    struct call_link_call call = {method, params, timeout_ms};
    call_link_call(side->link, &call, on_done, side);
    json_decref(params);
}

static void test_calls_and_notes_both_ways(void **unused)
{
    (void)unused;
    connect_both();
    call_with(&rack, "twice", 21, 5000);
    assert_int_equal(rack.answers, 0); /* never from within */
    turn_until_count(&rack.answers, 1);
    assert_int_equal(rack.number, 42);
    call_with(&region, "twice", 4, 5000);
    turn_until_count(&region.answers, 1);
    assert_int_equal(region.number, 8);
    call_with(&rack, "thrice", 1, 5000);
    turn_until_count(&rack.answers, 2);
    assert_int_equal(rack.last.code, ERR_NOT_FOUND);
    assert_string_equal(rack.last.text, "no method thrice");
    assert_int_equal(call_link_note(region.link, "config_changed", NULL, NULL), ERR_OK);
    turn_until_count(&rack.notes, 1);
    assert_string_equal(call_link_peer(region.link)->name, "rack1");
    assert_true(call_link_silent_ms(region.link) < 5000);
}

static void test_answers_in_any_order(void **unused)
{
    (void)unused;
    connect_both();
    region.keep = true;
    call_with(&rack, "twice", 1, 5000);
    call_with(&rack, "twice", 2, 5000);
    turn_until_count(&region.kept_count, 2);
    json_t *result = json_pack("{si}", "n", 222);
    call_link_answer(region.kept[1], result);
    turn_until_count(&rack.answers, 1);
    assert_int_equal(rack.number, 222);
    json_object_set_new(result, "n", json_integer(111));
    call_link_answer(region.kept[0], result);
    turn_until_count(&rack.answers, 2);
    assert_int_equal(rack.number, 111);
    json_decref(result);
    region.kept_count = 0;
}

static void test_timeout_and_late_answer(void **unused)
{
    (void)unused;
    connect_both();
    region.keep = true;
    call_with(&rack, "twice", 1, 40);
    call_with(&rack, "twice", 1, 5000);
    turn_until_count(&rack.answers, 1);
    assert_int_equal(rack.last.code, ERR_TIMEOUT);
    turn_until_count(&region.kept_count, 2);
    call_link_answer(region.kept[0], NULL); /* nobody waits for it any more */
    call_link_answer(region.kept[1], NULL);
    region.kept_count = 0;
    turn_until_count(&rack.answers, 2);
    assert_int_equal(rack.last.code, ERR_OK);
    assert_false(rack.closed);
}

static void test_no_more_than_256_wait(void **unused)
{
    (void)unused;
    connect_both();
    region.keep = true;
    for (int i = 0; i < CALL_LINK_CALLS + 3; i++)
        call_with(&rack, "twice", i, 5000);
    turn_until_count(&rack.answers, 3);
    assert_int_equal(rack.last.code, ERR_LIMIT);
    turn_until_count(&region.kept_count, CALL_LINK_CALLS);
    assert_int_equal(rack.answers, 3);
    release_kept(&region);
    turn_until_count(&rack.answers, CALL_LINK_CALLS + 3);
    assert_int_equal(rack.oks, CALL_LINK_CALLS);
}

static void test_close_ends_all_calls(void **unused)
{
    (void)unused;
    connect_both();
    region.keep = true;
    for (int i = 0; i < 10; i++)
        call_with(&rack, "twice", i, 60000);
    turn_until_count(&region.kept_count, 10);
    call_link_close(region.link);
    turn_until(&rack.closed);
    turn_until(&region.closed);
    assert_int_equal(rack.why.code, ERR_GONE);
    assert_int_equal(region.why.code, ERR_OK);
    assert_int_equal(rack.closed_after, 10);
    assert_int_equal(rack.last.code, ERR_UNKNOWN_OUTCOME);
    release_kept(&region); /* answers for a link that is gone: nobody hears them */
}

static void test_silent_end_is_reset(void **unused)
{
    (void)unused;
    struct error why;
    connect_both();
    region.close_on_call = true;
    call_with(&rack, "twice", 1, 5000);
    turn_until(&rack.closed);
    assert_int_equal(rack.answers, 1);
    turn_until(&region.closed);
    memset(&rack, 0, sizeof(rack));
    release_kept(&region);
    memset(&region, 0, sizeof(region));
    connect_both();
    error_set(&why, ERR_TIMEOUT, "silent for 3 s");
    call_link_reset(rack.link, &why);
    call_with(&rack, "twice", 1, 5000); /* told, not forgotten */
    turn_until(&rack.closed);
    turn_until_count(&rack.answers, 1);
    assert_int_equal(rack.last.code, ERR_UNAVAILABLE);
    assert_int_equal(rack.why.code, ERR_TIMEOUT);
    assert_string_equal(rack.why.text, "silent for 3 s");
    turn_until(&region.closed);
    assert_int_equal(region.why.code, ERR_UNAVAILABLE);
}

static void test_no_listener(void **unused)
{
    (void)unused;
    struct tls_target target = {"127.0.0.1", 1, NULL, NULL, 1000};
    rack.link = call_link_connect(&loop, rack_credentials, &target, &events, &rack);
    call_with(&rack, "twice", 1, 5000);
    turn_until(&rack.closed);
    turn_until_count(&rack.answers, 1);
    assert_int_equal(rack.why.code, ERR_UNAVAILABLE);
    assert_int_equal(rack.last.code, ERR_UNAVAILABLE);
}

static void connect_raw(void)
{
    want_raw = true;
    dial();
    turn_until(&rack.established);
    turn_until(&raw_ready);
}

static void test_malformed_frame_ends_the_link(void **unused)
{
    (void)unused;
    connect_raw();
    tls_stream_write(raw, "\0\0\0\5hello", 9, NULL);
    turn_until(&rack.closed);
    assert_int_equal(rack.why.code, ERR_CORRUPT);
    assert_non_null(strstr(rack.why.text, "no JSON"));
}

static void test_flood_of_calls_is_bounded(void **unused)
{
    (void)unused;
    connect_raw();
    rack.keep = true;
    for (uint64_t id = 1; id <= CALL_LINK_CALLS + 5; id++) {
        struct frame_bytes frame;
        assert_int_equal(frame_call(id, "twice", NULL, &frame, NULL), ERR_OK);
        assert_int_equal(tls_stream_write(raw, frame.bytes, frame.size, NULL), ERR_OK);
        free(frame.bytes);
    }
    turn_until_count(&rack.kept_count, CALL_LINK_CALLS);
    for (int i = 0; i < 50; i++) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(200);
    }
    assert_int_equal(rack.calls, CALL_LINK_CALLS);
    assert_false(rack.closed);
}

/* An end that does not read: what was taken waits, the rest is refused, and memory is bounded. */
static void test_end_that_does_not_read(void **unused)
{
    (void)unused;
    connect_raw();
    tls_stream_pause(raw, true);
    char *text = calloc(1, 900000);
    memset(text, 'x', 900000 - 1);
    json_t *params = json_pack("{ss}", "t", text);
    enum error_code code = ERR_OK;
    int sent = 0;
    while (!code && sent < 100) {
        code = call_link_note(rack.link, "config_changed", params, NULL);
        sent += !code;
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(code, ERR_LIMIT);
    assert_true(sent < 40);
    tls_stream_pause(raw, false);
    for (int i = 0; i < 10000 && code; i++) { /* it reads again: there is room again */
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        code = call_link_note(rack.link, "config_changed", params, NULL);
        usleep(200);
    }
    assert_int_equal(code, ERR_OK);
    json_decref(params);
    free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_calls_and_notes_both_ways),
        T(test_answers_in_any_order),
        T(test_timeout_and_late_answer),
        T(test_no_more_than_256_wait),
        T(test_close_ends_all_calls),
        T(test_silent_end_is_reset),
        T(test_no_listener),
        T(test_malformed_frame_ends_the_link),
        T(test_flood_of_calls_is_bounded),
        T(test_end_that_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Two members call each other over TLS on loopback: answers, refusals, a cut, a member that is not
 * there, and one that is removed. */
// rooms: raft
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "raft/member_calls.h"
#include "raft/peer_stream.h"
#include "src/base/clock.h"
#include "src/wire/ca.h"
#include "test/lib/test_ca.h"

struct side {
    uint64_t id;
    char name[16];
    struct tls_credentials *credentials;
    struct peer_door *door;
    struct member_calls *calls;
    struct tls_stream *called;
    bool gone;
};

static struct test_ca ca;
static struct loop loop;
static struct side sides[2];
static struct replica_server servers[2];

static struct {
    bool done;
    enum error_code code;
    json_int_t twice;
} answer;

static enum peer_right may(void *owner, uint64_t id, const struct certificate *certificate)
{
    (void)owner;
    return id >= 1 && id <= 2 && !strcmp(certificate->name, sides[id - 1].name) ? PEER_MAY
                                                                                : PEER_REFUSED;
}

static void on_stream(void *owner, uint64_t id, const char *address, enum peer_purpose purpose,
                      struct tls_stream *stream)
{
    struct side *side = owner;
    (void)address;
    assert_int_equal(purpose, PEER_CALLS);
    side->called = stream;
    member_calls_called(side->calls, id, stream);
}

/* "twice" answers, all else is refused. */
static void on_called(void *owner, uint64_t member, const char *method, json_t *params,
                      struct call_link_request *request)
{
    struct side *side = owner;
    struct error why;
    assert_int_equal(member, 3 - side->id);
    if (!strcmp(method, "twice")) {
        json_t *result =
            json_pack("{sI}", "twice", 2 * json_integer_value(json_object_get(params, "number")));
        call_link_answer(request, result);
        json_decref(result);
    } else {
        error_set(&why, ERR_NOT_FOUND, "no method");
        call_link_refuse(request, &why);
    }
}

static void on_answer(void *subject, json_t *result, const struct error *why)
{
    (void)subject;
    answer.done = true;
    answer.code = why->code;
    answer.twice = json_integer_value(json_object_get(result, "twice"));
}

static enum error_code ask(struct side *side, uint64_t member, const char *method)
{
    json_t *params = json_pack("{si}", "number", 21);
    struct call_link_call call = {method, params, 200};
    answer.done = false;
    member_calls_call(side->calls, member, &call, on_answer, NULL);
    assert_false(answer.done); /* not from within */
    while (!answer.done)
        uv_run(&loop.uv, UV_RUN_ONCE);
    json_decref(params);
    return answer.code;
}

static void ask_until(struct side *side, const char *method, enum error_code code)
{
    uint64_t start_ns = clock_boot_ns();
    while (ask(side, 3 - side->id, method) != code)
        assert_true(clock_boot_ns() - start_ns < 10 * CLOCK_S);
}

static void test_both_ways_and_again_after_a_cut(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        ask_until(&sides[i], "twice", ERR_OK);
        assert_int_equal(answer.twice, 42);
        assert_true(member_calls_up(sides[i].calls, (uint64_t)2 - (uint64_t)i));
        assert_true(member_calls_heard_ns(sides[i].calls, (uint64_t)2 - (uint64_t)i));
    }
    assert_int_equal(ask(&sides[0], 2, "other"), ERR_NOT_FOUND);
    tls_stream_reset(sides[1].called);
    ask_until(&sides[0], "twice", ERR_OK);
}

static void test_nobody_there(void **state)
{
    (void)state;
    assert_int_equal(ask(&sides[0], 9, "twice"), ERR_UNAVAILABLE);
    assert_false(member_calls_up(sides[0].calls, 9));
    assert_int_equal(member_calls_heard_ns(sides[0].calls, 9), 0);
}

static void test_a_removed_member_is_let_go(void **state)
{
    (void)state;
    ask_until(&sides[0], "twice", ERR_OK);
    member_calls_members(sides[0].calls, servers, 1);
    assert_int_equal(ask(&sides[0], 2, "twice"), ERR_UNAVAILABLE);
    member_calls_members(sides[0].calls, servers, 2);
    ask_until(&sides[0], "twice", ERR_OK);
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
        struct peer_door_setup door = {"127.0.0.1", 0, side->id, may, on_stream, side};
        if (peer_door_open(&loop, side->credentials, &door, &side->door, &err))
            fail_msg("%s", err.text);
        struct member_calls_setup setup = {&loop, side->credentials, side->id, on_called, NULL,
                                           side};
        side->calls = member_calls_new(&setup);
        servers[i].id = side->id;
        peer_address_format(side->name, "127.0.0.1", peer_door_port(side->door),
                            servers[i].address);
    }
    for (int i = 0; i < 2; i++)
        member_calls_members(sides[i].calls, servers, 2);
    return 0;
}

static void on_gone(void *owner)
{
    ((struct side *)owner)->gone = true;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        member_calls_close(sides[i].calls, on_gone);
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
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_a_removed_member_is_let_go),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

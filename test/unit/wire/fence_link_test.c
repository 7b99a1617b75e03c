/* A child's end of the pair with gantry-fenced; the test is fenced. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/wire/fence_link.h"

static struct loop loop;
static struct fence_link *fence;
static int far_end, answers, last_code;

static void on_notice(void *owner, const struct fence_reply *notice)
{
    (void)owner, (void)notice;
}

static void on_closed(void *owner)
{
    (void)owner;
}

static void on_answer(void *subject, const struct fence_reply *reply, int fd)
{
    (void)subject, (void)fd;
    answers++;
    last_code = (int)reply->code;
}

static int open_pair(void **state)
{
    (void)state;
    static const struct fence_events events = {on_notice, on_closed};
    int pair[2];
    answers = last_code = 0;
    loop_init(&loop);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    far_end = pair[1];
    return fence_link_open(&loop, pair[0], &events, NULL, &fence, NULL) ? -1 : 0;
}

static int close_pair(void **state)
{
    (void)state;
    fence_link_close(fence);
    loop_close(&loop);
    close(far_end);
    return 0;
}

static void ask(enum fence_type type)
{
    struct fence_request request = {.type = type};
    fence_link_send(fence, &request, on_answer, NULL);
}

/* fenced answers the next request that came. */
static void answer(void)
{
    struct fence_request request;
    assert_int_equal(recv(far_end, &request, sizeof(request), 0), sizeof(request));
    struct fence_reply reply = {.kind = FENCE_REPLY, .number = request.number};
    assert_int_equal(send(far_end, &reply, sizeof(reply), 0), sizeof(reply));
    int before = answers;
    while (answers == before)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(last_code, ERR_OK);
}

static void test_what_is_owed_grows_and_is_paid(void **state)
{
    (void)state;
    assert_int_equal(fence_link_owed_ms(fence), 0);
    ask(FENCE_LEASE);
    usleep(60000);
    ask(FENCE_QUERY);
    assert_in_range(fence_link_owed_ms(fence), 60, 5000); /* of the oldest */
    answer();
    assert_in_range(fence_link_owed_ms(fence), 0, 50);
    usleep(30000);
    assert_in_range(fence_link_owed_ms(fence), 30, 5000);
    answer();
    assert_int_equal(fence_link_owed_ms(fence), 0);
}

static void test_what_may_take_long_is_not_owed(void **state)
{
    (void)state;
    ask(FENCE_PG_STOP);
    ask(FENCE_ADDRESS_ADD);
    usleep(20000);
    assert_int_equal(fence_link_owed_ms(fence), 0);
}

/* A fenced that reads nothing for so long that nothing more fits owes what did. */
static void test_a_full_socket_is_owed_too(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    for (int i = 0; i < MANY; i++)
        ask(FENCE_LEASE);
    usleep(20000);
    for (int i = 0; i < 100; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_in_range(answers, 1, MANY - 1);
    assert_int_equal(last_code, ERR_UNAVAILABLE);
    assert_in_range(fence_link_owed_ms(fence), 20, 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_owed_grows_and_is_paid, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_what_may_take_long_is_not_owed, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_a_full_socket_is_owed_too, open_pair, close_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

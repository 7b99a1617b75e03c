/* The loop: posts keep their order from any thread, blocking work comes back, timers fire. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/base/loop.h"

static struct loop loop;
static int seen[2000], seen_count, finished;
static pthread_t loop_thread;

static void note(void *subject)
{
    assert_true(pthread_equal(pthread_self(), loop_thread));
    seen[seen_count++] = (int)(intptr_t)subject;
    if (seen_count == 2000)
        loop_stop(&loop);
}

static void *post_many(void *subject)
{
    for (intptr_t i = 0; i < 1000; i++)
        loop_post(&loop, note, (void *)((intptr_t)subject + i));
    return NULL;
}

static void test_posts_keep_their_order(void **unused)
{
    (void)unused;
    loop_init(&loop);
    loop_thread = pthread_self();
    pthread_t a, b;
    pthread_create(&a, NULL, post_many, (void *)0);
    pthread_create(&b, NULL, post_many, (void *)10000);
    loop_run(&loop);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    int next[2] = {0, 10000};
    for (int i = 0; i < 2000; i++)
        assert_int_equal(seen[i], next[seen[i] >= 10000]++);
    loop_close(&loop);
}

struct piece {
    pthread_t ran_on;
    bool done;
};

static void work(void *subject)
{
    struct piece *piece = subject;
    usleep(2000);
    piece->ran_on = pthread_self();
}

static void work_done(void *subject)
{
    struct piece *piece = subject;
    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_false(pthread_equal(piece->ran_on, loop_thread));
    piece->done = true;
    if (++finished == 40)
        loop_stop(&loop);
}

static void test_blocking_work_comes_back(void **unused)
{
    (void)unused;
    struct piece pieces[40] = {0};
    loop_init(&loop);
    loop_thread = pthread_self();
    for (int i = 0; i < 40; i++)
        loop_run_blocking(&loop, work, work_done, &pieces[i]);
    loop_run(&loop);
    for (int i = 0; i < 40; i++)
        assert_true(pieces[i].done);
    loop_close(&loop);
}

struct ticker {
    struct loop_timer timer;
    int ticks;
    bool closed;
};

static void ticker_closed(struct loop_timer *timer)
{
    container_of(timer, struct ticker, timer)->closed = true;
}

static void tick(struct loop_timer *timer)
{
    struct ticker *ticker = container_of(timer, struct ticker, timer);
    if (++ticker->ticks == 3) {
        loop_timer_close(timer, ticker_closed);
        loop_stop(&loop);
    }
}

static void test_timer_repeats_and_closes(void **unused)
{
    (void)unused;
    struct ticker ticker = {0};
    loop_init(&loop);
    loop_timer_init(&loop, &ticker.timer, tick);
    loop_timer_start(&ticker.timer, 1, 2);
    loop_run(&loop);
    assert_int_equal(ticker.ticks, 3);
    loop_close(&loop);
    assert_true(ticker.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posts_keep_their_order),
        cmocka_unit_test(test_blocking_work_comes_back),
        cmocka_unit_test(test_timer_repeats_and_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

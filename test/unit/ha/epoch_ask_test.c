/* "Is epoch e valid now?": one question for all that wait, and only its own answer counts. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "ha/epoch_ask.h"
#include "src/base/clock.h"

enum { EPOCH = 5, THREADS = 4, QUIET_MS = 120 };

static struct loop loop;
static struct epoch_ask *ask;
static atomic_int done, valid;
static uint64_t last; /* number of the last question */
static int questions;

/* This member is not the primary's. */
bool pg_member_lease_live(const struct pg_member *member, uint64_t epoch)
{
    (void)member, (void)epoch;
    return false;
}

static void send_question(void *owner, const struct member_message *message)
{
    (void)owner;
    assert_int_equal(message->kind, MEMBER_EPOCH_ASK);
    last = message->epoch.number;
    questions++;
}

static void *wait_for_answer(void *subject)
{
    (void)subject;
    if (epoch_ask_valid(ask, EPOCH))
        atomic_fetch_add(&valid, 1);
    atomic_fetch_add(&done, 1);
    return NULL;
}

static void run_ms(int ms)
{
    uint64_t end = clock_boot_ns() + (uint64_t)ms * CLOCK_MS;
    while (clock_boot_ns() < end) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

static void answer(uint64_t number, uint64_t epoch)
{
    struct epoch_word word = {number, epoch};
    epoch_ask_answered(ask, &word);
}

static void start_threads(pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_answer, NULL), 0);
    run_ms(QUIET_MS);
}

static void join(pthread_t threads[THREADS])
{
    while (atomic_load(&done) < THREADS)
        run_ms(1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_only_its_own_answer(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    start_threads(threads);
    assert_true(questions > 0);
    for (uint64_t number = 0; number <= THREADS; number++) /* of a process that counted from 1 */
        answer(number, EPOCH);
    answer(last + 1, EPOCH); /* not asked yet */
    run_ms(QUIET_MS);
    assert_int_equal(atomic_load(&done), 0);
    answer(last, EPOCH);
    join(threads);
    assert_int_equal(atomic_load(&valid), THREADS);
}

static void test_another_epoch_is_no(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    start_threads(threads);
    answer(last, EPOCH + 1);
    join(threads);
    assert_int_equal(atomic_load(&valid), 0);
}

static void test_no_answer_is_no(void **state)
{
    pthread_t threads[THREADS];
    uint64_t began = clock_boot_ns();
    (void)state;
    start_threads(threads);
    join(threads);
    assert_int_equal(atomic_load(&valid), 0);
    assert_true(clock_boot_ns() - began >= EPOCH_ASK_MS * CLOCK_MS);
    assert_true(questions > 5); /* what is lost is asked again */
}

static int set_up(void **state)
{
    (void)state;
    struct epoch_ask_setup setup = {&loop, NULL, send_question, NULL};
    loop_init(&loop);
    atomic_store(&done, 0);
    atomic_store(&valid, 0);
    questions = 0;
    ask = epoch_ask_new(&setup);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    epoch_ask_free(ask);
    loop_close(&loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_its_own_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_epoch_is_no, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_answer_is_no, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

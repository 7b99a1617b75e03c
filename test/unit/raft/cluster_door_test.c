/* The two doors: a question from a thread, its answer from the loop, and a deadline. */
// rooms: raft
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "raft/cluster_door.h"
#include "src/base/clock.h"
#include "test/lib/sample_command.h"

static struct loop loop;

/* SCHEMA is accepted, REVOKE refused, TRUST never answered until the end. */
static replica_answer *unanswered;
static void *unanswered_subject;

static void propose(void *owner, const struct command *command, replica_answer *answer,
                    void *subject)
{
    assert_ptr_equal(owner, &loop);
    if (command->kind == COMMAND_SCHEMA) {
        answer(subject, ERR_OK, "accepted");
    } else if (command->kind == COMMAND_REVOKE) {
        answer(subject, ERR_LIMIT, "too many");
    } else {
        unanswered = answer;
        unanswered_subject = subject;
    }
}

static void stop(void *subject)
{
    (void)subject;
    loop_stop(&loop);
}

static void *ask(void *subject)
{
    struct command command;
    struct error err;
    (void)subject;
    sample_command(COMMAND_SCHEMA, &command);
    assert_int_equal(cluster_ask(&command, 5000, &err), ERR_OK);
    sample_command(COMMAND_REVOKE, &command);
    assert_int_equal(cluster_ask(&command, 5000, &err), ERR_LIMIT);
    assert_string_equal(err.text, "too many");
    sample_command(COMMAND_TRUST, &command);
    uint64_t begin = clock_boot_ns();
    assert_int_equal(cluster_ask(&command, 150, &err), ERR_TIMEOUT);
    uint64_t took_ms = (clock_boot_ns() - begin) / CLOCK_MS;
    assert_true(took_ms >= 140 && took_ms < 2000);
    loop_post(&loop, stop, NULL);
    return NULL;
}

static void test_ask(void **unused)
{
    (void)unused;
    pthread_t thread;
    loop_init(&loop);
    cluster_door_open(&loop, propose, &loop);
    pthread_create(&thread, NULL, ask, NULL);
    loop_run(&loop);
    pthread_join(thread, NULL);
    assert_non_null(unanswered);
    unanswered(unanswered_subject, ERR_OK, "too late"); /* nobody waits: it is only freed */
    loop_close(&loop);
}

static void test_read_is_what_was_published(void **unused)
{
    (void)unused;
    static struct cluster_view view, seen;
    cluster_read(&seen);
    assert_false(seen.known);
    view.known = view.leads = true;
    view.self = 3;
    strcpy(view.facts.name, "site");
    cluster_door_publish(&view);
    memset(&view, 0, sizeof(view));
    cluster_read(&seen);
    assert_true(seen.known && seen.leads && seen.self == 3);
    assert_string_equal(seen.facts.name, "site");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_read_is_what_was_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

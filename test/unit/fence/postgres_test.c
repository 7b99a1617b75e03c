/* How PostgreSQL is ended: a process that ignores all but SIGKILL stands for one that hangs, a
 * folder with a list of processes for its cgroup. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/fence/postgres.h"
#include "test/lib/test_prompt.h"

static char folder[] = "/tmp/postgres_test_XXXXXX";
static struct postgres postgres;
static int answers, refused, broke, gone;

static void on_answer(uint32_t request, enum error_code code, const char *text)
{
    (void)request, (void)text;
    answers++;
    refused += code != ERR_OK;
}

static void on_broke(const char *how)
{
    (void)how;
    broke++;
}

static void on_gone(const char *how)
{
    (void)how;
    gone++;
}

static void list_processes(pid_t pid)
{
    char text[32];
    int size = pid ? snprintf(text, sizeof(text), "%d\n", (int)pid) : 0;
    char path[64];
    snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
    assert_int_equal(file_write(path, text, (size_t)size, 0600, NULL), ERR_OK);
}

static int set_up(void **state)
{
    (void)state;
    answers = refused = broke = gone = 0;
    postgres = (struct postgres){.answer = on_answer, .broke = on_broke, .gone = on_gone};
    postgres.child.link = -1;
    snprintf(postgres.child.group.path, sizeof(postgres.child.group.path), "%s", folder);
    signal(SIGINT, SIG_IGN); /* inherited, so that it is never too early */
    signal(SIGQUIT, SIG_IGN);
    pid_t pid = fork();
    while (pid == 0)
        pause();
    postgres.child.pid = pid;
    postgres.child.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    list_processes(pid);
    return pid < 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (postgres.child.pid) {
        kill(postgres.child.pid, SIGKILL);
        waitpid(postgres.child.pid, NULL, 0);
        close(postgres.child.pidfd);
    }
    return 0;
}

static bool is_killed(void)
{
    siginfo_t seen = {.si_pid = 0};
    for (int i = 0; i < 100 && !seen.si_pid; i++, usleep(1000))
        assert_int_equal(
            waitid(P_PID, (id_t)postgres.child.pid, &seen, WEXITED | WNOHANG | WNOWAIT), 0);
    return seen.si_pid && seen.si_status == SIGKILL;
}

static void stop(enum fence_stop mode, uint32_t timeout_ms)
{
    struct fence_request request = {.type = FENCE_PG_STOP, .number = 7};
    request.pg_stop.mode = mode;
    request.pg_stop.timeout_ms = timeout_ms;
    postgres_stop(&postgres, &request);
}

static void lease(uint64_t epoch, uint64_t deadline_ns)
{
    struct fence_request request = {.type = FENCE_LEASE};
    request.lease.epoch = epoch;
    request.lease.deadline_ns = deadline_ns;
    assert_int_equal(postgres_renew(&postgres, &request, NULL), ERR_OK);
}

static void test_the_end_of_a_lease(void **state)
{
    (void)state;
    uint64_t now = clock_boot_ns();
    lease(3, now + CLOCK_S);
    assert_true(postgres_run(&postgres, now) == now + CLOCK_S);
    assert_false(is_killed());
    postgres_run(&postgres, now + CLOCK_S);
    postgres_run(&postgres, clock_boot_ns() + (POSTGRES_QUIT_MS + 1) * CLOCK_MS);
    assert_true(is_killed());
    postgres_reap(&postgres);
    assert_true(postgres_alive(&postgres)); /* its cgroup is not empty yet */
    list_processes(0);
    postgres_run(&postgres, clock_boot_ns());
    assert_false(postgres_alive(&postgres));
    assert_int_equal(gone, 1);
    assert_int_equal(broke, 0); /* it was ended */
}

/* Its postmaster alone was killed: that is told before the last of the others has ended. */
static void test_a_broken_one_is_told_at_once(void **state)
{
    (void)state;
    lease(3, clock_boot_ns() + CLOCK_S);
    kill(postgres.child.pid, SIGKILL);
    assert_true(is_killed());
    postgres_reap(&postgres);
    assert_int_equal(broke, 1);
    assert_int_equal(gone, 0);
    list_processes(0);
    postgres_run(&postgres, clock_boot_ns());
    assert_int_equal(gone, 1);
    assert_int_equal(broke, 1);
}

/* A shutdown that is asked for while the lease's end is being enforced gives it no more time. */
static void test_nothing_softer_holds_up_the_end(void **state)
{
    (void)state;
    uint64_t now = clock_boot_ns();
    lease(3, now);
    postgres_run(&postgres, now);
    stop(FENCE_STOP_IMMEDIATE, 0);
    stop(FENCE_STOP_FAST, 60000);
    postgres_run(&postgres, clock_boot_ns() + (POSTGRES_QUIT_MS + 1) * CLOCK_MS);
    assert_true(is_killed());
    assert_int_equal(answers, 1); /* the first of the two */
    assert_int_equal(refused, 1);
}

static void test_a_shutdown_has_its_time_and_no_more(void **state)
{
    (void)state;
    stop(FENCE_STOP_FAST, 1000);
    uint64_t now = clock_boot_ns();
    stop(FENCE_STOP_FAST, 60000); /* asked again */
    postgres_run(&postgres, now + 900 * CLOCK_MS);
    assert_false(is_killed());
    postgres_run(&postgres, now + 1000 * CLOCK_MS);
    postgres_run(&postgres, clock_boot_ns() + (POSTGRES_QUIT_MS + 1) * CLOCK_MS);
    assert_true(is_killed());
}

static void test_a_host_that_stood_still(void **state)
{
    (void)state;
    uint64_t now = clock_boot_ns();
    assert_false(postgres_lapse(&postgres)); /* a standby has no lease to lose */
    lease(3, now + CLOCK_S);
    assert_true(postgres_lapse(&postgres));
    postgres_run(&postgres, now);
    postgres_run(&postgres, clock_boot_ns() + (POSTGRES_QUIT_MS + 1) * CLOCK_MS);
    assert_true(is_killed());
}

/* A renewal that was under way when the host stood still does not stop the end. */
static void test_a_lapse_is_final(void **state)
{
    (void)state;
    uint64_t now = clock_boot_ns();
    lease(3, now + CLOCK_S);
    assert_true(postgres_lapse(&postgres));
    lease(3, now + 60 * CLOCK_S);
    postgres_run(&postgres, clock_boot_ns() + (POSTGRES_QUIT_MS + 1) * CLOCK_MS);
    assert_true(is_killed());
}

static void test_no_promote_outside_the_lease(void **state)
{
    (void)state;
    struct fence_request request = {.type = FENCE_PG_SIGNAL};
    request.pg_signal.what = FENCE_SIGNAL_PROMOTE;
    assert_int_equal(postgres_signal(&postgres, &request, NULL), ERR_CONFLICT);
    lease(3, clock_boot_ns() - 1);
    assert_int_equal(postgres_signal(&postgres, &request, NULL), ERR_CONFLICT);
    request.type = FENCE_LEASE;
    request.lease.epoch = 2;
    assert_int_equal(postgres_renew(&postgres, &request, NULL), ERR_CONFLICT);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL) ? -1 : 0;
}

int main(void)
{
    test_prompt_as_fenced();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_end_of_a_lease, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_broken_one_is_told_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_softer_holds_up_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_shutdown_has_its_time_and_no_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_host_that_stood_still, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lapse_is_final, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_promote_outside_the_lease, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

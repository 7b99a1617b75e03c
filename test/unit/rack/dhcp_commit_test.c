/* Replies wait for the disk: many for one fsync, none without it, all written when the program
 * ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/rack/dhcp_commit.h"

static struct loop loop;
static struct dhcp_service service;
static struct dhcp_lease_file file;
static struct dhcp_commit *commit;
static struct error err;
static char folder[64], path[96];
static int told, refused, stop_at;

static struct dhcp_outcome make(unsigned i)
{
    struct dhcp_outcome outcome = {.reply = DHCP_ACK, .durable = true, .size = 300};
    outcome.lease = (struct dhcp_lease){.address = 0x0a000001 + i,
                                        .mac = {{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}},
                                        .kind = DHCP_LEASE_BOUND,
                                        .duration_s = 600,
                                        .expires_s = 5000};
    outcome.writer.bytes[4] = (uint8_t)i;
    return outcome;
}

/* What a process that starts now would find. */
static bool is_on_disk(ip4 address)
{
    char copy[128];
    struct dhcp_lease_file other;
    struct dhcp_leases *leases = dhcp_leases_new();
    snprintf(copy, sizeof(copy), "%s.copy", path);
    unlink(copy);
    assert_int_equal(link(path, copy), 0);
    assert_int_equal(dhcp_lease_file_open(&other, copy, 1, leases, &err), ERR_OK);
    assert_string_equal(other.found, "");
    bool found = dhcp_leases_at(leases, address) != NULL;
    dhcp_lease_file_close(&other);
    dhcp_leases_free(leases);
    unlink(copy);
    return found;
}

static void on_committed(void *owner, const struct dhcp_pending *batch, const struct error *why)
{
    assert_ptr_equal(owner, &service);
    for (; batch; batch = batch->next) {
        if (why) {
            refused++;
            continue;
        }
        if (told % 100 == 0)
            assert_true(is_on_disk(batch->lease.address));
        assert_int_equal(batch->lease.address, 0x0a000001 + told);
        assert_int_equal(batch->bytes[4], told & 255);
        assert_int_equal(batch->size, 300);
        assert_int_equal(batch->interface, 7);
        told++;
    }
    if (told + refused >= stop_at)
        loop_stop(&loop);
}

static bool put(unsigned i)
{
    struct dhcp_outcome outcome = make(i);
    assert_int_equal(dhcp_leases_put(service.leases, &outcome.lease, 1000, NULL), ERR_OK);
    return dhcp_commit_put(commit, &outcome, 7);
}

static int set_up(void **unused)
{
    (void)unused;
    strcpy(folder, "/tmp/gantry-commit-XXXXXX");
    snprintf(path, sizeof(path), "%s/leases", mkdtemp(folder));
    told = refused = 0;
    loop_init(&loop);
    dhcp_service_init(&service);
    service.last_time_s = 1000;
    assert_int_equal(dhcp_lease_file_open(&file, path, 1000, service.leases, &err), ERR_OK);
    commit = dhcp_commit_new(&loop, &file, &service, on_committed, &service);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    dhcp_commit_free(commit);
    dhcp_service_close(&service);
    loop_close(&loop);
    unlink(path);
    return rmdir(folder);
}

static void test_many_for_one_fsync(void **unused)
{
    (void)unused;
    stop_at = 1000;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(put(i));
    loop_run(&loop);
    assert_int_equal(told, 1000);
    assert_int_equal(service.statistics.synced, 1000);
    assert_in_range(service.statistics.syncs, 2, 3); /* the first, and all that came meanwhile */
}

static void test_full_disk(void **unused)
{
    (void)unused;
    int full = open("/dev/full", O_WRONLY);
    dup2(full, file.fd);
    close(full);
    stop_at = 1;
    put(0);
    loop_run(&loop);
    assert_int_equal(refused, 1);
    assert_int_equal(told, 0);
    assert_false(is_on_disk(0x0a000001));
    /* The next one writes the file anew: with what memory holds, what was refused included. */
    stop_at = 2;
    put(0);
    loop_run(&loop);
    assert_int_equal(told, 1);
    assert_true(is_on_disk(0x0a000001));
    assert_int_equal(service.statistics.sync_failures, 1);
}

static void test_bounded(void **unused)
{
    (void)unused;
    unsigned taken = 0;
    while (taken < 3 * DHCP_COMMIT_WAITING && put(taken))
        taken++;
    assert_in_range(taken, DHCP_COMMIT_WAITING, 2 * DHCP_COMMIT_WAITING);
    stop_at = (int)taken;
    loop_run(&loop);
    assert_int_equal(told, taken);
}

static void test_end_writes_what_waits(void **unused)
{
    (void)unused;
    stop_at = 1 << 30;
    for (unsigned i = 0; i < 500; i++)
        put(i);
    dhcp_commit_free(commit);
    commit = NULL;
    assert_int_equal(told, 500);
    assert_true(is_on_disk(0x0a000001 + 499));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_for_one_fsync),
        TEST(test_full_disk),
        TEST(test_bounded),
        TEST(test_end_writes_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

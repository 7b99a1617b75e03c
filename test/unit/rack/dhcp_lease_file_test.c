/* Leases on disk: what append returned for is there, wherever the file is cut and whatever rots. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/rack/dhcp_lease_file.h"

enum { HEADER = 48, RECORD = 120 };

static char folder[64], path[96];
static struct error err;

static int make_folder(void **unused)
{
    (void)unused;
    strcpy(folder, "/dev/shm/gantry-leases-XXXXXX"); /* thousands of fsyncs */
    snprintf(path, sizeof(path), "%s/leases", mkdtemp(folder));
    return 0;
}

static int remove_folder(void **unused)
{
    char other[128];
    (void)unused;
    unlink(path);
    snprintf(other, sizeof(other), "%s.damaged", path);
    unlink(other);
    return rmdir(folder);
}

static struct dhcp_lease make(unsigned i)
{
    struct dhcp_lease lease = {.address = 0x0a000001 + i,
                               .mac = {{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}},
                               .kind = DHCP_LEASE_BOUND,
                               .duration_s = 600,
                               .expires_s = 5000 + i};
    snprintf(lease.hostname, sizeof(lease.hostname), "host%u", i);
    return lease;
}

static struct dhcp_leases *open_file(struct dhcp_lease_file *file)
{
    struct dhcp_leases *leases = dhcp_leases_new();
    if (dhcp_lease_file_open(file, path, 1000, leases, &err))
        fail_msg("%s", err.text);
    return leases;
}

/* Lease i is there as it was written. */
static void assert_lease(const struct dhcp_leases *leases, unsigned i)
{
    struct dhcp_lease wanted = make(i);
    const struct dhcp_lease *lease = dhcp_leases_at(leases, wanted.address);
    assert_non_null(lease);
    assert_memory_equal(lease, &wanted, sizeof(wanted));
}

static void append(struct dhcp_lease_file *file, unsigned from, unsigned count)
{
    static struct dhcp_lease leases[64];
    for (unsigned i = 0; i < count; i++)
        leases[i] = make(from + i);
    if (dhcp_lease_file_append(file, leases, (int)count, 1000 + from, &err))
        fail_msg("%s", err.text);
}

static void change_byte(off_t at)
{
    unsigned char byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_append_and_open(void **unused)
{
    (void)unused;
    struct dhcp_lease_file file;
    char id[DHCP_STORE_ID_TEXT];
    struct dhcp_leases *leases = open_file(&file);
    assert_string_equal(file.found, "");
    strcpy(id, file.store_id);
    append(&file, 0, 3);
    append(&file, 3, 1);
    assert_int_equal(file.sequence, 4);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
    leases = open_file(&file);
    assert_string_equal(file.found, "");
    assert_string_equal(file.store_id, id);
    assert_int_equal(file.sequence, 4);
    assert_int_equal(file.last_time_s, 1003);
    assert_int_equal(dhcp_leases_count(leases), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_lease(leases, i);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
}

/* kill -9 or a power cut at any byte of what was written. */
static void test_cut_anywhere(void **unused)
{
    (void)unused;
    struct dhcp_lease_file file;
    char whole[HEADER + 5 * RECORD], id[DHCP_STORE_ID_TEXT];
    struct dhcp_leases *leases = open_file(&file);
    strcpy(id, file.store_id);
    append(&file, 0, 2);
    append(&file, 2, 3);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, whole, sizeof(whole) + 0), sizeof(whole));
    close(fd);
    for (size_t cut = 0; cut <= sizeof(whole); cut++) {
        fd = open(path, O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, whole, cut), cut);
        close(fd);
        unsigned kept = cut < HEADER ? 0 : (unsigned)(cut - HEADER) / RECORD;
        leases = open_file(&file);
        assert_int_equal(dhcp_leases_count(leases), kept);
        for (unsigned i = 0; i < kept; i++)
            assert_lease(leases, i);
        assert_int_equal(cut >= HEADER, !strcmp(file.store_id, id));
        assert_int_equal(cut >= HEADER && (cut - HEADER) % RECORD == 0, !file.found[0]);
        /* It goes on from there. */
        append(&file, kept, 1);
        dhcp_lease_file_close(&file);
        dhcp_leases_free(leases);
        leases = open_file(&file);
        assert_string_equal(file.found, "");
        assert_int_equal(dhcp_leases_count(leases), kept + 1);
        assert_lease(leases, kept);
        dhcp_lease_file_close(&file);
        dhcp_leases_free(leases);
    }
}

/* Any one byte of the file rots, and is noticed: no lease comes out wrong. */
static void test_rot_anywhere(void **unused)
{
    (void)unused;
    struct dhcp_lease_file file;
    for (off_t at = 0; at < HEADER + 3 * RECORD; at++) {
        char id[DHCP_STORE_ID_TEXT];
        unlink(path);
        struct dhcp_leases *leases = open_file(&file);
        strcpy(id, file.store_id);
        append(&file, 0, 1);
        append(&file, 1, 1);
        append(&file, 2, 1);
        dhcp_lease_file_close(&file);
        dhcp_leases_free(leases);
        change_byte(at);
        unsigned bad = at < HEADER ? 3 : (unsigned)(at - HEADER) / RECORD;
        leases = open_file(&file);
        assert_string_not_equal(file.found, "");
        assert_int_equal(dhcp_leases_count(leases), bad == 3 ? 3 : 2);
        for (unsigned i = 0; i < 3; i++)
            if (i != bad)
                assert_lease(leases, i);
        /* The last record may be a torn end; others were on disk, so this is another store. */
        assert_int_equal(bad == 2, !strcmp(file.store_id, id));
        assert_true(file.sequence >= (bad == 2 ? 2 : 3));
        dhcp_lease_file_close(&file);
        dhcp_leases_free(leases);
    }
}

/* The disk wrote the second half of an append and not the first. */
static void test_torn_append(void **unused)
{
    (void)unused;
    struct dhcp_lease_file file;
    char id[DHCP_STORE_ID_TEXT];
    struct dhcp_leases *leases = open_file(&file);
    strcpy(id, file.store_id);
    append(&file, 0, 2);
    append(&file, 2, 4);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
    change_byte(HEADER + 2 * RECORD + 20);
    leases = open_file(&file);
    assert_string_equal(file.store_id, id);
    assert_lease(leases, 0);
    assert_lease(leases, 1);
    assert_null(dhcp_leases_at(leases, make(2).address));
    assert_true(file.sequence >= 6);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
}

static void test_rewrite(void **unused)
{
    (void)unused;
    struct dhcp_lease_file file;
    char id[DHCP_STORE_ID_TEXT];
    struct stat status;
    struct dhcp_lease lease = make(7);
    struct dhcp_leases *leases = open_file(&file);
    strcpy(id, file.store_id);
    for (unsigned i = 0; i < 100; i++)
        append(&file, 0, 60);
    assert_true(dhcp_lease_file_is_stale(&file, 60));
    assert_false(dhcp_lease_file_is_stale(&file, 1000));
    assert_int_equal(dhcp_lease_file_rewrite(&file, &lease, 1, 900, &err), ERR_OK);
    assert_false(dhcp_lease_file_is_stale(&file, 1));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, HEADER + RECORD);
    append(&file, 8, 1);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
    leases = open_file(&file);
    assert_string_equal(file.found, "");
    assert_string_equal(file.store_id, id);
    assert_int_equal(dhcp_leases_count(leases), 2);
    assert_lease(leases, 7);
    assert_lease(leases, 8);
    assert_int_equal(file.sequence, 6002);
    assert_int_equal(file.last_time_s, 1008);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
}

/* Without a disk nothing is promised, and the next try writes everything anew. */
static void test_full_disk(void **unused)
{
    (void)unused;
    struct dhcp_lease_file file;
    struct dhcp_lease lease = make(1);
    struct dhcp_leases *leases = open_file(&file);
    append(&file, 0, 1);
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    dup2(full, file.fd);
    close(full);
    assert_int_equal(dhcp_lease_file_append(&file, &lease, 1, 1000, &err), ERR_IO);
    assert_non_null(strstr(err.text, "No space"));
    assert_true(dhcp_lease_file_is_stale(&file, 100));
    assert_int_equal(dhcp_lease_file_rewrite(&file, &lease, 1, 1000, &err), ERR_OK);
    append(&file, 2, 1);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
    leases = open_file(&file);
    assert_int_equal(dhcp_leases_count(leases), 2);
    dhcp_lease_file_close(&file);
    dhcp_leases_free(leases);
}

static void test_unwritable(void **unused)
{
    (void)unused;
    struct dhcp_lease_file file;
    struct dhcp_leases *leases = dhcp_leases_new();
    assert_int_equal(dhcp_lease_file_open(&file, "/nonexistent/leases", 1, leases, &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/leases"));
    dhcp_leases_free(leases);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_append_and_open),
        TEST(test_cut_anywhere),
        TEST(test_rot_anywhere),
        TEST(test_torn_append),
        TEST(test_rewrite),
        TEST(test_full_disk),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* pg_control as a real PostgreSQL leaves it, read here and by its own program; and damaged ones. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "ha/pg_control.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "test/lib/temp_postgres.h"

static struct temp_postgres postgres;
static char data_dir[96];
static uint8_t good[PG_CONTROL_BYTES]; /* after an orderly shutdown */

static void read_file(uint8_t bytes[PG_CONTROL_BYTES])
{
    char path[128];
    snprintf(path, sizeof(path), "%s/global/pg_control", data_dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, PG_CONTROL_BYTES, file), PG_CONTROL_BYTES);
    fclose(file);
}

static void assert_both_say(bool shut_down)
{
    uint8_t bytes[PG_CONTROL_BYTES];
    struct pg_control here, program, read;
    struct error err = {0};
    read_file(bytes);
    assert_true(pg_control_parse(bytes, sizeof(bytes), &here));
    assert_int_equal(pg_control_ask(temp_postgres_bin_dir(), data_dir, &program, &err), ERR_OK);
    assert_int_equal(pg_control_read(temp_postgres_bin_dir(), data_dir, &read, &err), ERR_OK);
    assert_int_equal(here.shut_down, shut_down);
    assert_int_equal(here.shut_down, program.shut_down);
    assert_true(here.system_id == program.system_id);
    assert_true(here.redo.timeline == program.redo.timeline && here.redo.lsn == program.redo.lsn);
    assert_true(here.checkpoint_lsn == program.checkpoint_lsn);
    assert_true(here.consistent_lsn == program.consistent_lsn);
    assert_true(read.system_id == here.system_id && read.redo.lsn == here.redo.lsn);
}

static void end(int signal_number)
{
    kill(postgres.pid, signal_number);
    waitpid(postgres.pid, NULL, 0);
    postgres.pid = 0;
}

static void make_standby(void)
{
    char path[128];
    struct error err;
    snprintf(path, sizeof(path), "%s/standby.signal", data_dir);
    assert_int_equal(file_write(path, "", 0, 0644, &err), ERR_OK);
}

/* As a primary, killed; as a standby, stopped in recovery: consistent_lsn is set then. */
static void test_as_the_program_says(void **unused)
{
    (void)unused;
    assert_both_say(false);
    end(SIGQUIT);
    assert_both_say(false);
    temp_postgres_again(&postgres);
    end(SIGINT);
    assert_both_say(true);
    read_file(good);
    make_standby();
    temp_postgres_again(&postgres);
    assert_both_say(false);
    end(SIGINT);
    assert_both_say(true);
}

/* Each changed bit of what the sum covers, and of the sum. What follows is zeros that nobody reads.
 */
static void test_a_changed_bit(void **unused)
{
    (void)unused;
    struct pg_control control;
    assert_true(pg_control_parse(good, sizeof(good), &control));
    for (size_t bit = 0; bit < 8 * 292; bit++) {
        good[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(pg_control_parse(good, sizeof(good), &control));
        good[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(pg_control_parse(good, sizeof(good), &control));
    assert_false(pg_control_parse(good, sizeof(good) - 1, &control));
    assert_false(pg_control_parse(good, 0, &control));
}

static void put(uint8_t *bytes, size_t at, uint32_t value)
{
    memcpy(bytes + at, &value, sizeof(value));
    uint32_t sum = pg_wal_sum(bytes, 288);
    memcpy(bytes + 288, &sum, sizeof(sum));
}

/* Whole, but of another version, of another kind of machine, of a condition that there is not, or
 * of no system. */
static void test_another_form(void **unused)
{
    (void)unused;
    static const struct {
        size_t at;
        uint32_t value;
    } odd[] = {{8, 1201}, {8, 1700}, {204, 4}, {208, 1}, {16, 7}, {48, 0}};
    struct pg_control control;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        uint8_t bytes[PG_CONTROL_BYTES];
        memcpy(bytes, good, sizeof(bytes));
        put(bytes, odd[i].at, odd[i].value);
        assert_false(pg_control_parse(bytes, sizeof(bytes), &control));
    }
    uint8_t bytes[PG_CONTROL_BYTES];
    memcpy(bytes, good, sizeof(bytes));
    put(bytes, 0, 0);
    put(bytes, 4, 0);
    assert_false(pg_control_parse(bytes, sizeof(bytes), &control));
}

/* What is wrong is said by the program, with its own error. */
static void test_damaged_on_disk(void **unused)
{
    (void)unused;
    char path[128];
    struct pg_control control;
    struct error err = {0};
    snprintf(path, sizeof(path), "%s/global/pg_control", data_dir);
    good[32] ^= 1;
    assert_int_equal(file_write(path, good, sizeof(good), 0644, &err), ERR_OK);
    assert_int_equal(pg_control_read(temp_postgres_bin_dir(), data_dir, &control, &err),
                     ERR_CORRUPT);
    assert_non_null(strstr(err.text, "checksum"));
    assert_int_equal(remove(path), 0);
    assert_int_equal(pg_control_read(temp_postgres_bin_dir(), data_dir, &control, &err), ERR_IO);
    assert_int_equal(pg_control_read("/nonexistent", data_dir, &control, &err), ERR_NOT_FOUND);
}

static int set_up(void **unused)
{
    (void)unused;
    temp_postgres_start(&postgres);
    snprintf(data_dir, sizeof(data_dir), "%s/data", postgres.folder);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    temp_postgres_stop(&postgres);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_program_says),
        cmocka_unit_test(test_a_changed_bit),
        cmocka_unit_test(test_another_form),
        cmocka_unit_test(test_damaged_on_disk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

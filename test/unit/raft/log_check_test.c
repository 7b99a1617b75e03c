/*
 * The log on a real disk: a bit that changed in a segment nobody closed, the end of a write that
 * was cut off, a disk that refuses. A cluster of one member, on real libraft.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raft/log_check.h"
#include "raft/replica.h"
#include "src/base/clock.h"
#include "src/base/file.h"

enum { WAIT_MS = 20000 };

static char home[] = "/tmp/log_check_test_XXXXXX";
static struct loop loop;
static struct replica *replica;
static bool failed, gone, may_fail;
static int answers;

static void on_changed(void *owner)
{
    (void)owner;
}

static void on_failed(void *owner, const struct error *why)
{
    (void)owner;
    if (!may_fail)
        fail_msg("%s", why->text);
    failed = true;
}

static void on_gone(void *owner)
{
    (void)owner;
    gone = true;
}

static void on_answer(void *subject, enum error_code code, const char *reason)
{
    (void)subject, (void)code, (void)reason;
    answers++;
}

static enum error_code start(const char *dir, bool bootstrap, struct error *err)
{
    struct replica_setup setup = {.loop = &loop,
                                  .dir = dir,
                                  .id = 1,
                                  .name = "region1",
                                  .address = "127.0.0.1:1",
                                  .heartbeat_ms = 50,
                                  .election_ms = 250,
                                  .changed = on_changed,
                                  .failed = on_failed};
    gone = failed = false;
    return replica_start(&setup, bootstrap, &replica, err);
}

static bool leads(void)
{
    return replica_leads(replica);
}

static bool is_gone(void)
{
    return gone;
}

static bool has_failed(void)
{
    return failed;
}

static bool is_answered(void)
{
    return answers > 0;
}

static void run_until(bool (*done)(void))
{
    uint64_t end = clock_boot_ns() + WAIT_MS * CLOCK_MS;
    while (!done()) {
        uv_run(&loop.uv, UV_RUN_ONCE);
        if (clock_boot_ns() > end)
            fail_msg("did not happen in time");
    }
}

static void stop(void)
{
    replica_close(replica, on_gone);
    run_until(is_gone);
}

static void propose(int count)
{
    struct command command = {.kind = COMMAND_SCHEMA};
    for (int i = 0; i < count; i++) {
        command.schema.level = (uint32_t)i + 2; /* refused, but in the log all the same */
        answers = 0;
        replica_propose(replica, &command, on_answer, NULL);
        run_until(is_answered);
    }
}

static void make_dir(const char *name, char dir[LIMIT_PATH])
{
    snprintf(dir, LIMIT_PATH, "%s/%s", home, name);
    assert_int_equal(file_make_folders(dir, 0700, NULL), ERR_OK);
}

/* A copy of the disk as it is just now, as after a power cut. */
static void copy_dir(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    struct arena *arena = arena_new();
    assert_int_equal(file_make_folders(to, 0700, NULL), ERR_OK);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[LIMIT_PATH + 256], *bytes;
        size_t size;
        snprintf(path, sizeof(path), "%s/%s", from, entry->d_name);
        if (entry->d_name[0] == '.' || file_read(arena, path, 16 << 20, &bytes, &size, NULL))
            continue;
        snprintf(path, sizeof(path), "%s/%s", to, entry->d_name);
        assert_int_equal(file_write(path, bytes, size, 0600, NULL), ERR_OK);
    }
    closedir(dir);
    arena_free(arena);
}

/* The longest open segment that has entries, its bytes in the arena. */
static char *open_segment(const char *dir, struct arena *arena, char path[LIMIT_PATH + 256],
                          size_t *used)
{
    DIR *folder = opendir(dir);
    char *best = NULL;
    *used = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char found[LIMIT_PATH + 256], *bytes;
        size_t size;
        snprintf(found, sizeof(found), "%s/%s", dir, entry->d_name);
        if (strncmp(entry->d_name, "open-", 5) ||
            file_read(arena, found, 16 << 20, &bytes, &size, NULL))
            continue;
        while (size && !bytes[size - 1])
            size--;
        if (size <= *used)
            continue;
        *used = size;
        best = bytes;
        snprintf(path, LIMIT_PATH + 256, "%s", found);
    }
    closedir(folder);
    return best;
}

/* One that was killed has its newest entries in a segment that nobody closed. A bit of it that has
 * changed must not make the member forget what comes after; an end that was cut off may. In its
 * last sector one cannot always be told from the other. */
static void test_each_byte_and_each_cut(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char dir[LIMIT_PATH], copy[LIMIT_PATH], path[LIMIT_PATH + 256];
    struct error err;
    size_t used, at;
    make_dir("raft", dir);
    snprintf(copy, sizeof(copy), "%s/copy", home);
    assert_int_equal(start(dir, true, &err), ERR_OK);
    run_until(leads);
    propose(200);
    copy_dir(dir, copy);
    stop();
    uint8_t *bytes = (uint8_t *)open_segment(copy, arena, path, &used);
    assert_non_null(bytes);
    assert_true(used > 4 * LOG_CHECK_SECTOR);
    assert_true(log_check_segment(bytes, used + 4096, &at));
    assert_true(at >= used && at < used + 8); /* an entry may end in zeros */
    size_t cut = at;
    assert_true(log_check_segment(bytes, cut, &at));
    assert_false(log_check_segment(bytes, cut + 8, &at)); /* what libraft does not survive */
    assert_int_equal(at, cut);
    for (size_t i = 8; i < used - LOG_CHECK_SECTOR; i++) { /* the format libraft looks at */
        bytes[i] ^= 0x10;
        if (log_check_segment(bytes, used + 4096, &at))
            fail_msg("byte %zu of %zu", i, used);
        bytes[i] ^= 0x10;
    }
    for (size_t edge = LOG_CHECK_SECTOR; edge < used; edge += LOG_CHECK_SECTOR) {
        uint8_t *torn = arena_alloc(arena, used + 4096);
        memcpy(torn, bytes, edge);
        if (!log_check_segment(torn, used + 4096, &at))
            fail_msg("cut off at %zu of %zu", edge, used);
    }
    assert_int_equal(log_check(copy, &err), ERR_OK);
    bytes[used / 2] ^= 1;
    assert_int_equal(file_write(path, bytes, used + 4096, 0600, NULL), ERR_OK);
    assert_int_equal(start(copy, false, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "must not vote any more"));
    arena_free(arena);
}

/* In a process of its own: what libraft does after a failed write is not to be trusted. */
static void run_until_refused(const char *dir)
{
    struct rlimit little = {4096, 4096};
    struct command command = {.kind = COMMAND_SCHEMA, .schema = {2}};
    struct error err;
    loop_init(&loop);
    may_fail = true;
    if (start(dir, true, &err))
        _exit(1);
    run_until(leads);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little);
    for (int i = 0; i < 400; i++) /* more than a block */
        replica_propose(replica, &command, NULL, NULL);
    run_until(has_failed);
    _exit(7);
}

/* A disk that refuses to write past a place: the member ends instead of going on with a log that is
 * not on it, and goes on from there when it may write again. */
static void test_a_disk_that_refuses(void **state)
{
    (void)state;
    char dir[LIMIT_PATH];
    struct error err;
    int status;
    make_dir("refuses", dir);
    pid_t child = fork();
    if (child == 0)
        run_until_refused(dir);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(start(dir, false, &err), ERR_OK);
    run_until(leads);
    stop();
}

/* A snapshot whose configuration is none is not for libraft, though its checksum is right; what is
 * wrong with others libraft says itself. */
static void test_configuration_of_a_snapshot(void **state)
{
    /* format 1; checksum; index 1; 32 bytes: format, one server 1, "r@127.0.0.1:1", a voter */
    static const uint8_t sound[] = {
        1, 0,   0,   0,   0,   0,   0,   0,   0x21, 0xfa, 0x86, 0xd3, 0,   0,   0, 0,
        1, 0,   0,   0,   0,   0,   0,   0,   0x20, 0,    0,    0,    0,   0,   0, 0,
        1, 1,   0,   0,   0,   0,   0,   0,   0,    1,    0,    0,    0,   0,   0, 0,
        0, 'r', '@', '1', '2', '7', '.', '0', '.',  '0',  '.',  '1',  ':', '1', 0, 1};
    uint8_t bytes[sizeof(sound)];
    char dir[LIMIT_PATH], path[LIMIT_PATH + 64];
    struct error err;
    (void)state;
    make_dir("snapshot", dir);
    snprintf(path, sizeof(path), "%s/snapshot-1-2-9.meta", dir);
    assert_true(log_check_snapshot(sound, sizeof(sound)));
    assert_int_equal(file_write(path, sound, sizeof(sound), 0600, NULL), ERR_OK);
    assert_int_equal(log_check(dir, &err), ERR_OK);
    memcpy(bytes, sound, sizeof(sound));
    bytes[33] = 2; /* two servers are said to be there, and the checksum is another's */
    assert_true(log_check_snapshot(bytes, sizeof(bytes)));
    static const uint8_t sum[] = {0xa9, 0xee, 0x14, 0xb1};
    memcpy(bytes + 8, sum, sizeof(sum));
    assert_false(log_check_snapshot(bytes, sizeof(bytes)));
    for (size_t size = 0; size < sizeof(bytes); size++)
        assert_true(log_check_snapshot(bytes, size));
    assert_int_equal(file_write(path, bytes, sizeof(bytes), 0600, NULL), ERR_OK);
    assert_int_equal(log_check(dir, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "snapshot-1-2-9.meta"));
    assert_int_equal(start(dir, false, &err), ERR_CORRUPT);
}

static int set_up(void **state)
{
    (void)state;
    loop_init(&loop);
    return mkdtemp(home) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_close(&loop);
    return file_remove_tree(home, NULL) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte_and_each_cut),
        cmocka_unit_test(test_a_disk_that_refuses),
        cmocka_unit_test(test_configuration_of_a_snapshot),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Terms, blocks and the clock for leases survive a restart, and nothing else does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/rack/dhcp_term.h"

static char folder[64], path[96];
static struct loop loop;
static struct dhcp_service service;
static struct dhcp_lease_file file;
static struct dhcp_term term;
static struct error err;

static void open_term(void)
{
    dhcp_service_init(&service);
    assert_int_equal(dhcp_term_open(&term, &loop, path, &file, &service, &err), ERR_OK);
}

/* What waits for the disk is written. */
static void close_term(void)
{
    while (term.save.job)
        uv_run(&loop.uv, UV_RUN_ONCE);
    dhcp_term_close(&term);
    dhcp_service_close(&service);
}

static int set_up(void **unused)
{
    (void)unused;
    strcpy(folder, "/tmp/gantry-term-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/dhcp.term", folder);
    loop_init(&loop);
    file = (struct dhcp_lease_file){.sequence = 10};
    memset(file.store_id, 'a', 32);
    open_term();
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    close_term();
    loop_close(&loop);
    file_remove_tree(folder, &err);
    return 0;
}

static void take(const char *text, uint64_t asked_ns, uint64_t sequence)
{
    json_t *answer = json_loads(text, 0, NULL);
    assert_int_equal(dhcp_term_take(&term, answer, asked_ns, sequence, &err), ERR_OK);
    json_decref(answer);
}

#define ANSWER "{\"term_s\": 1000, \"blocks\": [[10, 2], [20, 1]]}"

static void test_nothing_without_a_region(void **unused)
{
    (void)unused;
    assert_int_equal(service.config_until_s, 0);
    assert_int_equal(service.blocks.count, 0);
    uint64_t asked_ns = clock_boot_ns() - 100 * CLOCK_S;
    take(ANSWER, asked_ns, 10);
    uint64_t now_s = dhcp_term_now_s(&term);
    assert_in_range(service.blocks.until_s, now_s + 899, now_s + 901); /* since it asked */
    assert_int_equal(service.config_until_s, service.blocks.until_s);
    assert_true(dhcp_blocks_own(&service.blocks, 11 * 16, now_s));
    assert_true(dhcp_blocks_own(&service.blocks, 20 * 16 + 15, now_s));
    assert_false(dhcp_blocks_own(&service.blocks, 12 * 16, now_s));
    assert_true(dhcp_blocks_own(&service.blocks, 160, service.blocks.until_s - 30));
    assert_false(dhcp_blocks_own(&service.blocks, 160, service.blocks.until_s - 29));
}

/* A document that was given to another owner is not served any longer than its term was. */
static void test_a_document_of_another_owner(void **unused)
{
    (void)unused;
#define OWNED(owner) \
    "{\"term_s\": 1000, \"owner\": " owner ", \"renewals\": 4, \"blocks\": [[10, 2]]}"
    uint64_t asked_ns = clock_boot_ns(); /* one clock: ends are compared to the second */
    dhcp_term_bind(&term, 0);
    take(OWNED("7"), asked_ns, 10);
    assert_false(dhcp_term_is_bound(&term));
    assert_int_equal(service.config_until_s, 0);
    dhcp_term_bind(&term, 7);
    uint64_t until_s = service.config_until_s;
    assert_int_equal(until_s, service.blocks.until_s);
    take(OWNED("7"), asked_ns + 50 * CLOCK_S, 10);
    assert_int_equal(service.config_until_s, until_s + 50);
    close_term();
    open_term();
    take(OWNED("7"), asked_ns + 60 * CLOCK_S, 10);
    assert_int_equal(service.config_until_s, until_s + 60); /* it is on disk whose it is */
    take(OWNED("8"), asked_ns + 70 * CLOCK_S, 10);
    assert_int_equal(service.config_until_s, until_s + 60);
    dhcp_term_bind(&term, 7); /* asked before that was known */
    assert_int_equal(service.config_until_s, until_s + 60);
    dhcp_term_bind(&term, 8);
    assert_int_equal(service.config_until_s, until_s + 70);
}

/* Blocks are given back once a restart would not use them any more. */
static void test_give_back(void **unused)
{
    (void)unused;
    struct dhcp_config *config;
    json_t *document = json_loads("{\"version\": \"1\", \"networks\": []}", 0, NULL);
    assert_int_equal(dhcp_config_parse(document, &config, &err), ERR_OK);
    json_decref(document);
    dhcp_service_configure(&service, config); /* no range has them */
    take("{\"term_s\": 1000, \"renewals\": 4, \"blocks\": [[10, 2], [20, 1]]}", clock_boot_ns(),
         10);
    dhcp_term_give_back(&term);
    assert_int_equal(service.blocks.count, 0);
    json_t *question = dhcp_term_question(&term, 10);
    assert_null(json_object_get(question, "back"));
    json_decref(question);
    while (term.save.job)
        uv_run(&loop.uv, UV_RUN_ONCE);
    question = dhcp_term_question(&term, 10);
    char *text = json_dumps(json_object_get(question, "back"), JSON_COMPACT);
    assert_string_equal(text, "[[10,2],[20,1]]");
    assert_int_equal(json_integer_value(json_object_get(question, "renewals")), 4);
    free(text);
    json_decref(question);
    close_term();
    open_term();
    dhcp_term_resume(&term);
    assert_int_equal(service.blocks.count, 0);
    take("{\"term_s\": 1000, \"renewals\": 5, \"blocks\": [[10, 1]]}", clock_boot_ns(), 10);
    question = dhcp_term_question(&term, 10);
    assert_null(json_object_get(question, "back"));
    json_decref(question);
}

static void test_a_restart(void **unused)
{
    (void)unused;
    take(ANSWER, clock_boot_ns(), 10);
    uint64_t until_s = service.blocks.until_s;
    int64_t offset_ms = term.offset_ms;
    close_term();
    open_term();
    assert_int_equal(term.offset_ms, offset_ms);
    assert_int_equal(service.blocks.count, 3);
    assert_int_equal(service.blocks.until_s, 0); /* a region may know better */
    dhcp_term_resume(&term);
    assert_int_equal(service.blocks.until_s, until_s);
    assert_int_equal(service.config_until_s, until_s);
    assert_true(service.last_time_s <= dhcp_term_now_s(&term));
}

static void test_a_store_with_fewer_leases(void **unused)
{
    (void)unused;
    take(ANSWER, clock_boot_ns(), 10);
    close_term();
    file.sequence = 9;
    open_term();
    dhcp_term_resume(&term);
    assert_int_equal(service.blocks.count, 0);
    assert_int_equal(service.blocks.until_s, 0);
    assert_true(service.config_until_s > 0); /* reservations go on */
}

static void test_another_store(void **unused)
{
    (void)unused;
    take(ANSWER, clock_boot_ns(), 10);
    char before[DHCP_TERM_STORE];
    strcpy(before, term.store);
    assert_string_equal(before, file.store_id);
    dhcp_term_take_new_store(&term, &file);
    assert_int_equal(service.blocks.count, 0);
    assert_string_not_equal(term.store, before);
    strcpy(before, term.store);
    close_term();
    open_term();
    assert_string_equal(term.store, before); /* it stays that one */
    take(ANSWER, clock_boot_ns(), 10);
    close_term();
    file.store_id[0] = 'b'; /* the lease file was damaged */
    open_term();
    assert_string_not_equal(term.store, before);
    assert_int_equal(service.blocks.count, 0);
}

/* Another boot: the clock begins at the wall clock; one that is behind gives nothing. */
static void test_another_boot(void **unused)
{
    (void)unused;
    uint64_t now_s = clock_real_ms() / 1000;
    char text[512];
    close_term();
    snprintf(text, sizeof(text),
             "{\"boot\": \"other\", \"offset_ms\": 5, \"salt\": \"\", \"store\": \"%.32s\", "
             "\"sequence\": 10, \"config_until_s\": %llu, \"blocks_until_s\": %llu, \"written_s\": "
             "%llu, \"term_s\": 1000, \"blocks\": [[10, 2]]}",
             file.store_id, (unsigned long long)now_s + 500, (unsigned long long)now_s + 400,
             (unsigned long long)now_s + 60);
    assert_int_equal(file_write(path, text, strlen(text), 0600, &err), ERR_OK);
    open_term();
    assert_in_range(dhcp_term_now_s(&term), now_s, now_s + 5);
    assert_int_equal(service.last_time_s, now_s + 60);
    assert_int_equal(service.blocks.count, 2);
    dhcp_term_resume(&term);
    assert_int_equal(service.blocks.until_s, now_s + 400);
}

static void test_bad_answers_change_nothing(void **unused)
{
    (void)unused;
    static const char *const answers[] = {
        "{}",
        "{\"term_s\": 1000}",
        "{\"term_s\": 1, \"blocks\": []}",
        "{\"term_s\": 1000, \"blocks\": [[10, 2], [11, 1]]}",
        "{\"term_s\": 1000, \"blocks\": [[10]]}",
        "{\"term_s\": 1000, \"blocks\": [[10, 0]]}",
        "{\"term_s\": 1000, \"blocks\": [[-1, 1]]}",
        "{\"term_s\": 1000, \"blocks\": [[0, 9000]]}",
        "{\"term_s\": 1000, \"blocks\": [[268435455, 2]]}",
        "{\"term_s\": \"1000\", \"blocks\": []}",
    };
    take(ANSWER, clock_boot_ns(), 10);
    uint64_t until_s = service.blocks.until_s;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        json_t *answer = json_loads(answers[i], 0, NULL);
        assert_int_equal(dhcp_term_take(&term, answer, clock_boot_ns(), 10, &err), ERR_BAD_INPUT);
        json_decref(answer);
    }
    assert_int_equal(service.blocks.until_s, until_s);
    assert_int_equal(service.blocks.count, 3);
    take("{\"term_s\": 1000, \"blocks\": [[268435455, 1]]}", clock_boot_ns(), 10);
    assert_true(dhcp_blocks_own(&service.blocks, UINT32_MAX, dhcp_term_now_s(&term)));
    /* A file that is none is as no file. */
    close_term();
    assert_int_equal(file_write(path, "{\"boot", 6, 0600, &err), ERR_OK);
    open_term();
    assert_int_equal(service.blocks.count, 0);
}

/* A file of this boot that says what it cannot have said: the clock is the wall clock then, and its
 * store is not the one that has leases. */
static void test_a_file_of_another_kind(void **unused)
{
    (void)unused;
    static const char *const clocks[] = {"9223372036854775807", "-9223372036854775808", "\"5\"",
                                         "1e9", "253402300800001"};
    uint64_t now_s = clock_real_ms() / 1000;
    char text[512], own[DHCP_TERM_STORE];
    strcpy(own, term.store);
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        close_term();
        snprintf(text, sizeof(text),
                 "{\"boot\": \"%s\", \"offset_ms\": %s, \"salt\": "
                 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u00e4aaaa\", \"store\": \"%.32s\", "
                 "\"sequence\": 10, \"term_s\": 1000, \"blocks\": [[10, 2]]}",
                 term.boot, clocks[i], file.store_id);
        assert_int_equal(file_write(path, text, strlen(text), 0600, &err), ERR_OK);
        open_term();
        assert_in_range(dhcp_term_now_s(&term), now_s, now_s + 60);
        assert_string_equal(term.store, own);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_nothing_without_a_region),
        T(test_a_document_of_another_owner),
        T(test_give_back),
        T(test_a_restart),
        T(test_a_store_with_fewer_leases),
        T(test_another_store),
        T(test_another_boot),
        T(test_bad_answers_change_nothing),
        T(test_a_file_of_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

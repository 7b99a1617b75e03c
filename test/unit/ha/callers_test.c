/* Who waits at which virtual IP: told at once and in bursts, told again while it lasts, found. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "ha/callers.h"
#include "src/base/clock.h"

enum { VIP = 0x0a000064, OTHER_VIP = 0x0a000065, PEER = 0x0a000005 };

static struct loop loop;
static struct callers *callers;
static int lists, told;
static struct caller last;

static void tell(void *owner, const struct caller_list *list)
{
    (void)owner;
    lists++;
    told += list->count;
    last = list->callers[list->count - 1];
}

static int set_up(void **state)
{
    struct callers_setup setup = {&loop, tell, NULL};
    (void)state;
    loop_init(&loop);
    callers = callers_new(&setup);
    lists = told = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    callers_free(callers);
    loop_close(&loop);
    return 0;
}

static void run_ms(int ms)
{
    for (uint64_t end = clock_boot_ns() + (uint64_t)ms * CLOCK_MS; clock_boot_ns() < end;) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        usleep(500);
    }
}

static int of(uint32_t vip, struct caller *found)
{
    return callers_of(callers, vip, clock_boot_ns(), found, 16);
}

static void test_what_haproxy_writes_is_told_and_found(void **state)
{
    (void)state;
    struct caller_open open = {0};
    struct caller found[16];
    callers_add(callers, &open, "10.0.0.5:40000 10.0.0.100:5240");
    run_ms(10);
    assert_int_equal(told, 1);
    assert_int_equal(last.vip, VIP);
    assert_int_equal(last.peer, PEER);
    assert_int_equal(last.vip_port, 5240);
    assert_int_equal(last.peer_port, 40000);
    callers_remove(callers, &open);
    assert_int_equal(of(VIP, found), 1); /* its answer may never have arrived */
    assert_int_equal(found[0].peer_port, 40000);
    assert_int_equal(of(OTHER_VIP, found), 0);
    assert_int_equal(callers_of(callers, VIP, clock_boot_ns() - CLOCK_S, found, 16), 0);
}

static void test_other_text_is_another_way(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "10.0.0.5:40000",
                                        "10.0.0.5:40000 10.0.0.100",
                                        "10.0.0.5:40000 10.0.0.100:0",
                                        "10.0.0.5:40000 10.0.0.100:65536",
                                        "10.0.0.5:40000 10.0.0.100:5240 ",
                                        "10.0.0.5:40000 10.0.0.100:5240x",
                                        "10.0.0.500:40000 10.0.0.100:5240",
                                        "10.0.0.5: 10.0.0.100:5240",
                                        "2001:db8::5:40000 10.0.0.100:5240"};
    struct caller_open open = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        callers_add(callers, &open, texts[i]);
        assert_false(open.linked);
    }
    callers_add(callers, &open, NULL);
    callers_add(NULL, &open, "10.0.0.5:40000 10.0.0.100:5240");
    callers_remove(callers, &open);
    run_ms(10);
    assert_int_equal(told, 0);
}

static void test_a_burst_travels_together(void **state)
{
    (void)state;
    static struct caller_open open[250];
    char text[64];
    for (int i = 0; i < 250; i++) {
        snprintf(text, sizeof(text), "10.0.0.5:%d 10.0.0.100:5240", 1000 + i);
        callers_add(callers, &open[i], text);
    }
    run_ms(20);
    assert_int_equal(told, 250);
    assert_int_equal(lists, 3);
    for (int i = 0; i < 250; i++)
        callers_remove(callers, &open[(i * 7) % 250]);
    run_ms(1500);
    assert_int_equal(told, 250);
}

static void test_who_still_waits_is_told_again(void **state)
{
    (void)state;
    struct caller_open stays = {0}, goes = {0};
    callers_add(callers, &goes, "10.0.0.5:1 10.0.0.100:5240");
    callers_add(callers, &stays, "10.0.0.5:2 10.0.0.100:5240");
    run_ms(10);
    callers_remove(callers, &goes);
    run_ms(2300);
    assert_int_equal(last.peer_port, 2);
    assert_in_range(told, 3, 4);
    callers_remove(callers, &stays);
}

static void test_of_other_regions(void **state)
{
    (void)state;
    struct caller_list list = {2, {{OTHER_VIP, PEER, 5240, 7}, {VIP, PEER, 5443, 8}}};
    struct caller found[16];
    callers_heard(callers, &list);
    assert_int_equal(of(VIP, found), 1);
    assert_int_equal(found[0].vip_port, 5443);
    assert_int_equal(told, 0);
    list.count = 1;
    for (int i = 0; i < CALLERS_KEPT; i++)
        callers_heard(callers, &list);
    assert_int_equal(of(VIP, found), 0); /* the oldest made room */
    assert_int_equal(of(OTHER_VIP, found), 16);
}

static void test_guesses(void **state)
{
    static struct caller guessed[CALLERS_GUESSES * CALLERS_GUESSED];
    const struct caller found[] = {
        {.peer = 7, .peer_port = 40010, .vip = 9, .vip_port = 5240},
        {.peer = 7, .peer_port = 40002, .vip = 9, .vip_port = 5240}, /* older */
        {.peer = 8, .peer_port = 65530, .vip = 9, .vip_port = 5240}, /* near the end */
    };
    (void)state;
    assert_int_equal(callers_guess(found, 0, guessed), 0);
    assert_int_equal(callers_guess(found, 3, guessed), CALLERS_GUESSES + 2);
    for (uint32_t i = 0; i < CALLERS_GUESSES; i++) {
        assert_int_equal(guessed[i].peer, 7);
        assert_int_equal(guessed[i].peer_port, 40012 + 2 * i);
        assert_int_equal(guessed[i].vip_port, 5240);
    }
    assert_int_equal(guessed[CALLERS_GUESSES].peer_port, 65532);
    assert_int_equal(guessed[CALLERS_GUESSES + 1].peer_port, 65534);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guesses),
        cmocka_unit_test_setup_teardown(test_what_haproxy_writes_is_told_and_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_other_text_is_another_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_burst_travels_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_still_waits_is_told_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_other_regions, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

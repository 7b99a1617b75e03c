/* The door to racks over real links: hello, which rack is asked, what happens when one fails. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/region/rack_door.h"
#include "src/region/rack_links.h"
#include "src/region/rack_seen.h"
#include "test/lib/test_ca.h"

/* A rack: its end of a link, and how it answers to power. */
struct rack {
    const char *name, *net;
    struct tls_credentials *credentials;
    struct call_link *link;
    bool linked, closed;
    struct error hello, why;
    int powers, notes, hears_of;
    enum { ANSWER, NO_BMC, REFUSED, DROP, MUTE } manner;
    struct call_link_request *kept;
};

static struct test_ca ours;
static struct tls_credentials *region_credentials;
static struct loop loop;
static struct rack racks[2];
static struct cluster_view view;
static int port;

static void on_hello(void *subject, json_t *result, const struct error *why)
{
    struct rack *rack = subject;
    rack->hello = *why;
    rack->linked = why->code == ERR_OK;
    if (rack->linked)
        assert_string_equal(json_string_value(json_object_get(result, "region")), "region1");
}

static json_t *interfaces_of(const struct rack *rack)
{
    return json_pack("[{ss ss sb s[s]}]", "name", "eth0", "mac", "52:54:00:00:00:01", "up", 1,
                     "addresses", rack->net);
}

static void say_hello(void *owner)
{
    struct rack *rack = owner;
    json_t *params =
        json_pack("{si ss ss ss ss so}", "protocol", 1, "system_id", rack->name, "name", rack->name,
                  "version", "0", "incarnation", "0", "interfaces", interfaces_of(rack));
    struct call_link_call call = {"hello", params, 5000};
    call_link_call(rack->link, &call, on_hello, rack);
    json_decref(params);
}

static void on_called(void *owner, const char *method, json_t *params,
                      struct call_link_request *request)
{
    struct rack *rack = owner;
    struct error why;
    assert_string_equal(method, "power");
    assert_string_equal(json_string_value(json_object_get(params, "request")), "uuid");
    assert_true(json_integer_value(json_object_get(params, "timeout_ms")) > 0);
    rack->powers++;
    if (rack->manner == ANSWER) {
        json_t *result = json_pack("{ss}", "state", "on");
        call_link_answer(request, result);
        json_decref(result);
    } else if (rack->manner == NO_BMC || rack->manner == REFUSED) {
        error_set(&why, rack->manner == NO_BMC ? ERR_UNAVAILABLE : ERR_FORBIDDEN, "by %s",
                  rack->name);
        call_link_refuse(request, &why);
    } else {
        rack->kept = request;
        if (rack->manner == DROP)
            call_link_reset(rack->link, NULL);
    }
}

static void on_noted(void *owner, const char *method, json_t *params)
{
    if (!strcmp(method, "racks")) { /* whom this region hears of */
        assert_string_equal(json_string_value(json_object_get(params, "region")), "region1");
        ((struct rack *)owner)->hears_of = (int)json_array_size(json_object_get(params, "linked"));
        return;
    }
    assert_string_equal(method, "boot_forget");
    assert_string_equal(json_string_value(json_object_get(params, "mac")), "x");
    ((struct rack *)owner)->notes++;
}

static void on_closed(void *owner, const struct error *why)
{
    struct rack *rack = owner;
    rack->linked = false;
    rack->closed = true;
    rack->why = *why;
    rack->link = NULL;
}

static const struct call_link_events events = {say_hello, on_called, on_noted, on_closed};

static void turn(void)
{
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    usleep(300);
}

#define TURN_UNTIL(condition)                                                 \
    for (uint64_t end = clock_boot_ns() + 10 * CLOCK_S; !(condition); turn()) \
    assert_true(clock_boot_ns() < end)

static void add_fact(const struct rack *rack, const char *path)
{
    struct certificate certificate;
    struct cluster_rack *fact = &view.facts.racks[view.facts.racks_count++];
    assert_int_equal(certificate_read(path, &certificate, NULL), ERR_OK);
    memset(fact, 0, sizeof(*fact));
    strcpy(fact->system_id, rack->name);
    strcpy(fact->name, rack->name);
    strcpy(fact->serial, certificate.serial);
}

static void dial(struct rack *rack)
{
    struct tls_target target = {"127.0.0.1", port, "region1", "region", 5000};
    rack->closed = false;
    rack->hello = (struct error){0};
    rack->link = call_link_connect(&loop, rack->credentials, &target, &events, rack);
}

static int set_up(void **unused)
{
    (void)unused;
    struct error err;
    test_ca_open(&ours);
    loop_init(&loop);
    memset(racks, 0, sizeof(racks));
    memset(&view, 0, sizeof(view));
    view.known = true;
    strcpy(view.facts.name, "test");
    static const char *const names[] = {"rack1", "rack2"};
    static const char *const nets[] = {"10.1.0.2/24", "10.2.0.2/24"};
    for (int i = 0; i < 2; i++) {
        struct tls_files files = test_ca_files(&ours, names[i], "rack", 10);
        racks[i].name = names[i];
        racks[i].net = nets[i];
        assert_int_equal(tls_credentials_load(&files, &racks[i].credentials, &err), ERR_OK);
        add_fact(&racks[i], files.certificate);
    }
    cluster_door_publish(&view);
    region_credentials = test_ca_credentials(&ours, &ours, "region1", "region", 10);
    struct rack_links_setup setup = {.loop = &loop,
                                     .credentials = region_credentials,
                                     .address = "127.0.0.1",
                                     .region = "region1"};
    assert_int_equal(rack_links_open(&setup, &err), ERR_OK);
    port = rack_links_port();
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++)
        if (racks[i].link)
            call_link_reset(racks[i].link, NULL);
    rack_links_close();
    loop_close(&loop);
    for (int i = 0; i < 2; i++) {
        if (racks[i].kept)
            call_link_answer(racks[i].kept, NULL);
        tls_credentials_free(racks[i].credentials);
    }
    tls_credentials_free(region_credentials);
    test_ca_close(&ours);
    return 0;
}

static void link_both(void)
{
    dial(&racks[0]);
    dial(&racks[1]);
    TURN_UNTIL(racks[0].linked && racks[1].linked);
}

/* An API thread that gives an order. */
struct order {
    struct rack_power_order wanted;
    enum error_code code;
    const char *power;
    struct error err;
    atomic_bool ended;
};

static void *give(void *subject)
{
    struct order *order = subject;
    order->code = rack_door_power(&order->wanted, &order->power, &order->err);
    order->ended = true;
    return NULL;
}

static void power(struct order *order, const char *action, const char *rack, const char *address)
{
    pthread_t thread;
    json_t *parameters = json_pack("{ss}", "power_address", "10.2.0.9");
    order->wanted =
        (struct rack_power_order){"uuid", "xyz", action, "ipmi", parameters, address, rack, 4000};
    order->power = NULL;
    order->ended = false;
    assert_int_equal(pthread_create(&thread, NULL, give, order), 0);
    TURN_UNTIL(order->ended);
    pthread_join(thread, NULL);
    json_decref(parameters);
}

static void test_which_rack_is_asked(void **unused)
{
    (void)unused;
    struct order order = {0};
    power(&order, "on", NULL, NULL);
    assert_int_equal(order.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(order.err.text, "no rack is linked"));
    link_both();
    power(&order, "on", NULL, "10.2.0.9"); /* on the network of rack2 */
    assert_int_equal(order.code, ERR_OK);
    assert_string_equal(order.power, "on");
    assert_int_equal(racks[1].powers, 1);
    power(&order, "on", "rack1", "10.2.0.9"); /* the one named goes first */
    assert_int_equal(racks[0].powers, 1);
    power(&order, "on", "no such rack", "10.1.0.9");
    assert_int_equal(racks[0].powers, 2);
}

static void test_the_next_one_when_one_fails(void **unused)
{
    (void)unused;
    struct order order = {0};
    link_both();
    racks[1].manner = NO_BMC;
    power(&order, "on", NULL, "10.2.0.9");
    assert_int_equal(order.code, ERR_OK);
    assert_int_equal(racks[0].powers, 1);
    racks[1].manner = REFUSED; /* another rack would be refused as well */
    power(&order, "on", NULL, "10.2.0.9");
    assert_int_equal(order.code, ERR_FORBIDDEN);
    assert_string_equal(order.err.text, "power on: by rack2");
    assert_int_equal(racks[0].powers, 1);
    racks[0].manner = racks[1].manner = NO_BMC;
    power(&order, "off", NULL, "10.2.0.9");
    assert_int_equal(order.code, ERR_UNAVAILABLE);
    racks[0].manner = ANSWER;
    racks[1].manner = MUTE;
    power(&order, "query", NULL, "10.2.0.9");
    assert_int_equal(order.code, ERR_OK);
}

static void test_a_cycle_is_not_done_twice(void **unused)
{
    (void)unused;
    struct order order = {0};
    link_both();
    racks[1].manner = DROP;
    power(&order, "cycle", "rack2", NULL);
    assert_int_equal(order.code, ERR_UNKNOWN_OUTCOME);
    assert_int_equal(racks[0].powers, 0);
    TURN_UNTIL(racks[1].closed);
    dial(&racks[1]);
    TURN_UNTIL(racks[1].linked);
    call_link_answer(racks[1].kept, NULL); /* of the link that is gone */
    power(&order, "on", "rack2", NULL);    /* this may be done twice */
    assert_int_equal(order.code, ERR_OK);
    assert_int_equal(racks[0].powers, 1);
}

static void test_who_is_not_let_in(void **unused)
{
    (void)unused;
    view.facts.racks[0].revoked = true;
    cluster_door_publish(&view);
    dial(&racks[0]);
    TURN_UNTIL(racks[0].hello.code);
    assert_int_equal(racks[0].hello.code, ERR_FORBIDDEN);
    struct rack stranger = racks[1];
    stranger.name = "rack1"; /* with the certificate of rack2 */
    dial(&stranger);
    TURN_UNTIL(stranger.hello.code);
    assert_int_equal(stranger.hello.code, ERR_FORBIDDEN);
    call_link_reset(stranger.link, NULL);
    TURN_UNTIL(stranger.closed);
}

static void test_revoked_while_linked(void **unused)
{
    (void)unused;
    link_both();
    view.facts.racks[0].revoked = true;
    rack_links_look(&view);
    TURN_UNTIL(racks[0].closed);
    assert_true(racks[1].linked);
}

static void test_the_newest_link_of_a_rack_counts(void **unused)
{
    (void)unused;
    struct order order = {0};
    link_both();
    struct rack again = racks[0];
    dial(&again);
    TURN_UNTIL(again.linked && racks[0].closed);
    power(&order, "on", "rack1", NULL);
    assert_int_equal(again.powers, 1);
    call_link_reset(again.link, NULL);
    TURN_UNTIL(again.closed);
}

static void test_notes_and_status(void **unused)
{
    (void)unused;
    json_t *params = json_pack("{ss}", "mac", "x");
    rack_door_note("boot_forget", params); /* nobody is there: nothing happens */
    turn();
    link_both();
    rack_door_note("boot_forget", params);
    TURN_UNTIL(racks[0].notes == 1 && racks[1].notes == 1);
    TURN_UNTIL(racks[0].hears_of == 2 && racks[1].hears_of == 2);
    json_decref(params);
    json_t *status = json_loads("{\"racks\":[{\"system_id\":\"rack2\",\"region\":null},"
                                "{\"system_id\":\"rack9\",\"region\":null}]}",
                                0, NULL);
    rack_seen_status(status);
    json_t *row = json_array_get(json_object_get(status, "racks"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "region")), "region1");
    assert_true(json_integer_value(json_object_get(row, "last_seen_ms")) < 5000);
    assert_string_equal(json_string_value(json_array_get(json_object_get(row, "subnets"), 0)),
                        "10.2.0.0/24");
    row = json_array_get(json_object_get(status, "racks"), 1);
    assert_true(json_is_null(json_object_get(row, "region")));
    json_decref(status);
    call_link_reset(racks[1].link, NULL);
    TURN_UNTIL(racks[0].hears_of == 1); /* at once, the other one may have clients to serve */
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_which_rack_is_asked),       T(test_the_next_one_when_one_fails),
        T(test_a_cycle_is_not_done_twice), T(test_who_is_not_let_in),
        T(test_revoked_while_linked),      T(test_the_newest_link_of_a_rack_counts),
        T(test_notes_and_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

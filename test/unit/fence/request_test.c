/* Requests of the children: what is refused, and who may ask what. */
// rooms: fence
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "src/base/container.h"
#include "src/fence/backoff.h"
#include "src/fence/request.h"

static struct fence_request sound(uint32_t type)
{
    struct fence_request request = {.type = type, .number = 1};
    if (type == FENCE_PG_START) {
        snprintf(request.pg_start.data_dir, LIMIT_PATH, "/d/pg");
        snprintf(request.pg_start.config_file, LIMIT_PATH, "/d/pg.conf");
        request.pg_start.port = 5253;
    } else if (type == FENCE_LEASE) {
        request.lease.resource = FENCE_RESOURCE_ADDRESS;
        request.lease.epoch = 1;
        snprintf(request.lease.address, FENCE_NET, "10.0.0.9/24");
    } else if (type == FENCE_ADDRESS_ADD || type == FENCE_ADDRESS_DROP) {
        snprintf(request.address.address, FENCE_NET, "10.0.0.9/24");
        snprintf(request.address.interface, FENCE_INTERFACE, "eth0");
        request.address.epoch = 1;
    } else if (type == FENCE_LISTEN) {
        request.listen.kind = FENCE_LISTEN_TCP;
        request.listen.port = 5240;
    } else if (type == FENCE_NUDGE) {
        snprintf(request.nudge.address, FENCE_NET, "10.0.0.9/24");
        request.nudge.count = 1;
        request.nudge.ends[0].peer = 0x0a000005;
        request.nudge.ends[0].peer_port = 40000;
        request.nudge.ends[0].port = 5240;
    } else if (type == FENCE_KNOWN) {
        request.known.doors = FENCE_DOORS;
        request.known.door[0] = 5250;
        request.known.door[1] = 5253;
        request.known.callers = LIMIT_REGIONS + 1;
    }
    return request;
}

static enum error_code check(const struct fence_request *request, enum request_sender sender)
{
    struct fence_request out;
    struct error err;
    return request_check(request, sizeof(*request), sender, &out, &err);
}

static void test_sound_requests_pass_from_regiond_only(void **unused)
{
    (void)unused;
    for (uint32_t type = 1; type < FENCE_TYPES; type++) {
        struct fence_request request = sound(type);
        assert_int_equal(check(&request, REQUEST_FROM_REGIOND), ERR_OK);
        bool rack_may = type == FENCE_QUERY || type == FENCE_LISTEN;
        assert_int_equal(check(&request, REQUEST_FROM_RACKD), rack_may ? ERR_OK : ERR_FORBIDDEN);
    }
}

static void test_malformed_requests_are_refused(void **unused)
{
    (void)unused;
    struct fence_request bad[23];
    int count = 0;
    bad[count] = sound(FENCE_QUERY), bad[count++].number = 0;
    bad[count] = sound(FENCE_QUERY), bad[count++].type = FENCE_TYPES;
    bad[count] = sound(FENCE_QUERY), bad[count++].type = 0;
    bad[count] = sound(FENCE_PG_START), bad[count++].pg_start.port = 0;
    bad[count] = sound(FENCE_PG_START), bad[count++].pg_start.port = 65536;
    bad[count] = sound(FENCE_PG_START), memset(bad[count++].pg_start.data_dir, 'x', LIMIT_PATH);
    bad[count] = sound(FENCE_PG_STOP), bad[count++].pg_stop.mode = 3;
    bad[count] = sound(FENCE_PG_SIGNAL), bad[count++].pg_signal.what = 2;
    bad[count] = sound(FENCE_LEASE), bad[count++].lease.epoch = 0;
    bad[count] = sound(FENCE_LEASE), bad[count++].lease.announce = FENCE_ANNOUNCE_OFTEN + 1;
    bad[count] = sound(FENCE_LEASE), strcpy(bad[count++].lease.address, "10.0.0.9/0");
    bad[count] = sound(FENCE_ADDRESS_ADD), strcpy(bad[count++].address.interface, "");
    bad[count] = sound(FENCE_ADDRESS_ADD), strcpy(bad[count++].address.interface, "a\nb");
    bad[count] = sound(FENCE_LISTEN), bad[count++].listen.kind = FENCE_LISTENS;
    bad[count] = sound(FENCE_LISTEN), bad[count++].listen.port = 65536;
    bad[count] = sound(FENCE_NUDGE), bad[count++].nudge.count = FENCE_NUDGES + 1;
    bad[count] = sound(FENCE_NUDGE), bad[count++].nudge.ends[0].peer_port = 65536;
    bad[count] = sound(FENCE_NUDGE), bad[count++].nudge.ends[0].port = 0;
    bad[count] = sound(FENCE_NUDGE), bad[count++].nudge.address[0] = 'x';
    bad[count] = sound(FENCE_KNOWN), bad[count++].known.doors = FENCE_DOORS + 1;
    bad[count] = sound(FENCE_KNOWN), bad[count++].known.callers = LIMIT_REGIONS + 2;
    bad[count] = sound(FENCE_KNOWN), bad[count++].known.door[1] = 0;
    bad[count] = sound(FENCE_KNOWN), bad[count++].known.door[0] = 65536;
    assert_int_equal(count, COUNT_OF(bad));
    for (int i = 0; i < count; i++)
        if (check(&bad[i], REQUEST_FROM_REGIOND) != ERR_BAD_INPUT)
            fail_msg("case %d was not refused", i);
    struct fence_request out, request = sound(FENCE_QUERY);
    struct error err;
    assert_int_equal(request_check(&request, sizeof(request) - 1, REQUEST_FROM_REGIOND, &out, &err),
                     ERR_BAD_INPUT);
}

static void test_backoff_doubles_and_forgets(void **unused)
{
    (void)unused;
    struct backoff backoff = {0};
    static const uint32_t waits[] = {200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    for (size_t i = 0; i < COUNT_OF(waits); i++)
        assert_int_equal(backoff_next_ms(&backoff, 10), waits[i]);
    assert_int_equal(backoff_next_ms(&backoff, BACKOFF_STEADY_MS), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_requests_pass_from_regiond_only),
        cmocka_unit_test(test_malformed_requests_are_refused),
        cmocka_unit_test(test_backoff_doubles_and_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

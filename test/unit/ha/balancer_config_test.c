/* HAProxy's configuration: one socket for each door, and whose word about a client is taken. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ha/balancer_config.h"

static const struct ha_settings settings = {.name = "region1",
                                            .address = "10.0.0.1",
                                            .run_dir = "/run/x",
                                            .hop_port = 5252,
                                            .health_port = 5239,
                                            .api_socket = "/run/x/api.sock",
                                            .ca_file = "/d/ca.pem",
                                            .revoked_file = "/d/revoked.pem"};

static struct cluster_state facts;

static int fill(struct balancer_socket *sockets)
{
    cluster_state_init(&facts);
    facts.members_count = 2;
    strcpy(facts.members[0].name, "region1");
    strcpy(facts.members[0].address, "10.0.0.1");
    strcpy(facts.members[1].name, "region2");
    strcpy(facts.members[1].address, "10.0.0.2");
    facts.members[1].ports[CLUSTER_PORT_HOP] = 5252;
    facts.members[1].ports[CLUSTER_PORT_HEALTH] = 5239;
    facts.lease_ms[CLUSTER_LEASE_VIP] = 800;
    facts.vips_count = 1;
    strcpy(facts.vips[0].net, "10.0.0.100/24");
    facts.vips[0].http_port = 5240;
    facts.vips[0].https_port = 5443;
    return balancer_config_sockets(&facts, &settings, sockets);
}

static void test_sockets(void **unused)
{
    (void)unused;
    struct balancer_socket sockets[BALANCER_SOCKETS];
    assert_int_equal(fill(sockets), 3);
    assert_int_equal(sockets[0].door, BALANCER_HOP);
    assert_string_equal(sockets[0].socket.address, "10.0.0.1");
    assert_int_equal(sockets[0].socket.port, 5252);
    assert_int_equal(sockets[1].door, BALANCER_HTTP);
    assert_string_equal(sockets[1].socket.address, "10.0.0.100");
    assert_int_equal(sockets[2].socket.port, 5443);
}

/* From "frontend NAME" to the next empty line. */
static bool says(const char *text, const char *frontend, const char *line)
{
    const char *from = strstr(text, frontend), *to = from ? strstr(from, "\n\n") : NULL;
    const char *found = from ? strstr(from, line) : NULL;
    return found && (!to || found < to);
}

static void test_doors(void **unused)
{
    (void)unused;
    struct balancer_socket sockets[BALANCER_SOCKETS];
    struct spool out;
    spool_init(&out);
    int count = fill(sockets);
    balancer_config_write(&out, &facts, sockets, count, &settings);
    spool_put(&out, "", 1);
    const char *text = out.bytes;
    assert_true(says(text, "frontend hop_3", "bind fd@3 ssl crt /run/x/haproxy.pem"));
    assert_true(says(text, "frontend hop_3", "verify required"));
    assert_true(says(text, "frontend hop_3", "deny unless { ssl_c_s_dn(OU) -m str rack region }"));
    assert_true(says(text, "frontend hop_3", "crl-file /d/revoked.pem verify required"));
    assert_true(says(text, "frontend hop_3",
                     "acl member ssl_c_s_dn(CN) -m str region1 region2\n"
                     "    http-request deny if region !member\n"));
    assert_false(says(text, "frontend hop_3", "del-header X-Forwarded-For"));
    assert_true(says(text, "frontend hop_3", "reject if { sc0_conn_cur gt 512 }\n"));
    assert_true(says(text, "frontend hop_3", "X-Forwarded-Proto https unless region\n"));
    assert_true(says(text, "frontend hop_3",
                     "use_backend here if region or { path_beg /blobs/ /images/ }\n"));
    assert_true(says(text, "frontend hop_3", "del-header X-Gantry-Caller unless region\n"));
    const char *open[] = {"frontend http_4", "frontend https_5"};
    for (int i = 0; i < 2; i++) {
        assert_true(says(text, open[i], "del-header X-Forwarded-For"));
        assert_true(says(text, open[i], "del-header X-Gantry-Hop"));
        assert_true(says(text, open[i], "reject if { sc0_conn_cur gt 512 }\n"));
        assert_true(says(text, open[i], "wait-for-body time 30s\n"));
        assert_false(says(text, open[i], "verify required"));
        assert_true(says(text, open[i],
                         "set-header X-Gantry-Caller \"%[src]:%[src_port] %[dst]:%[dst_port]\""));
    }
    assert_true(says(text, "frontend http_4", "X-Forwarded-Proto http\n"));
    assert_true(says(text, "frontend https_5", "X-Forwarded-Proto https\n"));
    assert_true(
        says(text, "\nbackend regions", "server region1 unix@/run/x/api.sock check weight 100"));
    assert_true(says(text, "\nbackend regions", "server region2 10.0.0.2:5252"));
    assert_true(says(text, "\nbackend regions", "verifyhost region2"));
    assert_true(says(text, "\nbackend regions", "timeout check 133ms\n")); /* a sixth of 800 ms */
    assert_true(
        says(text, "\nbackend regions", "inter 100ms fastinter 100ms downinter 100ms fall 3"));
    assert_true(says(text, "\nbackend regions", "server waits unix@/run/x/api.sock backup"));
    assert_null(strstr(text, "server region1 10.0.0.1:5252")); /* not to itself over the network */
    assert_true(says(text, "\nbackend here", "server region1 unix@/run/x/api.sock"));
    assert_null(strstr(strstr(text, "\nbackend here"), "region2"));
    spool_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sockets),
                                       cmocka_unit_test(test_doors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

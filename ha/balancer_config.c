/* HAProxy's configuration: see balancer_config.h. Source: HAProxy 2.6 configuration manual. */
#include "ha/balancer_config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/address.h"

/* Connections of all doors together, of one of them, and of one address at a door: what floods one
 * leaves room at it and at the others. A controller has 256 to each region it speaks to. */
enum { CONNECTIONS_MOST = 6144, CONNECTIONS_DOOR = 3000, CONNECTIONS_CALLER = 512 };

static void add(struct balancer_socket *socket, enum balancer_door door, const char *address,
                uint32_t port)
{
    socket->door = door;
    snprintf(socket->socket.address, sizeof(socket->socket.address), "%s", address);
    socket->socket.port = (int)port;
}

int balancer_config_sockets(const struct cluster_state *facts, const struct ha_settings *settings,
                            struct balancer_socket sockets[BALANCER_SOCKETS])
{
    int count = 0;
    add(&sockets[count++], BALANCER_HOP, settings->address, (uint32_t)settings->hop_port);
    for (int i = 0; i < facts->vips_count; i++) {
        struct ip4_net net;
        char text[IP4_TEXT];
        if (!ip4_net_parse(facts->vips[i].net, &net))
            continue;
        ip4_format(net.address, text);
        add(&sockets[count++], BALANCER_HTTP, text, facts->vips[i].http_port);
        add(&sockets[count++], BALANCER_HTTPS, text, facts->vips[i].https_port);
    }
    return count;
}

/*
 * Limits a slow or abusive client: headers within 10 s, bodies watched by regiond. What failed is
 * asked again, of another region: each request carries an id (X-Request-Id) that stays the same, by
 * which a write is done once. For that the beginning of the body is waited for (write_frontend):
 * what is sent in two parts cannot be sent again.
 */
static const char fixed[] = "defaults\n"
                            "    mode http\n"
                            "    option http-keep-alive\n"
                            "    option redispatch 1\n"
                            "    option dontlognull\n"
                            "    option splice-auto\n"
                            "    timeout connect 1s\n"
                            "    timeout client 75s\n"
                            "    timeout server 75s\n"
                            "    timeout http-request 10s\n"
                            "    timeout http-keep-alive 60s\n"
                            "    timeout queue 15s\n"
                            "    retries 4\n"
                            "    retry-on conn-failure empty-response response-timeout\n"
                            "    unique-id-format %[uuid()]\n";

static bool is_word(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789._-") == strlen(text);
}

/*
 * Racks pass the machine's address on, and regions what their own front door has written; nobody
 * else's word for it is taken, nor a region's that was removed. What a region passes on stays here:
 * no circles.
 */
static void write_hop_rules(struct spool *out, const struct cluster_state *facts)
{
    spool_text(out, "    acl region ssl_c_s_dn(OU) -m str region\n"
                    "    acl member ssl_c_s_dn(CN) -m str");
    for (int i = 0; i < facts->members_count; i++)
        if (is_word(facts->members[i].name))
            spool_printf(out, " %s", facts->members[i].name);
    spool_text(out, "\n"
                    "    http-request deny if region !member\n"
                    "    http-request deny unless { ssl_c_s_dn(OU) -m str rack region }\n"
                    "    http-request set-header X-Gantry-Hop %[ssl_c_s_dn(CN)] unless region\n"
                    "    http-request del-header X-Gantry-Caller unless region\n"
                    "    http-request add-header X-Forwarded-For %[src] unless region\n"
                    "    http-request set-header X-Forwarded-Proto https unless region\n");
}

static void write_frontend(struct spool *out, const struct cluster_state *facts,
                           const struct balancer_socket *socket, int number,
                           const struct ha_settings *settings)
{
    static const char *const names[] = {"http", "https", "hop"};
    spool_printf(out, "\nfrontend %s_%d\n    # %s port %d\n", names[socket->door], number,
                 socket->socket.address, socket->socket.port);
    spool_printf(out, "    bind fd@%d", number);
    if (socket->door != BALANCER_HTTP)
        spool_printf(out, " ssl crt %s/haproxy.pem alpn http/1.1", settings->run_dir);
    if (socket->door == BALANCER_HOP)
        spool_printf(out, " ca-file %s crl-file %s verify required ssl-min-ver TLSv1.3",
                     settings->ca_file, settings->revoked_file);
    spool_printf(out,
                 "\n    maxconn %d\n"
                 "    stick-table type ip size 16k expire 60s store conn_cur\n"
                 "    tcp-request connection track-sc0 src\n"
                 "    tcp-request connection reject if { sc0_conn_cur gt %d }\n",
                 CONNECTIONS_DOOR, CONNECTIONS_CALLER);
    if (socket->door == BALANCER_HOP) {
        write_hop_rules(out, facts);
    } else {
        spool_text(out, "    http-request del-header X-Forwarded-For\n"
                        "    http-request del-header X-Gantry-Hop\n"
                        "    http-request set-header X-Gantry-Caller "
                        "\"%[src]:%[src_port] %[dst]:%[dst_port]\"\n"
                        "    option forwardfor\n");
    }
    if (socket->door != BALANCER_HOP)
        spool_printf(out, "    http-request set-header X-Forwarded-Proto %s\n",
                     socket->door == BALANCER_HTTP ? "http" : "https");
    spool_text(out, "    http-request wait-for-body time 30s\n"
                    "    http-request set-header X-Request-Id %[unique-id] unless "
                    "{ req.hdr(X-Request-Id) -m found }\n");
    if (socket->door == BALANCER_HOP)
        /* files are asked of each region in turn: what this one lacks another may have */
        spool_text(out, "    use_backend here if region or { path_beg /blobs/ /images/ }\n");
    spool_text(out, "    default_backend regions\n");
}

/*
 * This region through its unix socket, the others through their hop port. Up is who reaches a
 * primary: /serves of its health port, which never waits; a 404 there means that it finishes what
 * it answers. The own one is preferred by weight: a hop costs. While no region reaches a primary
 * the own one takes the requests and lets them wait for it. One that freezes is down after three
 * checks, half of a lease: what it was asked is asked elsewhere before an address would move.
 */
static void write_regions(struct spool *out, const struct cluster_state *facts,
                          const struct ha_settings *settings)
{
    uint32_t lease_ms = facts->lease_ms[CLUSTER_LEASE_VIP];
    spool_text(out, "\nbackend regions\n"
                    "    balance roundrobin\n"
                    "    http-reuse safe\n"
                    "    option httpchk GET /serves\n"
                    "    http-check expect status 200\n"
                    "    http-check disable-on-404\n");
    spool_printf(out,
                 "    timeout check %ums\n"
                 "    default-server inter %ums fastinter %ums downinter %ums fall 3 rise 1 "
                 "observe layer4 error-limit 3 on-error fail-check "
                 "on-marked-down shutdown-sessions maxconn 256\n",
                 lease_ms / 6, lease_ms / 8, lease_ms / 8, lease_ms / 8);
    spool_printf(out, "    server %s unix@%s check weight 100 addr %s port %d\n", settings->name,
                 settings->api_socket, settings->address, settings->health_port);
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        if (!strcmp(member->name, settings->name) || !is_word(member->name))
            continue;
        spool_printf(
            out,
            "    server %s %s:%u check weight 10 ssl crt %s/haproxy.pem ca-file %s crl-file "
            "%s verify required verifyhost %s ssl-min-ver TLSv1.3 addr %s port %u "
            "no-check-ssl\n",
            member->name, member->address, member->ports[CLUSTER_PORT_HOP], settings->run_dir,
            settings->ca_file, settings->revoked_file, member->name, member->address,
            member->ports[CLUSTER_PORT_HEALTH]);
    }
    spool_printf(out, "    server waits unix@%s backup\n", settings->api_socket);
    spool_printf(out, "\nbackend here\n    http-reuse safe\n    server %s unix@%s maxconn 256\n",
                 settings->name, settings->api_socket);
}

void balancer_config_write(struct spool *out, const struct cluster_state *facts,
                           const struct balancer_socket *sockets, int count,
                           const struct ha_settings *settings)
{
    spool_printf(out,
                 "# Written by gantry-regiond at every start of HAProxy; certificate %u, "
                 "revoked %u.\nglobal\n"
                 "    stats socket unix@%s/haproxy.sock mode 600 level admin\n"
                 "    maxconn %d\n"
                 "    nbthread 2\n"
                 "    hard-stop-after 30s\n"
                 "    ssl-default-bind-options ssl-min-ver TLSv1.2\n\n",
                 settings->endpoint_generation, settings->revoked_generation, settings->run_dir,
                 CONNECTIONS_MOST);
    spool_text(out, fixed);
    for (int i = 0; i < count; i++)
        write_frontend(out, facts, &sockets[i], HAPROXY_FIRST_FD + i, settings);
    write_regions(out, facts, settings);
}

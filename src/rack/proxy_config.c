/* HAProxy's configuration for machines: see proxy_config.h. Source: HAProxy 2.6 configuration
 * manual. */
#include "src/rack/proxy_config.h"

#include <ctype.h>
#include <string.h>

#include "src/wire/haproxy.h"

static bool is_path(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("._/-", text[i]))
            return false;
    return size && text[0] == '/';
}

enum error_code proxy_config_read_paths(const char *text, struct proxy_config_paths *paths,
                                        struct error *err)
{
    paths->count = 0;
    for (const char *at = text; *(at += strspn(at, " \t"));) {
        size_t size = strcspn(at, " \t");
        bool beginning = at[size - 1] == '*';
        size_t length = size - beginning;
        if (!is_path(at, length) || length >= PROXY_CONFIG_PATH)
            return error_set(err, ERR_BAD_INPUT,
                             "[proxy] allow: %.*s: expected a path like /MAAS/metadata/*",
                             (int)(size < 80 ? size : 80), at);
        if (paths->count == PROXY_CONFIG_PATHS)
            return error_set(err, ERR_BAD_INPUT, "[proxy] allow: at most %d paths",
                             PROXY_CONFIG_PATHS);
        memcpy(paths->path[paths->count].path, at, length);
        paths->path[paths->count].path[length] = '\0';
        paths->path[paths->count++].beginning = beginning;
        at += size;
    }
    return ERR_OK;
}

/*
 * The three retries may repeat a request: each carries an id that stays the same, by which regions
 * do it once.
 */
static const char fixed[] = "# Written by gantry-rackd at every start of HAProxy.\n"
                            "global\n"
                            "    maxconn 2048\n"
                            "    nbthread 1\n"
                            "    hard-stop-after 10s\n"
                            "\n"
                            "defaults\n"
                            "    mode http\n"
                            "    option http-keep-alive\n"
                            "    option redispatch 1\n"
                            "    option dontlognull\n"
                            "    timeout connect 2s\n"
                            "    timeout client 75s\n"
                            "    timeout server 75s\n"
                            "    timeout http-request 10s\n"
                            "    timeout http-keep-alive 60s\n"
                            "    timeout queue 15s\n"
                            "    timeout check 2s\n"
                            "    retries 3\n"
                            "    retry-on conn-failure empty-response 503\n"
                            "    maxconn 2000\n"
                            "    unique-id-format %[uuid()]\n";

/*
 * A path is compared as it came: what another reader could take for a different one is refused. No
 * machine has more to say in ten seconds than this, nor in one request: a result has four MiB.
 */
static void write_frontend(struct spool *out, const struct proxy_config *config)
{
    spool_text(out, "\nfrontend machines\n");
    for (int i = 0; i < config->listeners; i++)
        spool_printf(out, "    bind fd@%d\n", HAPROXY_FIRST_FD + i);
    spool_text(out, "    stick-table type ip size 16k expire 60s store conn_cur,"
                    "http_req_rate(10s)\n"
                    "    tcp-request connection track-sc0 src\n"
                    "    tcp-request connection reject if { sc0_conn_cur gt 64 }\n");
    for (int i = 0; i < config->paths->count; i++)
        spool_printf(out, "    acl allowed path -m %s %s\n",
                     config->paths->path[i].beginning ? "beg" : "str", config->paths->path[i].path);
    spool_text(out, "    http-request deny deny_status 403 if { path -m sub .. % \\\\ }\n"
                    "    http-request deny deny_status 429 if { sc0_http_req_rate gt 2000 }\n"
                    "    http-request deny deny_status 413 if "
                    "{ req.hdr_val(content-length) gt 8388608 }\n"
                    "    http-request deny deny_status 400 if "
                    "{ req.hdr(transfer-encoding) -m found }\n");
    spool_printf(out, "    http-request deny deny_status 403%s\n",
                 config->paths->count ? " unless allowed" : "");
    spool_text(out, "    http-request del-header X-Gantry-Hop\n"
                    "    http-request set-header X-Forwarded-For %[src]\n"
                    "    http-request set-header X-Forwarded-Proto http\n"
                    "    http-request set-header X-Request-Id %[unique-id]\n"
                    "    default_backend regions\n");
}

static bool is_name(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789._-") == strlen(name);
}

void proxy_config_write(struct spool *out, const struct proxy_config *config)
{
    spool_text(out, fixed);
    write_frontend(out, config);
    spool_text(out, "\nbackend regions\n"
                    "    balance leastconn\n"
                    "    http-reuse safe\n"
                    "    option httpchk\n"
                    "    http-check send meth GET uri /MAAS/api/2.0/version/ ver HTTP/1.1 "
                    "hdr Host gantry\n"
                    "    http-check expect status 200\n");
    spool_printf(out,
                 "    default-server ssl crt %s ca-file %s verify required "
                 "ssl-min-ver TLSv1.3 check inter 1s fall 2 rise 1 maxconn 256\n",
                 config->pem_file, config->ca_file);
    for (int i = 0; i < config->regions->count; i++) {
        const struct membership_region *region = &config->regions->regions[i];
        if (is_name(region->name)) /* its certificate has to carry the name */
            spool_printf(out, "    server %s %s:%d verifyhost %s\n", region->name, region->address,
                         region->hop_port, region->name);
    }
}

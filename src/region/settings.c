/* regiond.conf: see settings.h. */
#include "src/region/settings.h"

#include <string.h>
#include <unistd.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/base/limits.h"

#define AT(member) offsetof(struct settings, member)
#define PORT       .low = 1, .high = 65535

static const struct config_key schema[] = {
    {"region", "name", CONFIG_TEXT, AT(name), "",
     .help = "name of this region controller; empty: the host's name"},
    {"region", "address", CONFIG_IP, AT(address), NULL,
     .help = "its own address on the management network, which regions and racks reach it by"},
    {"region", "data_dir", CONFIG_PATH, AT(data_dir), "/var/lib/gantry/region",
     .help = "what must survive: consensus log, database, keys, images"},
    {"region", "run_dir", CONFIG_PATH, AT(run_dir), "/run/gantry",
     .help = "sockets; made by gantry-fenced at start"},
    {"postgres", "bin_dir", CONFIG_PATH, AT(pg_bin_dir), "/usr/lib/postgresql/15/bin",
     .help = "where the programs postgres and initdb are"},
    {"vip", "address", CONFIG_NET, AT(vip_net), "",
     .help = "virtual IP of a new cluster, such as 10.0.0.9/24; cluster init needs it"},
    {"vip", "interface", CONFIG_TEXT, AT(vip_interface), "",
     .help = "the network interface it is put on"},
    {"vip", "http_port", CONFIG_INT, AT(http_port), "5240", PORT, .help = "API in plain, there"},
    {"vip", "https_port", CONFIG_INT, AT(https_port), "5443", PORT, .help = "API over TLS, there"},
    {"ports", "raft", CONFIG_INT, AT(raft_port), "5250", PORT, .help = "consensus and leases"},
    {"ports", "racks", CONFIG_INT, AT(rack_port), "5251", PORT, .help = "links of racks"},
    {"ports", "hop", CONFIG_INT, AT(hop_port), "5252", PORT,
     .help = "API and images for racks and regions"},
    {"ports", "postgres", CONFIG_INT, AT(pg_port), "5253", PORT, .help = "the database"},
    {"ports", "health", CONFIG_INT, AT(health_port), "5239", PORT, .help = "health and metrics"},
    {"balancer", "program", CONFIG_PATH, AT(haproxy), "/usr/sbin/haproxy", .help = "HAProxy"},
    {"timing", "profile", CONFIG_CHOICE, AT(profile), "default",
     .choices = {"default", "lan-fast", "wan"},
     .help = "how soon a silent member counts as lost; the same on every region"},
    {"api", "threads", CONFIG_INT, AT(api_threads), "8", .low = 1, .high = 64,
     .help = "requests answered at once, each with a database connection"},
    {"dhcp", "term_s", CONFIG_INT, AT(dhcp_term_s), "86400", .low = 60, .high = 604800,
     .help =
         "seconds for which a rack that hears no region may give addresses; the same everywhere"},
    {"log", "format", CONFIG_CHOICE, AT(log_format), "text", .choices = {"text", "json"},
     .help = "text or json, to stderr"},
    {"log", "level", CONFIG_CHOICE, AT(log_level), "info",
     .choices = {"debug", "info", "warning", "error"}, .help = "lowest level written"},
};

static const struct settings_timing timings[] = {
    {50, 500, 800},   /* default */
    {50, 250, 400},   /* lan-fast */
    {250, 2500, 3000} /* wan */
};

static enum error_code check_name(struct settings *settings, struct arena *arena, struct error *err)
{
    char host[LIMIT_NAME] = "";
    if (!*settings->name) {
        gethostname(host, sizeof(host) - 1);
        settings->name = arena_strndup(arena, host, strcspn(host, "."));
    }
    if (!*settings->name || strlen(settings->name) >= LIMIT_NAME ||
        strspn(settings->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(settings->name))
        return error_set(err, ERR_BAD_INPUT,
                         "[region] name = %.80s: expected up to %d lower-case letters, digits and "
                         "dashes",
                         settings->name, LIMIT_NAME - 1);
    return ERR_OK;
}

/* A second use of a port would be found out by whichever program starts last. */
static enum error_code check_ports(const struct settings *settings, struct error *err)
{
    const int ports[] = {settings->raft_port, settings->rack_port, settings->hop_port,
                         settings->pg_port, settings->health_port};
    for (size_t i = 0; i < COUNT_OF(ports); i++)
        for (size_t k = 0; k < i; k++)
            if (ports[i] == ports[k])
                return error_set(err, ERR_BAD_INPUT, "[ports]: %d is given for two purposes",
                                 ports[i]);
    if (settings->http_port == settings->https_port)
        return error_set(err, ERR_BAD_INPUT, "[vip]: http_port and https_port are both %d",
                         settings->http_port);
    return ERR_OK;
}

static enum error_code check_vip(const struct settings *settings, struct error *err)
{
    struct ip4_net net;
    ip4 address;
    if (!*settings->address || !ip4_parse(settings->address, &address))
        return error_set(err, ERR_BAD_INPUT,
                         "[region] address is empty: expected the address of this host");
    if (!*settings->vip_net != !*settings->vip_interface)
        return error_set(err, ERR_BAD_INPUT,
                         "[vip]: address and interface belong together: give both or none");
    if (strlen(settings->vip_interface) > 15)
        return error_set(err, ERR_BAD_INPUT, "[vip] interface = %.40s: not an interface's name",
                         settings->vip_interface);
    if (*settings->vip_net && ip4_net_parse(settings->vip_net, &net) &&
        (net.address == address || net.prefix == 0))
        return error_set(
            err, ERR_BAD_INPUT,
            "[vip] address = %s: expected an address that no host has, with its prefix",
            settings->vip_net);
    return ERR_OK;
}

/* Unix sockets have short names: found out here rather than when the database starts. */
static enum error_code check_run_dir(const struct settings *settings, struct error *err)
{
    if (strlen(settings->run_dir) > 80)
        return error_set(err, ERR_BAD_INPUT,
                         "[region] run_dir = %.100s: expected at most 80 letters",
                         settings->run_dir);
    return strpbrk(settings->run_dir, "'\\\n") || strpbrk(settings->data_dir, "'\\\n")
               ? error_set(err, ERR_BAD_INPUT, "[region]: no quotes in run_dir and data_dir")
               : ERR_OK;
}

enum error_code settings_read(const struct config_source *source, struct arena *arena,
                              struct settings *settings, struct error *err)
{
    enum error_code code = config_load(schema, (int)COUNT_OF(schema), source, arena, settings, err);
    code = code ? code : check_name(settings, arena, err);
    code = code ? code : check_ports(settings, err);
    code = code ? code : check_vip(settings, err);
    return code ? code : check_run_dir(settings, err);
}

void settings_print(void)
{
    config_print(schema, (int)COUNT_OF(schema));
}

const struct settings_timing *settings_timing(const struct settings *settings)
{
    return &timings[settings->profile];
}

/* rackd.conf: see settings.h. */
#include "src/rack/settings.h"

#include <string.h>
#include <unistd.h>

#include "src/base/container.h"

#define AT(member) offsetof(struct settings, member)

static const struct config_key schema[] = {
    {"rack", "name", CONFIG_TEXT, AT(name), "",
     .help = "name of this rack controller; empty: the host's name"},
    {"rack", "data_dir", CONFIG_PATH, AT(data_dir), "/var/lib/gantry/rack",
     .help = "what must survive: certificate, leases, cached images"},
    {"rack", "run_dir", CONFIG_PATH, AT(run_dir), "/run/gantry",
     .help = "sockets and files of the running program"},
    {"rack", "boot_dir", CONFIG_PATH, AT(boot_dir), "/usr/share/gantry/boot",
     .help = "boot loaders for machines"},
    {"provision", "interfaces", CONFIG_TEXT, AT(provision_names), "",
     .help = "interfaces with machines behind them, by comma; empty: none is served"},
    {"boot", "port", CONFIG_INT, AT(boot_port), "5248", .low = 1024, .high = 65535,
     .help = "port of boot files and images over HTTP (TFTP has 69)"},
    {"images", "cache_mib", CONFIG_INT, AT(cache_mib), "16384", .low = 64, .high = 16777216,
     .help = "most MiB of images kept in data_dir; what was used longest ago makes room"},
    {"proxy", "port", CONFIG_INT, AT(proxy_port), "5240", .low = 1024, .high = 65535,
     .help = "port of /MAAS/ for machines, on the addresses of the provisioning interfaces"},
    {"proxy", "allow", CONFIG_TEXT, AT(proxy_allow),
     "/MAAS/metadata/* /MAAS/api/2.0/machines/ /MAAS/api/2.0/version/",
     .help = "paths that machines may ask for, by spaces; * at the end: all that begin so"},
    {"proxy", "program", CONFIG_PATH, AT(haproxy), "/usr/sbin/haproxy",
     .help = "the program HAProxy"},
    {"health", "address", CONFIG_IP, AT(health_address), "",
     .help = "where health and metrics are told; empty: on all addresses"},
    {"health", "port", CONFIG_INT, AT(health_port), "5239", .low = 1, .high = 65535,
     .help = "port of health and metrics"},
    {"power", "ipmitool", CONFIG_PATH, AT(ipmitool), "/usr/bin/ipmitool",
     .help = "the program that talks to BMCs"},
    {"power", "snmpget", CONFIG_PATH, AT(snmpget), "/usr/bin/snmpget",
     .help = "the program that reads outlets of PDUs"},
    {"power", "snmpset", CONFIG_PATH, AT(snmpset), "/usr/bin/snmpset",
     .help = "the program that switches outlets of PDUs"},
    {"power", "virsh", CONFIG_PATH, AT(virsh), "/usr/bin/virsh",
     .help = "the program that talks to libvirt hosts"},
    {"power", "ssh", CONFIG_PATH, AT(ssh), "/usr/bin/ssh",
     .help = "the program that types commands on management consoles"},
    {"log", "format", CONFIG_CHOICE, AT(log_format), "text", .choices = {"text", "json"},
     .help = "text or json, to stderr"},
    {"log", "level", CONFIG_CHOICE, AT(log_level), "info",
     .choices = {"debug", "info", "warning", "error"}, .help = "lowest level written"},
};

static enum error_code check_name(struct settings *settings, struct arena *arena, struct error *err)
{
    char host[LIMIT_NAME] = "";
    if (!*settings->name && (gethostname(host, sizeof(host) - 1) || !*host))
        return error_set(err, ERR_BAD_INPUT, "this host has no name: set [rack] name");
    if (!*settings->name)
        settings->name = arena_strdup(arena, host);
    if (strlen(settings->name) >= LIMIT_NAME)
        return error_set(err, ERR_BAD_INPUT, "[rack] name = %.80s: expected at most %d letters",
                         settings->name, LIMIT_NAME - 1);
    return ERR_OK;
}

static enum error_code add_interface(struct settings *settings, const char *name, size_t size,
                                     struct error *err)
{
    if (size >= INTERFACE_NAME)
        return error_set(
            err, ERR_BAD_INPUT,
            "[provision] interfaces: %.*s is longer than a name of an interface can be",
            (int)(size < 40 ? size : 40), name);
    for (int i = 0; i < settings->provision_count; i++)
        if (!strncmp(settings->provision[i], name, size) && !settings->provision[i][size])
            return error_set(err, ERR_BAD_INPUT, "[provision] interfaces: %.*s is named twice",
                             (int)size, name);
    if (settings->provision_count == LIMIT_INTERFACES)
        return error_set(err, ERR_BAD_INPUT, "[provision] interfaces: at most %d can be served",
                         LIMIT_INTERFACES);
    memcpy(settings->provision[settings->provision_count], name, size);
    settings->provision[settings->provision_count++][size] = '\0';
    return ERR_OK;
}

static enum error_code split_interfaces(struct settings *settings, struct error *err)
{
    const char *at = settings->provision_names;
    settings->provision_count = 0;
    while (*(at += strspn(at, ", \t"))) {
        size_t size = strcspn(at, ", \t");
        enum error_code code = add_interface(settings, at, size, err);
        if (code)
            return code;
        at += size;
    }
    return ERR_OK;
}

enum error_code settings_read(const struct config_source *source, struct arena *arena,
                              struct settings *settings, struct error *err)
{
    enum error_code code = config_load(schema, (int)COUNT_OF(schema), source, arena, settings, err);
    code = code ? code : check_name(settings, arena, err);
    return code ? code : split_interfaces(settings, err);
}

void settings_print(void)
{
    config_print(schema, (int)COUNT_OF(schema));
}

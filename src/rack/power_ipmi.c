/*
 * The drivers "ipmi" and "moonshot": see power_ipmi.h. ipmitool says little by its exit status and
 * much by its output, so the output is what errors are made from. The password goes by the
 * environment.
 */
#include "src/rack/power_ipmi.h"

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/rack/power_steps.h"
#include "src/rack/power_tool.h"

enum {
    RUN_MS = 15000, /* most for one run of the tool */
    ARGV_MAX = 48,
    BRIDGE_MAX = 20, /* words of power_hwaddress */
};

/* One order under way. */
struct ipmi {
    const struct power_order *order;
    struct arena *arena;
    uint64_t deadline_ns;
    const char *environment[6];
};

/* "" when the driver has no such parameter. */
static const char *parameter(const struct ipmi *ipmi, const char *name)
{
    const struct power_driver *driver = ipmi->order->driver;
    return power_driver_parameter(driver, name)
               ? power_driver_text(driver, ipmi->order->parameters, name)
               : "";
}

/* ---- what the tool says ---- */

static const struct {
    const char *output; /* a part of what ipmitool writes */
    enum error_code code;
    const char *text;
} explanations[] = {
    {"RAKP 2 HMAC is invalid", ERR_FORBIDDEN, "refuses the password (power_pass)"},
    {"unauthorized name", ERR_FORBIDDEN, "does not know the user (power_user)"},
    {"invalid role", ERR_FORBIDDEN, "does not give this user the privilege_level; try another one"},
    {"RAKP 4 message has invalid integrity", ERR_FORBIDDEN, "refuses the K_g key (k_g)"},
    {"Insufficient privilege", ERR_FORBIDDEN, "says that the privilege_level is too low for this"},
    {"invalid authentication algorithm", ERR_BAD_INPUT,
     "does not speak this cipher_suite_id; try another one"},
    {"no matching cipher suite", ERR_BAD_INPUT,
     "does not speak this cipher_suite_id; try another one"},
    {"no cipher suite match", ERR_BAD_INPUT,
     "does not speak this cipher_suite_id; try another one"},
    {"Assertion", ERR_BAD_INPUT, "cannot be spoken to with this cipher_suite_id by ipmitool"},
    {"insufficient resources", ERR_BUSY, "has no free session now"},
    {"Node busy", ERR_BUSY, "is busy"},
    {"Get Auth Capabilities", ERR_UNAVAILABLE, "does not answer"},
    {"Get Channel Authentication", ERR_UNAVAILABLE, "does not answer"},
    {"Could not open socket", ERR_UNAVAILABLE, "cannot be reached"},
    {"Activate Session command failed", ERR_FORBIDDEN,
     "refuses user or password (power_user, power_pass)"},
    {"Address lookup", ERR_UNAVAILABLE, "cannot be reached"},
    {"Unable to establish", ERR_UNAVAILABLE, "does not open a session"},
};

/* The last line that is not about the tool's own affairs. */
static void last_line(const char *output, char *line, size_t room)
{
    static const char *const noise[] = {"Get HPM.x",       "Loading IANA",
                                        "Running Get VSO", "Invalid completion code received",
                                        "Discovered IPMB", "IANA PEN registry"};
    snprintf(line, room, "%s", "(nothing)");
    while (*output) {
        size_t size = strcspn(output, "\n");
        bool is_noise = size == 0;
        for (size_t i = 0; i < COUNT_OF(noise) && !is_noise; i++)
            is_noise = !strncmp(output, noise[i], strlen(noise[i]));
        if (!is_noise)
            snprintf(line, room, "%.*s", (int)(size < room ? size : room - 1), output);
        output += size + (output[size] == '\n');
    }
}

enum error_code power_ipmi_explain(const struct power_order *order, const char *output,
                                   struct error *err)
{
    char line[160];
    const char *bmc = power_order_where(order);
    for (size_t i = 0; i < COUNT_OF(explanations); i++)
        if (strstr(output, explanations[i].output))
            return error_set(err, explanations[i].code, "the BMC at %s %s", bmc,
                             explanations[i].text);
    last_line(output, line, sizeof(line));
    return error_set(err, ERR_IO, "the BMC at %s: ipmitool says: %s", bmc, line);
}

bool power_ipmi_read_status(const char *output, enum power_seen *seen)
{
    if (strstr(output, "Chassis Power is on"))
        *seen = POWER_SEEN_ON;
    else if (strstr(output, "Chassis Power is off"))
        *seen = POWER_SEEN_OFF;
    else
        return false;
    return true;
}

/* ---- running the tool ---- */

/* Where the chassis' BMC finds the cartridge. */
static int add_bridge(const struct ipmi *ipmi, const char **argv, int count)
{
    char *rest = arena_strdup(ipmi->arena, parameter(ipmi, "power_hwaddress")), *place;
    int words = 0;
    for (char *word = strtok_r(rest, " ", &place); word && words < BRIDGE_MAX;
         word = strtok_r(NULL, " ", &place), words++)
        argv[count++] = word;
    return count;
}

static int add_option(const char **argv, int count, const char *option, const char *value)
{
    if (!*value)
        return count;
    argv[count++] = option;
    argv[count++] = value;
    return count;
}

static void build_argv(const struct ipmi *ipmi, const char *const *command, const char **argv)
{
    int count = 0;
    const struct power_order *order = ipmi->order;
    bool lan = !strcmp(parameter(ipmi, "power_driver"), "LAN");
    const char *privilege = parameter(ipmi, "privilege_level");
    /* -v: without it a wrong password looks like a BMC that is not there. */
    const char *const first[] = {order->tools->ipmitool, "-v", "-I", lan ? "lan" : "lanplus", "-E"};
    for (size_t i = 0; i < COUNT_OF(first); i++)
        argv[count++] = first[i];
    count = add_option(argv, count, "-H", power_order_peer_host(order, ipmi->arena));
    count = add_option(argv, count, "-p", power_order_peer_port(order, "623"));
    count = add_option(argv, count, "-L",
                       !*privilege                   ? "OPERATOR"
                       : !strcmp(privilege, "ADMIN") ? "ADMINISTRATOR"
                                                     : privilege);
    count = add_option(argv, count, "-N", "1");
    count = add_option(argv, count, "-R", "3");
    count = add_option(argv, count, "-U", parameter(ipmi, "power_user"));
    count = add_option(argv, count, "-C", lan ? "" : parameter(ipmi, "cipher_suite_id"));
    if (!lan && *parameter(ipmi, "k_g"))
        argv[count++] = "-K";
    count = add_bridge(ipmi, argv, count);
    for (; *command; command++)
        argv[count++] = *command;
    argv[count] = NULL;
    ASSERT(count < ARGV_MAX);
}

static enum error_code run_tool(const struct ipmi *ipmi, const char *const *command,
                                const char **output, struct error *err)
{
    const char *argv[ARGV_MAX];
    struct process_result result;
    struct power_tool tool = {argv, ipmi->environment, "ipmitool", RUN_MS, ipmi->deadline_ns};
    build_argv(ipmi, command, argv);
    enum error_code code = power_tool_run(ipmi->order, &tool, ipmi->arena, &result, err);
    if (code)
        return code;
    *output = result.output;
    return result.status ? power_ipmi_explain(ipmi->order, result.output, err) : ERR_OK;
}

static enum error_code chassis(const struct ipmi *ipmi, const char *what, const char *how,
                               struct error *err)
{
    const char *const command[] = {"chassis", what, how, NULL};
    const char *output;
    return run_tool(ipmi, command, &output, err);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    const struct ipmi *ipmi = subject;
    const char *const command[] = {"chassis", "power", "status", NULL};
    const char *output;
    enum error_code code = run_tool(ipmi, command, &output, err);
    if (!code && !power_ipmi_read_status(output, seen))
        code = power_ipmi_explain(ipmi->order, output, err);
    return code;
}

/* From the network next time: firmware asks the rack, which says what is to be booted. */
static enum error_code boot_from_network(const struct ipmi *ipmi, struct error *err)
{
    bool efi = !strcmp(parameter(ipmi, "power_boot_type"), "efi");
    const char *const command[] = {"chassis", "bootdev", "pxe", efi ? "options=efiboot" : NULL,
                                   NULL};
    const char *output;
    return run_tool(ipmi, command, &output, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    const struct ipmi *ipmi = subject;
    enum error_code code = boot_from_network(ipmi, err);
    return code ? code : chassis(ipmi, "power", "on", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return chassis(subject, "power", "off", err);
}

static enum error_code cycle(void *subject, struct error *err)
{
    const struct ipmi *ipmi = subject;
    enum error_code code = boot_from_network(ipmi, err);
    return code ? code : chassis(ipmi, "power", "cycle", err);
}

static void prepare(struct ipmi *ipmi)
{
    struct arena *arena = ipmi->arena;
    int count = 0;
    ipmi->environment[count++] = "PATH=/usr/bin:/bin";
    ipmi->environment[count++] = "LC_ALL=C";
    ipmi->environment[count++] = "HOME=/";
    ipmi->environment[count++] =
        arena_printf(arena, "IPMI_PASSWORD=%s", parameter(ipmi, "power_pass"));
    if (*parameter(ipmi, "k_g"))
        ipmi->environment[count++] = arena_printf(arena, "IPMI_KGKEY=%s", parameter(ipmi, "k_g"));
}

enum error_code power_ipmi_command(const struct power_order *order, struct arena *arena,
                                   const char *const *arguments, struct error *err)
{
    struct ipmi ipmi = {.order = order,
                        .arena = arena,
                        .deadline_ns = clock_boot_ns() + order->timeout_ms * CLOCK_MS};
    const char *output;
    prepare(&ipmi);
    return run_tool(&ipmi, arguments, &output, err);
}

enum error_code power_ipmi_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err)
{
    struct ipmi ipmi = {.order = order,
                        .arena = arena,
                        .deadline_ns = clock_boot_ns() + order->timeout_ms * CLOCK_MS};
    struct power_steps steps = {order, ipmi.deadline_ns, &ipmi, query, turn_on, turn_off, cycle};
    prepare(&ipmi);
    return power_steps_run(&steps, seen, err);
}

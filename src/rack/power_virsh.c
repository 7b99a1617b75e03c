/* The driver "virsh": see power_virsh.h. */
#include "src/rack/power_virsh.h"

#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/rack/power_ssh.h"
#include "src/rack/power_steps.h"
#include "src/rack/power_tool.h"
#include "src/rack/power_xml.h"

enum { RUN_MS = 30000 };

/* One order under way. */
struct virsh {
    const struct power_order *order;
    struct arena *arena;
    uint64_t deadline_ns;
    const char *folder, *uri, *domain;
    const char *environment[POWER_SSH_ENVIRONMENT];
};

bool power_virsh_read(const char *output, enum power_seen *seen)
{
    static const struct {
        const char *word;
        enum power_seen seen;
    } words[] = {{"running", POWER_SEEN_ON},      {"in shutdown", POWER_SEEN_ON},
                 {"idle", POWER_SEEN_ON},         {"paused", POWER_SEEN_OFF},
                 {"shut off", POWER_SEEN_OFF},    {"crashed", POWER_SEEN_OFF},
                 {"pmsuspended", POWER_SEEN_OFF}, {"no state", POWER_SEEN_OFF}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t length = strlen(words[i].word);
        if (strncmp(output, words[i].word, length) != 0 || !strchr("\r\n", output[length]))
            continue;
        *seen = words[i].seen;
        return true;
    }
    return false;
}

static enum error_code explain(const struct virsh *virsh, const char *output, struct error *err)
{
    const char *where = power_order_where(virsh->order);
    if (strstr(output, "failed to get domain"))
        return error_set(err, ERR_NOT_FOUND, "the libvirt host at %s has no domain %s", where,
                         virsh->domain);
    if (strstr(output, "Permission denied") || strstr(output, "authentication failed"))
        return error_set(err, ERR_FORBIDDEN, "the libvirt host at %s refuses user, key or password",
                         where);
    if (strstr(output, "failed to connect") || strstr(output, "Connection refused") ||
        strstr(output, "No route to host"))
        return error_set(err, ERR_UNAVAILABLE, "the libvirt host at %s cannot be reached: %s",
                         where, process_last_line(virsh->arena, output));
    return error_set(err, ERR_IO, "the libvirt host at %s: %s", where,
                     process_last_line(virsh->arena, output));
}

/* argument NULL: "--all --name" of a list; else "--domain" and it. */
static enum error_code run_with(const struct virsh *virsh, const char *command,
                                const char *argument, const char **output, struct error *err)
{
    const char *const argv[] = {virsh->order->tools->virsh,
                                "--quiet",
                                "--connect",
                                virsh->uri,
                                command,
                                argument ? "--domain" : "--all",
                                argument ? argument : "--name",
                                NULL};
    struct process_result result;
    struct power_tool tool = {argv, virsh->environment, "libvirt-clients", RUN_MS,
                              virsh->deadline_ns};
    enum error_code code = power_tool_run(virsh->order, &tool, virsh->arena, &result, err);
    if (code)
        return code;
    *output = result.output;
    return result.status ? explain(virsh, result.output, err) : ERR_OK;
}

static enum error_code run_virsh(const struct virsh *virsh, const char *command,
                                 const char **output, struct error *err)
{
    return run_with(virsh, command, virsh->domain, output, err);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    const struct virsh *virsh = subject;
    const char *output;
    enum error_code code = run_virsh(virsh, "domstate", &output, err);
    if (!code && !power_virsh_read(output, seen))
        code = explain(virsh, output, err);
    return code;
}

static enum error_code turn_on(void *subject, struct error *err)
{
    const char *output;
    return run_virsh(subject, "start", &output, err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    const char *output;
    return run_virsh(subject, "destroy", &output, err);
}

/* With a folder of its own, which the caller removes unless there is an error. */
static enum error_code open_virsh(struct virsh *virsh, const struct power_order *order,
                                  struct arena *arena, struct error *err)
{
    *virsh = (struct virsh){.order = order,
                            .arena = arena,
                            .deadline_ns = clock_boot_ns() + order->timeout_ms * CLOCK_MS};
    enum error_code code = power_tool_folder(order, arena, &virsh->folder, err);
    if (code)
        return code;
    const char *address = power_order_text(virsh->order, "power_address");
    bool by_ssh = strstr(address, "+ssh://") != NULL;
    virsh->domain = power_order_text(virsh->order, "power_id");
    /* a host key that nobody has seen yet is taken, as MAAS takes it */
    virsh->uri = by_ssh ? arena_printf(virsh->arena, "%s?no_verify=1", address) : address;
    code = power_ssh_environment(virsh->folder, power_order_text(virsh->order, "power_pass"),
                                 virsh->arena, virsh->environment, err);
    if (code)
        file_remove_tree(virsh->folder, NULL);
    return code;
}

enum error_code power_virsh_run(const struct power_order *order, struct arena *arena,
                                enum power_seen *seen, struct error *err)
{
    struct virsh virsh;
    enum error_code code = open_virsh(&virsh, order, arena, err);
    if (code)
        return code;
    struct power_steps steps = {order, virsh.deadline_ns, &virsh, query, turn_on, turn_off, NULL};
    code = power_steps_run(&steps, seen, err);
    file_remove_tree(virsh.folder, NULL);
    return code;
}

/* ---- the domains of a host ---- */

enum error_code power_virsh_add(const char *xml_text, const char *name, struct arena *arena,
                                struct power_chassis *chassis, struct error *err)
{
    struct power_chassis_machine machine = {.name = name, .unit = "power_id", .value = name};
    const struct power_xml_element *each = NULL;
    struct power_xml *xml;
    enum error_code code = power_xml_read(xml_text, strlen(xml_text), &xml, err);
    if (code)
        return code;
    const struct power_xml_element *root = power_xml_root(xml);
    const struct power_xml_element *os = power_xml_next(root, NULL, "os");
    const struct power_xml_element *type = os ? power_xml_next(os, NULL, "type") : NULL;
    machine.architecture = type ? power_xml_attribute(type, "arch", arena) : NULL;
    while ((each = power_xml_next(root, each, "interface"))) {
        const struct power_xml_element *mac = power_xml_next(each, NULL, "mac");
        if (mac)
            power_chassis_mac(&machine, power_xml_attribute(mac, "address", arena));
    }
    code = power_chassis_add(chassis, &machine, err);
    power_xml_free(xml);
    return code;
}

static enum error_code add_all(const struct virsh *virsh, struct power_chassis *chassis,
                               struct error *err)
{
    const char *names, *xml;
    enum error_code code = run_with(virsh, "list", NULL, &names, err);
    while (!code && *names) {
        size_t size = strcspn(names, "\r\n");
        const char *name = arena_trim(virsh->arena, arena_strndup(virsh->arena, names, size));
        names += size + (names[size] != '\0');
        if (!*name)
            continue;
        code = run_with(virsh, "dumpxml", name, &xml, err);
        if (code == ERR_NOT_FOUND) /* gone meanwhile */
            code = ERR_OK;
        else if (!code)
            code = power_virsh_add(xml, name, virsh->arena, chassis, err);
    }
    return code;
}

enum error_code power_virsh_list(const struct power_order *order, struct arena *arena,
                                 struct power_chassis *chassis, struct error *err)
{
    struct virsh virsh;
    enum error_code code = open_virsh(&virsh, order, arena, err);
    if (code)
        return code;
    code = add_all(&virsh, chassis, err);
    file_remove_tree(virsh.folder, NULL);
    return code;
}

/* The drivers "hmc", "mscm" and "wedge": see power_console.h. */
#include "src/rack/power_console.h"

#include <string.h>

#include "src/base/container.h"
#include "src/rack/power_ssh.h"
#include "src/rack/power_steps.h"
#include "src/rack/power_tool.h"

/* Command lines have {NAME} in the places of parameters. */
struct kind {
    const char *driver;
    const char *query, *on, *off;
    const char *next_boot; /* typed before on, or NULL */
    const char *before;    /* stands in front of the word that tells the power */
    const char *words_on[4], *words_off[4];
    bool is_silent; /* what it says to on and off is a complaint */
};

static const struct kind kinds[] = {
    {"hmc",
     "lssyscfg -m '{server_name}' -r lpar -F state --filter 'lpar_names={lpar}'",
     "chsysstate -r lpar -m '{server_name}' -o on -n '{lpar}' --bootstring network-all",
     "chsysstate -r lpar -m '{server_name}' -o shutdown -n '{lpar}' --immed",
     NULL,
     "",
     {"Starting", "Running", "Open Firmware"},
     {"Shutting Down", "Not Activated"},
     true},
    {"mscm",
     "show node power {node_id}",
     "set node power on {node_id}",
     "set node power off force {node_id}",
     "set node bootonce pxe {node_id}",
     "Power State:",
     {"On", "PoweringOn"},
     {"Off", "Unavailable"},
     false},
    {"wedge",
     "/usr/local/bin/wedge_power.sh status",
     "/usr/local/bin/wedge_power.sh on",
     "/usr/local/bin/wedge_power.sh off",
     NULL,
     "Microserver power is",
     {"on"},
     {"off"},
     false},
};

/* One order under way. */
struct console {
    struct power_ssh ssh;
    const struct kind *kind;
};

static const struct kind *kind_of(const char *driver)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (!strcmp(kinds[i].driver, driver))
            return &kinds[i];
    return NULL;
}

static bool is_one_of(const char *text, const char *const words[4])
{
    size_t size = strcspn(text, "\r\n");
    while (size && text[size - 1] == ' ')
        size--;
    for (int i = 0; i < 4 && words[i]; i++)
        if (size == strlen(words[i]) && !strncmp(text, words[i], size))
            return true;
    return false;
}

bool power_console_read(const char *driver, const char *output, enum power_seen *seen)
{
    const struct kind *kind = kind_of(driver);
    const char *found = kind ? strstr(output, kind->before) : NULL;
    if (!found)
        return false;
    found += strlen(kind->before);
    found += strspn(found, " \t\r\n");
    *seen = is_one_of(found, kind->words_on)    ? POWER_SEEN_ON
            : is_one_of(found, kind->words_off) ? POWER_SEEN_OFF
                                                : POWER_SEEN_UNKNOWN;
    return *seen != POWER_SEEN_UNKNOWN;
}

/* The form with the parameters in it; they are POWER_LABELs: nothing in them means something. */
static const char *fill(const struct console *console, const char *form)
{
    struct arena *arena = console->ssh.arena;
    const char *line = "";
    for (const char *open; (open = strchr(form, '{')); form = strchr(open, '}') + 1) {
        const char *name = arena_strndup(arena, open + 1, strcspn(open + 1, "}"));
        line = arena_printf(arena, "%s%.*s%s", line, (int)(open - form), form,
                            power_order_text(console->ssh.order, name));
    }
    return arena_printf(arena, "%s%s", line, form);
}

static enum error_code type(struct console *console, const char *form, const char **output,
                            struct error *err)
{
    return power_ssh_run(&console->ssh, fill(console, form), output, err);
}

static enum error_code complain(const struct console *console, const char *output,
                                struct error *err)
{
    return error_set(err, ERR_IO, "the console at %s says: %s",
                     power_order_where(console->ssh.order),
                     process_last_line(console->ssh.arena, output));
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct console *console = subject;
    const char *output;
    enum error_code code = type(console, console->kind->query, &output, err);
    if (code)
        return code;
    return power_console_read(console->kind->driver, output, seen) ? ERR_OK
                                                                   : complain(console, output, err);
}

static enum error_code change(struct console *console, const char *form, struct error *err)
{
    const char *output;
    enum error_code code = type(console, form, &output, err);
    if (code || !console->kind->is_silent || !output[strspn(output, " \t\r\n")])
        return code;
    return complain(console, output, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    struct console *console = subject;
    const char *next_boot = console->kind->next_boot;
    enum error_code code = next_boot ? change(console, next_boot, err) : ERR_OK;
    return code ? code : change(console, console->kind->on, err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    struct console *console = subject;
    return change(console, console->kind->off, err);
}

enum error_code power_console_run(const struct power_order *order, struct arena *arena,
                                  enum power_seen *seen, struct error *err)
{
    struct console console = {.kind = kind_of(order->driver->name)};
    enum error_code code = power_ssh_open(&console.ssh, order, arena, err);
    struct power_steps steps = {order, console.ssh.deadline_ns, &console, query, turn_on, turn_off,
                                NULL};
    code = code ? code : power_steps_run(&steps, seen, err);
    power_ssh_close(&console.ssh);
    return code;
}

/* ---- the nodes of a Moonshot chassis ---- */

/* "c1n1" of a word, or NULL. */
static const char *node_of(const char *word, size_t size, struct arena *arena)
{
    static const char digits[] = "0123456789";
    if (size < 4 || size > 6 || *word != 'c')
        return NULL;
    size_t cartridge = strspn(word + 1, digits), rest = 1 + cartridge;
    if (!cartridge || word[rest] != 'n' || size < rest + 2 ||
        strspn(word + rest + 1, digits) != size - rest - 1)
        return NULL;
    return arena_strndup(arena, word, size);
}

bool power_console_next_node(const char **output, struct arena *arena,
                             struct power_chassis_machine *found)
{
    *found = (struct power_chassis_machine){.name = "", .unit = "node_id"};
    while (!found->value && **output) {
        const char *word = *output, *end = word + strcspn(word, "\r\n");
        *output = end + strspn(end, "\r\n");
        while ((word += strspn(word, " \t")) < end) {
            size_t size = strcspn(word, " \t\r\n");
            if (!found->value)
                found->value = node_of(word, size, arena);
            else
                power_chassis_mac(found, arena_strndup(arena, word, size));
            word += size;
        }
    }
    return found->value != NULL;
}

const char *power_console_architecture(const char *output)
{
    static const char before[] = "Product Name:";
    static const char *const others[][2] = {{"m400", "aarch64"}, {"m800", "armv7l"}};
    const char *found = strstr(output, before);
    size_t size = found ? strcspn(found, "\r\n") : 0;
    for (size_t i = 0; found && i < COUNT_OF(others); i++) {
        const char *name = strstr(found, others[i][0]);
        if (name && name < found + size)
            return others[i][1];
    }
    return "x86_64";
}

/* Nodes of one cartridge are alike: it is asked for the first of them. */
static enum error_code look_at(struct console *console, const struct power_chassis_machine *found,
                               const char **cartridge, const char **architecture, struct error *err)
{
    struct arena *arena = console->ssh.arena;
    const char *own = arena_strndup(arena, found->value, strcspn(found->value, "n")), *output;
    if (*cartridge && !strcmp(*cartridge, own))
        return ERR_OK;
    *cartridge = own;
    enum error_code code = power_ssh_run(
        &console->ssh, arena_printf(arena, "show node info %s", found->value), &output, err);
    if (!code)
        *architecture = power_console_architecture(output);
    return code;
}

static enum error_code add_nodes(struct console *console, struct power_chassis *chassis,
                                 struct error *err)
{
    struct power_chassis_machine found;
    const char *output, *rest, *cartridge = NULL, *architecture = NULL;
    enum error_code code = power_ssh_run(&console->ssh, "show node macaddr all", &output, err);
    if (code)
        return code;
    rest = output;
    while (!code && power_console_next_node(&rest, console->ssh.arena, &found)) {
        if (!found.macs_count)
            continue;
        code = look_at(console, &found, &cartridge, &architecture, err);
        found.architecture = architecture;
        code = code ? code : power_chassis_add(chassis, &found, err);
    }
    return code || json_array_size(chassis->machines) ? code : complain(console, output, err);
}

enum error_code power_console_list(const struct power_order *order, struct arena *arena,
                                   struct power_chassis *chassis, struct error *err)
{
    struct console console = {.kind = kind_of(order->driver->name)};
    enum error_code code = power_ssh_open(&console.ssh, order, arena, err);
    code = code ? code : add_nodes(&console, chassis, err);
    power_ssh_close(&console.ssh);
    return code;
}

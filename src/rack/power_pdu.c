/* The drivers "apc", "eaton" and "raritan": see power_pdu.h. */
#include "src/rack/power_pdu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/rack/power_steps.h"
#include "src/rack/power_tool.h"

enum { RUN_MS = 15000, LEAST_AFTER_MS = 2000 };

/* Where an outlet is read and switched; %s is its number. */
struct unit_kind {
    const char *driver, *version;
    const char *look, *on, *off; /* OIDs */
    long seen_on, seen_off;
    const char *set_on, *set_off; /* values */
};

static const struct unit_kind kinds[] = {
    {"apc", "1", ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.%s", ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.%s",
     ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.%s", 1, 2, "1", "2"},
    /* the value of the last two is a delay in seconds */
    {"eaton", "1", ".1.3.6.1.4.1.534.6.6.7.6.6.1.2.0.%s", ".1.3.6.1.4.1.534.6.6.7.6.6.1.4.0.%s",
     ".1.3.6.1.4.1.534.6.6.7.6.6.1.3.0.%s", 1, 0, "0", "0"},
    {"raritan", "2c", ".1.3.6.1.4.1.13742.6.4.1.2.1.2.1.%s", ".1.3.6.1.4.1.13742.6.4.1.2.1.2.1.%s",
     ".1.3.6.1.4.1.13742.6.4.1.2.1.2.1.%s", 1, 0, "1", "0"},
};

/* One order under way. */
struct pdu {
    const struct power_order *order;
    const struct unit_kind *kind;
    struct arena *arena;
    uint64_t deadline_ns;
    const char *folder, *agent, *outlet;
    const char *environment[8];
};

bool power_pdu_read(const char *output, long *number)
{
    char *end;
    size_t size = strlen(output);
    while (size && strchr("\r\n", output[size - 1]))
        size--;
    while (size && output[size - 1] != '\n')
        size--;
    errno = 0;
    *number = strtol(output + size, &end, 10);
    return end != output + size && !errno && end[strspn(end, "\r\n")] == '\0';
}

/* An OID of the table with the outlet's number in it. */
static const char *oid(const struct pdu *pdu, const char *form)
{
    return arena_printf(pdu->arena, "%.*s%s", (int)strcspn(form, "%"), form, pdu->outlet);
}

static enum error_code explain(const struct pdu *pdu, const char *output, struct error *err)
{
    const char *where = power_order_where(pdu->order);
    if (strstr(output, "Timeout") || strstr(output, "No Response"))
        return error_set(err, ERR_UNAVAILABLE,
                         "the PDU at %s does not answer (or not to this snmp_community)", where);
    if (strstr(output, "noSuchName") || strstr(output, "No Such"))
        return error_set(err, ERR_BAD_INPUT, "the PDU at %s has no outlet %s to control", where,
                         pdu->outlet);
    if (strstr(output, "noAccess") || strstr(output, "readOnly") || strstr(output, "notWritable"))
        return error_set(err, ERR_FORBIDDEN,
                         "the PDU at %s does not let this snmp_community switch outlets", where);
    if (strstr(output, "Unknown host"))
        return error_set(err, ERR_UNAVAILABLE, "the PDU at %s cannot be reached", where);
    return error_set(err, ERR_IO, "the PDU at %s: %s", where,
                     process_last_line(pdu->arena, output));
}

static enum error_code run_snmp(const struct pdu *pdu, const char *program, const char *at,
                                const char *value, long *number, struct error *err)
{
    const char *const argv[] = {
        program, "-Oqve", "-t", "2", "-r", "2", pdu->agent, oid(pdu, at), value ? "i" : NULL,
        value,   NULL};
    struct process_result result;
    struct power_tool tool = {argv, pdu->environment, "snmp", RUN_MS, pdu->deadline_ns};
    enum error_code code = power_tool_run(pdu->order, &tool, pdu->arena, &result, err);
    if (code)
        return code;
    return result.status || !power_pdu_read(result.output, number)
               ? explain(pdu, result.output, err)
               : ERR_OK;
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    const struct pdu *pdu = subject;
    long number = 0;
    enum error_code code =
        run_snmp(pdu, pdu->order->tools->snmpget, pdu->kind->look, NULL, &number, err);
    if (!code)
        *seen = number == pdu->kind->seen_on    ? POWER_SEEN_ON
                : number == pdu->kind->seen_off ? POWER_SEEN_OFF
                                                : POWER_SEEN_UNKNOWN;
    return code;
}

/* Power supplies need some time without power before they notice that it comes back. */
static enum error_code turn_on(void *subject, struct error *err)
{
    const struct pdu *pdu = subject;
    long number, delay_s = strtol(power_order_text(pdu->order, "power_on_delay"), NULL, 10);
    uint64_t end_ns = clock_boot_ns() + (uint64_t)delay_s * CLOCK_S + LEAST_AFTER_MS * CLOCK_MS;
    if (end_ns >= pdu->deadline_ns)
        return error_set(err, ERR_BAD_INPUT, "power_on_delay: %ld s are more than an order has",
                         delay_s);
    nanosleep(&(struct timespec){.tv_sec = delay_s}, NULL);
    return run_snmp(pdu, pdu->order->tools->snmpset, pdu->kind->on, pdu->kind->set_on, &number,
                    err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    const struct pdu *pdu = subject;
    long number = 0;
    return run_snmp(pdu, pdu->order->tools->snmpset, pdu->kind->off, pdu->kind->set_off, &number,
                    err);
}

/* The community is a password: in a file that the programs read, not in their arguments. */
static enum error_code write_config(struct pdu *pdu, struct error *err)
{
    const char *community = power_order_text(pdu->order, "snmp_community");
    for (const char *p = community; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '\\' || *p == '#')
            return error_set(err, ERR_BAD_INPUT,
                             "snmp_community: Must be of visible ASCII without \", \\ and #.");
    const char *text = arena_printf(pdu->arena, "defVersion %s\ndefCommunity \"%s\"\n",
                                    pdu->kind->version, community);
    return file_write(arena_printf(pdu->arena, "%s/snmp.conf", pdu->folder), text, strlen(text),
                      0600, err);
}

static void prepare(struct pdu *pdu)
{
    struct arena *arena = pdu->arena;
    const char *address = power_order_text(pdu->order, "power_address");
    int count = 0;
    pdu->outlet = power_order_text(pdu->order, "node_outlet");
    pdu->agent = arena_printf(arena, "%s%s", *address == '[' ? "udp6:" : "udp:", address);
    pdu->environment[count++] = "PATH=/usr/bin:/bin";
    pdu->environment[count++] = "LC_ALL=C";
    pdu->environment[count++] = "MIBS=";
    pdu->environment[count++] = arena_printf(arena, "HOME=%s", pdu->folder);
    pdu->environment[count++] = arena_printf(arena, "SNMPCONFPATH=%s", pdu->folder);
    pdu->environment[count++] = arena_printf(arena, "SNMP_PERSISTENT_DIR=%s", pdu->folder);
}

enum error_code power_pdu_run(const struct power_order *order, struct arena *arena,
                              enum power_seen *seen, struct error *err)
{
    struct pdu pdu = {.order = order,
                      .kind = kinds,
                      .arena = arena,
                      .deadline_ns = clock_boot_ns() + order->timeout_ms * CLOCK_MS};
    while (pdu.kind < kinds + COUNT_OF(kinds) - 1 &&
           strcmp(pdu.kind->driver, order->driver->name) != 0)
        pdu.kind++;
    enum error_code code = power_tool_folder(order, arena, &pdu.folder, err);
    if (code)
        return code;
    struct power_steps steps = {order, pdu.deadline_ns, &pdu, query, turn_on, turn_off, NULL};
    prepare(&pdu);
    code = write_config(&pdu, err);
    code = code ? code : power_steps_run(&steps, seen, err);
    file_remove_tree(pdu.folder, NULL);
    return code;
}

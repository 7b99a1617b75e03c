/* The machines that a chassis lists: see power_chassis.h. */
#include "src/rack/power_chassis.h"

#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"

/* Debian's word for an architecture, as MAAS uses it. */
static const char *architecture_of(const char *text)
{
    static const char *const words[][2] = {
        {"aarch64", "arm64"}, {"ppc64le", "ppc64el"}, {"ppc64", "ppc64el"}, {"i686", "i386"},
        {"armv7l", "armhf"},  {"arm", "armhf"},       {"s390x", "s390x"},
    };
    for (size_t i = 0; text && i < COUNT_OF(words); i++)
        if (!strcmp(words[i][0], text))
            return words[i][1];
    return "amd64";
}

void power_chassis_mac(struct power_chassis_machine *machine, const char *text)
{
    struct mac mac;
    if (machine->macs_count == POWER_CHASSIS_MACS || !text || !mac_parse(text, &mac))
        return;
    char *place = machine->macs[machine->macs_count];
    mac_format(mac, place);
    if (!strcmp(place, "00:00:00:00:00:00")) /* an interface without one */
        return;
    for (int i = 0; i < machine->macs_count; i++)
        if (!strcmp(machine->macs[i], place))
            return;
    machine->macs_count++;
}

enum error_code power_chassis_add(struct power_chassis *chassis,
                                  const struct power_chassis_machine *machine, struct error *err)
{
    if (!machine->macs_count)
        return ERR_OK;
    if (json_array_size(chassis->machines) == POWER_CHASSIS_MACHINES)
        return error_set(err, ERR_TOO_LARGE, "more than %d machines", POWER_CHASSIS_MACHINES);
    json_t *one = json_pack("{s:s, s:s, s:[], s:{s:s}}", "name", machine->name, "architecture",
                            architecture_of(machine->architecture), "macs", "parameters",
                            machine->unit, machine->value);
    if (!one)
        return error_set(err, ERR_CORRUPT, "a machine whose name is not UTF-8");
    for (int i = 0; i < machine->macs_count; i++)
        json_array_append_new(json_object_get(one, "macs"), json_string(machine->macs[i]));
    json_array_append_new(chassis->machines, one);
    return ERR_OK;
}

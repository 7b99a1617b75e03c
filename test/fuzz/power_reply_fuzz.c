/* What BMCs and programs that talk to them answer: the decoders of the power drivers. */
// rooms: rack
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/rack/power_amt.h"
#include "src/rack/power_console.h"
#include "src/rack/power_hmcz.h"
#include "src/rack/power_lxd.h"
#include "src/rack/power_openbmc.h"
#include "src/rack/power_outlet.h"
#include "src/rack/power_pdu.h"
#include "src/rack/power_proxmox.h"
#include "src/rack/power_redfish.h"
#include "src/rack/power_sm15k.h"
#include "src/rack/power_soap.h"
#include "src/rack/power_ucsm.h"
#include "src/rack/power_virsh.h"
#include "src/rack/power_vmware.h"
#include "src/rack/power_webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_json(const char *bytes, size_t size)
{
    enum power_seen seen;
    struct power_hmcz_cpcs cpcs;
    struct power_hmcz_partition partition;
    json_t *result;
    power_openbmc_read(bytes, size, &seen, NULL);
    power_sm15k_read(bytes, size, &seen, NULL);
    if (!power_sm15k_result(bytes, size, &result, NULL))
        json_decref(result);
    if (!power_hmcz_read_cpcs(bytes, size, &cpcs, NULL))
        ASSERT(cpcs.count <= POWER_HMCZ_CPCS);
    if (!power_hmcz_find(bytes, size, "part", &partition, NULL))
        ASSERT(!strncmp(partition.uri, "/api/", 5) && strlen(partition.status) < 32);
}

/* As lists of machines: each has MACs, at most so many. */
static void read_lists(const struct power_xml *xml, const char *text, struct arena *arena)
{
    struct power_chassis chassis = {json_array()};
    size_t i;
    json_t *machine;
    power_vmware_add(xml, arena, &chassis, NULL);
    power_outlet_add_blades(power_xml_root(xml), arena, &chassis, NULL);
    power_outlet_add_nodes(power_xml_root(xml), arena, &chassis, NULL);
    power_virsh_add(text, "name", arena, &chassis, NULL);
    power_ucsm_add(xml, xml, arena, &chassis, NULL);
    json_array_foreach (chassis.machines, i, machine) {
        size_t macs = json_array_size(json_object_get(machine, "macs"));
        ASSERT(macs > 0 && macs <= POWER_CHASSIS_MACS);
    }
    ASSERT(json_array_size(chassis.machines) <= POWER_CHASSIS_MACHINES);
    json_decref(chassis.machines);
}

static void read_xml(const char *bytes, size_t size, struct arena *arena)
{
    enum power_seen seen;
    struct power_ucsm_server server;
    struct power_vmware_vm vm;
    struct power_xml *xml;
    power_outlet_read_msftocs(bytes, size, &seen, NULL);
    power_outlet_read_recs(bytes, size, &seen, NULL);
    power_ucsm_read_server(bytes, size, &server, NULL);
    if (power_xml_read(bytes, size, &xml, NULL))
        return;
    power_soap_fault(xml, arena);
    power_amt_read(xml, &seen);
    if (!power_vmware_find(xml, "vm", &vm, NULL))
        ASSERT(*vm.id && strlen(vm.id) < POWER_VMWARE_ID);
    power_vmware_find(xml, NULL, &vm, NULL);
    read_lists(xml, arena_strndup(arena, bytes, size), arena);
    power_xml_free(xml);
}

static void read_text(const char *text, struct arena *arena)
{
    static const char *const drivers[] = {"hmc", "mscm", "wedge"};
    enum power_seen seen;
    for (int i = 0; i < 3; i++)
        if (power_console_read(drivers[i], text, &seen))
            ASSERT(seen != POWER_SEEN_UNKNOWN);
    power_outlet_read_dli(text, 5, &seen, NULL);
    power_console_architecture(text);
    struct power_chassis_machine node;
    while (power_console_next_node(&text, arena, &node))
        ASSERT(*node.value == 'c' && node.macs_count <= POWER_CHASSIS_MACS);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct power_redfish_system system;
    char path[POWER_REDFISH_PATH];
    enum power_seen seen;
    struct arena *arena = arena_new();
    if (!power_redfish_read_system((const char *)bytes, size, &system, NULL))
        ASSERT(system.on && system.off && strlen(system.target) < sizeof(system.target));
    if (!power_redfish_read_members((const char *)bytes, size, path, NULL))
        ASSERT(path[0] == '/' && path[1] != '/');
    struct power_proxmox_vm vm;
    if (!power_proxmox_find((const char *)bytes, size, "100", &vm, NULL))
        ASSERT(vm.type && vm.vmid > 0 && !strchr(vm.place, '/'));
    power_lxd_read((const char *)bytes, size, &seen, NULL);
    long number;
    power_pdu_read(arena_strndup(arena, (const char *)bytes, size), &number);
    power_virsh_read(arena_strndup(arena, (const char *)bytes, size), &seen);
    power_webhook_read(arena_strndup(arena, (const char *)bytes, size), "status.*\\:.*running",
                       "status.*\\:.*stopped", &seen, NULL);
    read_json((const char *)bytes, size);
    read_xml((const char *)bytes, size, arena);
    read_text(arena_strndup(arena, (const char *)bytes, size), arena);
    arena_free(arena);
    return 0;
}

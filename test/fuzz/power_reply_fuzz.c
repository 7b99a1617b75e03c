/* What BMCs and programs that talk to them answer: the decoders of the power drivers. */
// rooms: rack
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/rack/power_lxd.h"
#include "src/rack/power_pdu.h"
#include "src/rack/power_proxmox.h"
#include "src/rack/power_redfish.h"
#include "src/rack/power_virsh.h"
#include "src/rack/power_webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

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
    arena_free(arena);
    return 0;
}

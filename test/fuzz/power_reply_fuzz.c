/* What BMCs answer over HTTP: the decoders of Redfish and of webhooks. */
// rooms: rack
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/rack/power_redfish.h"
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
    power_webhook_read(arena_strndup(arena, (const char *)bytes, size), "status.*\\:.*running",
                       "status.*\\:.*stopped", &seen, NULL);
    arena_free(arena);
    return 0;
}

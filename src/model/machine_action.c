/* What people may ask of a machine: see machine_action.h. */
#include "src/model/machine_action.h"

#include <stddef.h>
#include <string.h>

#include "src/base/container.h"

#define IN(status) (1U << MACHINE_##status)

/* Nothing is under way and nobody but people will move it. */
#define FAILED                                                                                    \
    (IN(FAILED_COMMISSIONING) | IN(FAILED_DEPLOYMENT) | IN(FAILED_RELEASING) |                    \
     IN(FAILED_DISK_ERASING) | IN(FAILED_ENTERING_RESCUE_MODE) | IN(FAILED_EXITING_RESCUE_MODE) | \
     IN(FAILED_TESTING))
#define STEADY (IN(NEW) | IN(READY) | IN(ALLOCATED) | IN(DEPLOYED) | IN(BROKEN) | FAILED)
/* No system is on it, and its configuration may change. */
#define IDLE (IN(READY) | IN(ALLOCATED) | IN(BROKEN) | IN(FAILED_TESTING))
#define ANY  ((1U << MACHINE_STATUS_COUNT) - 1)
#define GONE (IN(MISSING) | IN(RESERVED) | IN(RETIRED))
/* Nobody has it, and nothing is under way. */
#define FREE (IN(NEW) | IN(FAILED_COMMISSIONING) | IN(READY) | GONE)

static const struct machine_action actions[MACHINE_ACTION_COUNT] = {
    [MACHINE_ACTION_COMMISSION] = {"commission", "commissioned", true, false,
                                   IN(NEW) | IN(FAILED_COMMISSIONING) | IN(READY) |
                                       IN(FAILED_TESTING) | IN(BROKEN),
                                   "REQUEST_NODE_START_COMMISSIONING"},
    [MACHINE_ACTION_TEST] = {"test", "tested", true, false, STEADY, "REQUEST_NODE_START_TESTING"},
    [MACHINE_ACTION_ABORT] = {"abort", "aborted", false, false,
                              IN(COMMISSIONING) | IN(TESTING) | IN(DEPLOYING) | IN(DISK_ERASING),
                              "REQUEST_NODE_ABORT"},
    [MACHINE_ACTION_ALLOCATE] = {"allocate", "allocated", false, false, IN(READY),
                                 "REQUEST_NODE_ACQUIRE"},
    [MACHINE_ACTION_DEPLOY] = {"deploy", "deployed", false, false, IN(ALLOCATED) | IN(READY),
                               "REQUEST_NODE_START_DEPLOYMENT"},
    [MACHINE_ACTION_RELEASE] = {"release", "released", false, false,
                                IN(ALLOCATED) | IN(DEPLOYED) | IN(DEPLOYING) | IN(BROKEN) |
                                    (FAILED & ~IN(FAILED_COMMISSIONING)),
                                "REQUEST_NODE_RELEASE"},
    [MACHINE_ACTION_RESCUE_MODE] = {"rescue_mode", "put into rescue mode", true, false, STEADY,
                                    "REQUEST_NODE_START_RESCUE_MODE"},
    [MACHINE_ACTION_EXIT_RESCUE_MODE] = {"exit_rescue_mode", "taken out of rescue mode", true,
                                         false,
                                         IN(RESCUE_MODE) | IN(ENTERING_RESCUE_MODE) |
                                             IN(FAILED_ENTERING_RESCUE_MODE) |
                                             IN(FAILED_EXITING_RESCUE_MODE),
                                         "REQUEST_NODE_STOP_RESCUE_MODE"},
    [MACHINE_ACTION_MARK_BROKEN] = {"mark_broken", "marked broken", false, false,
                                    ANY & ~IN(BROKEN) & ~GONE, "REQUEST_NODE_MARK_BROKEN"},
    [MACHINE_ACTION_MARK_FIXED] = {"mark_fixed", "marked fixed", true, false, IN(BROKEN),
                                   "REQUEST_NODE_MARK_FIXED"},
    [MACHINE_ACTION_OVERRIDE_FAILED_TESTING] = {"override_failed_testing",
                                                "trusted in spite of its tests", true, false,
                                                IN(FAILED_TESTING),
                                                "REQUEST_NODE_OVERRIDE_FAILED_TESTING"},
    [MACHINE_ACTION_LOCK] = {"lock", "locked", true, false, IN(DEPLOYED) | IN(DEPLOYING),
                             "REQUEST_NODE_LOCK"},
    [MACHINE_ACTION_UNLOCK] = {"unlock", "unlocked", true, true, ANY, "REQUEST_NODE_UNLOCK"},
    [MACHINE_ACTION_POWER_ON] = {"power_on", "powered on", false, true, ANY & ~FREE,
                                 "REQUEST_NODE_START"},
    [MACHINE_ACTION_POWER_OFF] = {"power_off", "powered off", false, false, ANY,
                                  "REQUEST_NODE_STOP"},
    [MACHINE_ACTION_SET_STORAGE_LAYOUT] = {"set_storage_layout", "laid out", true, false, IN(READY),
                                           "NODE"},
    [MACHINE_ACTION_MOUNT_SPECIAL] = {"mount_special", "changed", false, false,
                                      IN(READY) | IN(ALLOCATED), "NODE"},
    [MACHINE_ACTION_UNMOUNT_SPECIAL] = {"unmount_special", "changed", false, false,
                                        IN(READY) | IN(ALLOCATED), "NODE"},
    [MACHINE_ACTION_RESTORE_NETWORKING] = {"restore_networking_configuration", "restored", true,
                                           false, IN(NEW) | IDLE, "NODE"},
    [MACHINE_ACTION_RESTORE_STORAGE] = {"restore_storage_configuration", "restored", true, false,
                                        IDLE, "NODE"},
    [MACHINE_ACTION_RESTORE_DEFAULT] = {"restore_default_configuration", "restored", true, false,
                                        IDLE, "NODE"},
    [MACHINE_ACTION_CLEAR_GATEWAYS] = {"clear_default_gateways", "changed", true, false, ANY,
                                       "NODE"},
};

const struct machine_action *machine_action_of(enum machine_action_kind kind)
{
    return &actions[kind];
}

bool machine_action_from(const struct machine_action *action, int status)
{
    return action->from >> status & 1U;
}

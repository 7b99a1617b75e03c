/* Statuses of machines: see machine_status.h. */
#include "src/model/machine_status.h"

#include <strings.h>

#include "src/base/container.h"
#include "src/model/script.h"

static const char *const names[MACHINE_STATUS_COUNT] = {
#define X(identifier, number, name, word) [MACHINE_##identifier] = (name),
    MACHINE_STATUS_TABLE(X)
#undef X
};

static const char *const words[MACHINE_STATUS_COUNT] = {
#define X(identifier, number, name, word) [MACHINE_##identifier] = (word),
    MACHINE_STATUS_TABLE(X)
#undef X
};

static const struct fsm_move moves[] = {
    {MACHINE_NEW, MACHINE_COMMISSIONING, "an administrator has it commissioned"},
    {MACHINE_NEW, MACHINE_DEPLOYED, "it was added as one that is deployed already"},
    {MACHINE_NEW, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_NEW, MACHINE_ENTERING_RESCUE_MODE, "an administrator wants to look inside"},
    {MACHINE_NEW, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_COMMISSIONING, MACHINE_NEW, "aborted"},
    {MACHINE_COMMISSIONING, MACHINE_FAILED_COMMISSIONING,
     "a script failed, or nothing came in time"},
    {MACHINE_COMMISSIONING, MACHINE_READY, "its scripts passed"},
    {MACHINE_COMMISSIONING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_COMMISSIONING, MACHINE_TESTING, "its hardware is known, tests follow"},
    {MACHINE_FAILED_COMMISSIONING, MACHINE_COMMISSIONING, "an administrator has it commissioned"},
    {MACHINE_FAILED_COMMISSIONING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_FAILED_COMMISSIONING, MACHINE_ENTERING_RESCUE_MODE,
     "an administrator wants to look inside"},
    {MACHINE_FAILED_COMMISSIONING, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_READY, MACHINE_COMMISSIONING, "an administrator has it commissioned"},
    {MACHINE_READY, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_READY, MACHINE_ALLOCATED, "a user took it"},
    {MACHINE_READY, MACHINE_ENTERING_RESCUE_MODE, "an administrator wants to look inside"},
    {MACHINE_READY, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_DEPLOYED, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_DEPLOYED, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_DEPLOYED, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_DEPLOYED, MACHINE_ENTERING_RESCUE_MODE, "an administrator wants to look inside"},
    {MACHINE_DEPLOYED, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_BROKEN, MACHINE_NEW, "repaired; it was never commissioned"},
    {MACHINE_BROKEN, MACHINE_COMMISSIONING, "an administrator has it commissioned"},
    {MACHINE_BROKEN, MACHINE_READY, "repaired"},
    {MACHINE_BROKEN, MACHINE_DEPLOYED, "repaired; it was deployed all the time"},
    {MACHINE_BROKEN, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_BROKEN, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_BROKEN, MACHINE_ENTERING_RESCUE_MODE, "an administrator wants to look inside"},
    {MACHINE_BROKEN, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_DEPLOYING, MACHINE_DEPLOYED, "the installed system says that it is up"},
    {MACHINE_DEPLOYING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_DEPLOYING, MACHINE_ALLOCATED, "aborted"},
    {MACHINE_DEPLOYING, MACHINE_FAILED_DEPLOYMENT,
     "the installation failed, or nothing came in time"},
    {MACHINE_DEPLOYING, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_DEPLOYING, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_ALLOCATED, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_ALLOCATED, MACHINE_DEPLOYING, "its owner has a system installed"},
    {MACHINE_ALLOCATED, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_ALLOCATED, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_ALLOCATED, MACHINE_ENTERING_RESCUE_MODE, "an administrator wants to look inside"},
    {MACHINE_ALLOCATED, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_FAILED_DEPLOYMENT, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_FAILED_DEPLOYMENT, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_FAILED_DEPLOYMENT, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_FAILED_DEPLOYMENT, MACHINE_ENTERING_RESCUE_MODE,
     "an administrator wants to look inside"},
    {MACHINE_FAILED_DEPLOYMENT, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_RELEASING, MACHINE_READY, "it is off"},
    {MACHINE_RELEASING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_RELEASING, MACHINE_FAILED_RELEASING, "it cannot be powered off"},
    {MACHINE_FAILED_RELEASING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_FAILED_RELEASING, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_FAILED_RELEASING, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_FAILED_RELEASING, MACHINE_ENTERING_RESCUE_MODE,
     "an administrator wants to look inside"},
    {MACHINE_FAILED_RELEASING, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_DISK_ERASING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_DISK_ERASING, MACHINE_RELEASING, "erased: it is powered off"},
    {MACHINE_DISK_ERASING, MACHINE_FAILED_DISK_ERASING,
     "erasing failed, was aborted, or nothing came in time"},
    {MACHINE_FAILED_DISK_ERASING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_FAILED_DISK_ERASING, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_FAILED_DISK_ERASING, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_FAILED_DISK_ERASING, MACHINE_ENTERING_RESCUE_MODE,
     "an administrator wants to look inside"},
    {MACHINE_FAILED_DISK_ERASING, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_RESCUE_MODE, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_RESCUE_MODE, MACHINE_EXITING_RESCUE_MODE, "an administrator has seen enough"},
    {MACHINE_ENTERING_RESCUE_MODE, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_ENTERING_RESCUE_MODE, MACHINE_RESCUE_MODE, "the rescue system is up"},
    {MACHINE_ENTERING_RESCUE_MODE, MACHINE_FAILED_ENTERING_RESCUE_MODE,
     "no power, or nothing came in time"},
    {MACHINE_ENTERING_RESCUE_MODE, MACHINE_EXITING_RESCUE_MODE, "an administrator has seen enough"},
    {MACHINE_FAILED_ENTERING_RESCUE_MODE, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_FAILED_ENTERING_RESCUE_MODE, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_FAILED_ENTERING_RESCUE_MODE, MACHINE_DISK_ERASING,
     "given back: its disks are erased first"},
    {MACHINE_FAILED_ENTERING_RESCUE_MODE, MACHINE_ENTERING_RESCUE_MODE,
     "an administrator wants to look inside"},
    {MACHINE_FAILED_ENTERING_RESCUE_MODE, MACHINE_EXITING_RESCUE_MODE,
     "an administrator has seen enough"},
    {MACHINE_FAILED_ENTERING_RESCUE_MODE, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_NEW, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_FAILED_COMMISSIONING, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_READY, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_DEPLOYED, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_BROKEN, "a person found it unfit; back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_ALLOCATED, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_FAILED_DEPLOYMENT, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_FAILED_RELEASING, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_FAILED_DISK_ERASING, "back where it was"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_FAILED_EXITING_RESCUE_MODE, "its power does not follow"},
    {MACHINE_EXITING_RESCUE_MODE, MACHINE_FAILED_TESTING, "back where it was"},
    {MACHINE_FAILED_EXITING_RESCUE_MODE, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_FAILED_EXITING_RESCUE_MODE, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_FAILED_EXITING_RESCUE_MODE, MACHINE_DISK_ERASING,
     "given back: its disks are erased first"},
    {MACHINE_FAILED_EXITING_RESCUE_MODE, MACHINE_ENTERING_RESCUE_MODE,
     "an administrator wants to look inside"},
    {MACHINE_FAILED_EXITING_RESCUE_MODE, MACHINE_EXITING_RESCUE_MODE,
     "an administrator has seen enough"},
    {MACHINE_FAILED_EXITING_RESCUE_MODE, MACHINE_TESTING, "an administrator has it tested"},
    {MACHINE_TESTING, MACHINE_NEW, "tested or aborted: back where it was"},
    {MACHINE_TESTING, MACHINE_FAILED_COMMISSIONING, "tested or aborted: back where it was"},
    {MACHINE_TESTING, MACHINE_READY, "tests passed"},
    {MACHINE_TESTING, MACHINE_DEPLOYED, "tested or aborted: back where it was"},
    {MACHINE_TESTING, MACHINE_BROKEN, "a person found it unfit; back where it was"},
    {MACHINE_TESTING, MACHINE_ALLOCATED, "tested or aborted: back where it was"},
    {MACHINE_TESTING, MACHINE_FAILED_DEPLOYMENT, "tested or aborted: back where it was"},
    {MACHINE_TESTING, MACHINE_FAILED_RELEASING, "tested or aborted: back where it was"},
    {MACHINE_TESTING, MACHINE_FAILED_DISK_ERASING, "tested or aborted: back where it was"},
    {MACHINE_TESTING, MACHINE_FAILED_TESTING, "a test failed, or nothing came in time"},
    {MACHINE_FAILED_TESTING, MACHINE_COMMISSIONING, "an administrator has it commissioned"},
    {MACHINE_FAILED_TESTING, MACHINE_READY, "an administrator trusts it all the same"},
    {MACHINE_FAILED_TESTING, MACHINE_ALLOCATED, "an administrator trusts it all the same"},
    {MACHINE_FAILED_TESTING, MACHINE_DEPLOYED, "an administrator trusts it all the same"},
    {MACHINE_FAILED_TESTING, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_FAILED_TESTING, MACHINE_RELEASING, "given back: it is powered off"},
    {MACHINE_FAILED_TESTING, MACHINE_DISK_ERASING, "given back: its disks are erased first"},
    {MACHINE_FAILED_TESTING, MACHINE_ENTERING_RESCUE_MODE, "an administrator wants to look inside"},
    {MACHINE_FAILED_TESTING, MACHINE_TESTING, "an administrator has it tested"},
};

const struct fsm machine_status_fsm = {
    .name = "machine status",
    .words = words,
    .words_count = MACHINE_STATUS_COUNT,
    .moves = moves,
    .moves_count = COUNT_OF(moves),
};

const char *machine_status_name(int status)
{
    ASSERT(status >= 0 && status < MACHINE_STATUS_COUNT);
    return names[status];
}

int machine_status_parse(const char *word)
{
    for (int i = 0; i < MACHINE_STATUS_COUNT; i++)
        if (!strcasecmp(words[i], word))
            return i;
    return -1;
}

int machine_status_failed(int status)
{
    switch (status) {
    case MACHINE_COMMISSIONING:
        return MACHINE_FAILED_COMMISSIONING;
    case MACHINE_TESTING:
        return MACHINE_FAILED_TESTING;
    case MACHINE_DEPLOYING:
        return MACHINE_FAILED_DEPLOYMENT;
    case MACHINE_RELEASING:
        return MACHINE_FAILED_RELEASING;
    case MACHINE_DISK_ERASING:
        return MACHINE_FAILED_DISK_ERASING;
    case MACHINE_ENTERING_RESCUE_MODE:
        return MACHINE_FAILED_ENTERING_RESCUE_MODE;
    case MACHINE_EXITING_RESCUE_MODE:
        return MACHINE_FAILED_EXITING_RESCUE_MODE;
    default:
        return -1;
    }
}

int machine_status_home(bool owned, bool deployed, bool commissioned)
{
    if (owned)
        return deployed ? MACHINE_DEPLOYED : MACHINE_ALLOCATED;
    return commissioned ? MACHINE_READY : MACHINE_NEW;
}

enum { SHORT_S = 540, INSTALL_S = 7200, DAY_S = 86400, MONTH_S = 30 * DAY_S };

static const struct machine_stay stays[] = {
    {MACHINE_NEW, "commissioning", "enlist", SCRIPT_COMMISSIONING, SHORT_S},
    {MACHINE_COMMISSIONING, "commissioning", "commission", SCRIPT_COMMISSIONING, DAY_S},
    {MACHINE_TESTING, "testing", "test", SCRIPT_TESTING, MONTH_S},
    {MACHINE_DEPLOYING, "deploy", "deploy", SCRIPT_INSTALLATION, INSTALL_S},
    /* each boot of a system in memory installs it anew */
    {MACHINE_DEPLOYED, "ephemeral", "deploy", SCRIPT_INSTALLATION, INSTALL_S},
    {MACHINE_DISK_ERASING, "erase", "erase", SCRIPT_RELEASE, MONTH_S},
    {MACHINE_RELEASING, "testing", "release", SCRIPT_RELEASE, MONTH_S}, /* scripts before it */
    {MACHINE_ENTERING_RESCUE_MODE, "rescue", "rescue", -1, MONTH_S},
    {MACHINE_RESCUE_MODE, "rescue", "rescue", -1, MONTH_S},
};

const struct machine_stay *machine_status_stay(int status)
{
    for (size_t i = 0; i < COUNT_OF(stays); i++)
        if (stays[i].status == status)
            return &stays[i];
    return NULL;
}

bool machine_status_is_tried(int status)
{
    return status == MACHINE_COMMISSIONING || status == MACHINE_TESTING;
}

int machine_status_results(int status)
{
    const struct machine_stay *stay = machine_status_stay(status);
    return stay ? stay->results : -1;
}

enum machine_boot machine_status_boot(int status, bool enlisted)
{
    if (status == MACHINE_DEPLOYED || (status == MACHINE_NEW && enlisted))
        return MACHINE_BOOT_LOCAL;
    return machine_status_stay(status) ? MACHINE_BOOT_EPHEMERAL : MACHINE_BOOT_POWEROFF;
}

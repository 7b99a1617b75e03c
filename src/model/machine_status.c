/* Statuses of machines: see machine_status.h. */
#include "src/model/machine_status.h"

#include <strings.h>

#include "src/base/container.h"

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
    {MACHINE_NEW, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_READY, MACHINE_BROKEN, "a person found it unfit"},
    {MACHINE_ALLOCATED, MACHINE_BROKEN, "its owner found it unfit"},
    {MACHINE_DEPLOYED, MACHINE_BROKEN, "its owner found it unfit"},
    {MACHINE_BROKEN, MACHINE_NEW, "repaired; it was never commissioned"},
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

enum machine_boot machine_status_boot(int status, bool enlisted)
{
    switch (status) {
    case MACHINE_NEW:
        return enlisted ? MACHINE_BOOT_LOCAL : MACHINE_BOOT_EPHEMERAL;
    case MACHINE_COMMISSIONING:
    case MACHINE_TESTING:
    case MACHINE_DEPLOYING:
    case MACHINE_DISK_ERASING:
    case MACHINE_RELEASING:
    case MACHINE_ENTERING_RESCUE_MODE:
    case MACHINE_RESCUE_MODE:
        return MACHINE_BOOT_EPHEMERAL;
    case MACHINE_DEPLOYED:
        return MACHINE_BOOT_LOCAL;
    default:
        return MACHINE_BOOT_POWEROFF;
    }
}

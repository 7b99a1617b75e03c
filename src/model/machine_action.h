/*
 * What people may ask of a machine: who, and in which statuses. One table; the API, its errors and
 * docs/machines.md are made from it. Any thread. Source: MAAS API 2.0, machine operations.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/model/machine_status.h"

/** The action's place in the table. */
enum machine_action_kind {
    MACHINE_ACTION_COMMISSION,
    MACHINE_ACTION_TEST,
    MACHINE_ACTION_ABORT,
    MACHINE_ACTION_ALLOCATE,
    MACHINE_ACTION_DEPLOY,
    MACHINE_ACTION_RELEASE,
    MACHINE_ACTION_RESCUE_MODE,
    MACHINE_ACTION_EXIT_RESCUE_MODE,
    MACHINE_ACTION_MARK_BROKEN,
    MACHINE_ACTION_MARK_FIXED,
    MACHINE_ACTION_OVERRIDE_FAILED_TESTING,
    MACHINE_ACTION_LOCK,
    MACHINE_ACTION_UNLOCK,
    MACHINE_ACTION_POWER_ON,
    MACHINE_ACTION_POWER_OFF,
    MACHINE_ACTION_SET_STORAGE_LAYOUT,
    MACHINE_ACTION_MOUNT_SPECIAL,
    MACHINE_ACTION_UNMOUNT_SPECIAL,
    MACHINE_ACTION_RESTORE_NETWORKING,
    MACHINE_ACTION_RESTORE_STORAGE,
    MACHINE_ACTION_RESTORE_DEFAULT,
    MACHINE_ACTION_CLEAR_GATEWAYS,
    MACHINE_ACTION_COUNT,
};

struct machine_action {
    const char *name;  /* of the API's operation */
    const char *verb;  /* "cannot be VERB": "commissioned" */
    bool needs_admin;  /* else its owner may as well */
    bool takes_locked; /* also a locked machine */
    uint32_t from;     /* bits 1 << status */
    const char *event; /* a row of event_type.h: somebody asked for it */
};

const struct machine_action *machine_action_of(enum machine_action_kind kind);

/** May it be asked for in this status? */
bool machine_action_from(const struct machine_action *action, int status);

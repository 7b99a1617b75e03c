/*
 * The statuses of machines: MAAS's numbers, names and filter words, and the moves between them that
 * there are. Who may ask for which: machine_action.h. Any thread. Source: MAAS API 2.0, node
 * statuses.
 */
#pragma once

#include "src/base/fsm.h"

/* X(identifier, number, name for people, word of filters) */
#define MACHINE_STATUS_TABLE(X)                                                                   \
    X(NEW, 0, "New", "new")                                                                       \
    X(COMMISSIONING, 1, "Commissioning", "commissioning")                                         \
    X(FAILED_COMMISSIONING, 2, "Failed commissioning", "failed_commissioning")                    \
    X(MISSING, 3, "Missing", "missing")                                                           \
    X(READY, 4, "Ready", "ready")                                                                 \
    X(RESERVED, 5, "Reserved", "reserved")                                                        \
    X(DEPLOYED, 6, "Deployed", "deployed")                                                        \
    X(RETIRED, 7, "Retired", "retired")                                                           \
    X(BROKEN, 8, "Broken", "broken")                                                              \
    X(DEPLOYING, 9, "Deploying", "deploying")                                                     \
    X(ALLOCATED, 10, "Allocated", "allocated")                                                    \
    X(FAILED_DEPLOYMENT, 11, "Failed deployment", "failed_deployment")                            \
    X(RELEASING, 12, "Releasing", "releasing")                                                    \
    X(FAILED_RELEASING, 13, "Releasing failed", "failed_releasing")                               \
    X(DISK_ERASING, 14, "Disk erasing", "disk_erasing")                                           \
    X(FAILED_DISK_ERASING, 15, "Failed disk erasing", "failed_disk_erasing")                      \
    X(RESCUE_MODE, 16, "Rescue mode", "rescue_mode")                                              \
    X(ENTERING_RESCUE_MODE, 17, "Entering rescue mode", "entering_rescue_mode")                   \
    X(FAILED_ENTERING_RESCUE_MODE, 18, "Failed to enter rescue mode",                             \
      "failed_entering_rescue_mode")                                                              \
    X(EXITING_RESCUE_MODE, 19, "Exiting rescue mode", "exiting_rescue_mode")                      \
    X(FAILED_EXITING_RESCUE_MODE, 20, "Failed to exit rescue mode", "failed_exiting_rescue_mode") \
    X(TESTING, 21, "Testing", "testing")                                                          \
    X(FAILED_TESTING, 22, "Failed testing", "failed_testing")

enum machine_status {
#define X(identifier, number, name, word) MACHINE_##identifier = (number),
    MACHINE_STATUS_TABLE(X)
#undef X
        MACHINE_STATUS_COUNT = 23
};

/** The moves there are, each with its why. Missing, Reserved and Retired have none. */
extern const struct fsm machine_status_fsm;

/** "Failed commissioning"; asserts that the number is one. */
const char *machine_status_name(int status);

/** The number of a filter word ("failed_commissioning", any case), or -1. */
int machine_status_parse(const char *word);

/**
 * Where a machine ends that should have moved on and did not: the failure of a status that passes;
 * -1 for those that stay. A status with a failure has a time limit (status_expires).
 */
int machine_status_failed(int status);

/** What a machine in a status is given when it boots from the network. */
enum machine_boot {
    MACHINE_BOOT_EPHEMERAL, /* the ephemeral system, with the machine's own keys */
    MACHINE_BOOT_LOCAL,     /* its own disk */
    MACHINE_BOOT_POWEROFF,  /* it has no business being on */
};
/** enlisted: its hardware was reported once. */
enum machine_boot machine_status_boot(int status, bool enlisted);

/**
 * What a machine is when nothing is wrong with it. deployed: its owner's system was up on it;
 * commissioned: its hardware is known.
 */
int machine_status_home(bool owned, bool deployed, bool commissioned);

/** What the ephemeral system is for in a status. */
struct machine_stay {
    int status;
    const char *purpose; /* of the boot answer */
    const char *task;    /* of the agent */
    int results; /* type of the script set that takes what it reports (script.h), -1: none */
    int limit_s; /* then the machine is switched off */
};
/** NULL: none has to do with it. */
const struct machine_stay *machine_status_stay(int status);

/** It runs a system only to have its scripts run: commissioning, testing. */
bool machine_status_is_tried(int status);

/** results of the row, -1 without one. */
int machine_status_results(int status);

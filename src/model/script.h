/*
 * Scripts that run on machines: MAAS's numbers and words for what they are for, what hardware they
 * concern, how they run beside others, and how they ended. Any thread.
 * Source: MAAS API 2.0, scripts and results. names: script_
 */
#pragma once

#include <stdbool.h>

enum {
    SCRIPT_NAME_BYTES = 255,
    SCRIPT_TITLE_BYTES = 255,
    SCRIPT_BYTES = 1 << 20, /* of one script */
    SCRIPT_TIMEOUT_MOST_S = 30 * 24 * 3600,
};

/* X(identifier, number, name for people, name of a run); of installations there is only the log */
#define SCRIPT_TYPE_TABLE(X)                                     \
    X(COMMISSIONING, 0, "Commissioning script", "Commissioning") \
    X(INSTALLATION, 1, "Installation log", "Installation")       \
    X(TESTING, 2, "Testing script", "Testing")                   \
    X(RELEASE, 3, "Release script", "Release")

enum script_type {
#define X(identifier, number, name, run) SCRIPT_##identifier = (number),
    SCRIPT_TYPE_TABLE(X)
#undef X
};

enum script_hardware {
    SCRIPT_ON_NODE = 0,
    SCRIPT_ON_CPU,
    SCRIPT_ON_MEMORY,
    SCRIPT_ON_STORAGE,
    SCRIPT_ON_NETWORK,
    SCRIPT_ON_GPU,
};

enum script_parallel {
    SCRIPT_ALONE = 0,
    SCRIPT_BESIDE_ITSELF, /* beside other instances of the same script */
    SCRIPT_BESIDE_ANY,
};

/* X(identifier, number, name for people, over: it has ended, in whatever way, failed: it fails the
 * run it belongs to) */
#define SCRIPT_STATUS_TABLE(X)                                                     \
    X(PENDING, 0, "Pending", false, false)                                         \
    X(RUNNING, 1, "Running", false, false)                                         \
    X(PASSED, 2, "Passed", true, false)                                            \
    X(FAILED, 3, "Failed", true, true)                                             \
    X(TIMED_OUT, 4, "Timed out", true, true)                                       \
    X(ABORTED, 5, "Aborted", true, false)                                          \
    X(DEGRADED, 6, "Degraded", true, false)                                        \
    X(INSTALLING, 7, "Installing dependencies", false, false)                      \
    X(FAILED_INSTALLING, 8, "Failed installing dependencies", true, true)          \
    X(SKIPPED, 9, "Skipped", true, false)                                          \
    X(APPLYING_NETCONF, 10, "Applying custom network configuration", false, false) \
    X(FAILED_APPLYING_NETCONF, 11, "Failed to apply custom network configuration", true, true)

enum script_status {
#define X(identifier, number, name, over, failed) SCRIPT_##identifier = (number),
    SCRIPT_STATUS_TABLE(X)
#undef X
        SCRIPT_STATUS_COUNT
};

/** For people, "Unknown" for -1 (of a run without results); asserts that the number is one. */
const char *script_status_name(int status);

/**
 * The number of a word as forms and headers write it ("testing", "test", "2"; "storage", "disk";
 * "instance"), any case, or -1. Numbers are taken for themselves when they are one.
 */
int script_type_parse(const char *word);
int script_hardware_parse(const char *word);
int script_parallel_parse(const char *word);

/** For people: "Testing script"; asserts the number. */
const char *script_type_name(int type);

/** May this be a script's name: letters, digits, dots, dashes, underscores; not only digits. */
bool script_name_ok(const char *name);

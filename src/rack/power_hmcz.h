/*
 * The driver "hmcz": partitions of IBM Z machines in DPM mode, by the web services of their
 * Hardware Management Console. Blocking; any thread. Source: IBM's HMC Web Services API (Logon,
 * List CPC Objects, List Partitions of a CPC, Get Partition Properties, Get NIC Properties, Start
 * and Stop Partition).
 */
#pragma once

#include "src/base/limits.h"
#include "src/rack/power_chassis.h"
#include "src/rack/power_order.h"

enum { POWER_HMCZ_URI = 160, POWER_HMCZ_CPCS = 64 };

/** URIs of the machines that have partitions. */
struct power_hmcz_cpcs {
    char uri[POWER_HMCZ_CPCS][POWER_HMCZ_URI];
    int count;
};

/** Read the list of machines. Pure. Errors: CORRUPT. */
enum error_code power_hmcz_read_cpcs(const char *bytes, size_t size, struct power_hmcz_cpcs *cpcs,
                                     struct error *err);

struct power_hmcz_partition {
    char uri[POWER_HMCZ_URI];
    char status[32];
};

/** Find the partition of this name in a machine's list. Pure. Errors: CORRUPT, NOT_FOUND. */
enum error_code power_hmcz_find(const char *bytes, size_t size, const char *name,
                                struct power_hmcz_partition *partition, struct error *err);

/** As power_order_run. */
enum error_code power_hmcz_run(const struct power_order *order, struct arena *arena,
                               enum power_seen *seen, struct error *err);

/** The partitions of all its machines in DPM mode. Errors: as power_order_run, power_chassis_add.
 */
enum error_code power_hmcz_list(const struct power_order *order, struct arena *arena,
                                struct power_chassis *chassis, struct error *err);

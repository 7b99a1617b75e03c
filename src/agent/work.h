/*
 * What the agent does from the first word with the region to the last: makes itself known, asks for
 * its task, carries it out. Blocking; never on a loop. Source: docs/deploy.md.
 */
#pragma once

#include "src/agent/report.h"

/**
 * reboot: the machine is to boot again at the end, kexec: without its firmware; switch_root: to go
 * on with the system that stands in memory; else to be switched off. report_only: whatever the
 * region asks for, nothing is changed here (gantry-agent --report). is_guest: another system runs
 * here (--work); what needs the machine for itself is refused. Errors: BAD_INPUT (command line,
 * preseed, answers), those of talk_exchange and of the work.
 */
struct work {
    bool report_only, is_guest;
    bool reboot, switch_root; /* the latter to INSTALL_ROOT */
    bool kexec;               /* by the kernel that is loaded */
};
enum error_code work_run(struct talk *talk, const struct report *report, struct work *work,
                         struct error *err);

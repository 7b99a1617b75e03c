/*
 * The duties of the first process: file systems, a console, reaping, and the end of the machine.
 * The work runs in a child, so that neither a crash nor a hang of it leaves the machine on.
 */
#pragma once

/** Mount what is missing of proc, sys, dev, run, tmp and the EFI variables; open the console. */
void pid1_prepare(void);

enum pid1_end { PID1_DONE, PID1_FAILED, PID1_REBOOT, PID1_SWITCH, PID1_KEXEC };

/* Statuses of a work that is done and wants another boot, system or kernel. */
enum { PID1_WORK_REBOOT = 2, PID1_WORK_SWITCH = 3, PID1_WORK_KEXEC = 4 };

/**
 * Run work(subject) in a child until it ends or limit_s is over, reaping orphans meanwhile. Status
 * 0 is done. A signal that asks for power off or reboot (SIGTERM, SIGUSR2; SIGINT) ends it at once.
 */
enum pid1_end pid1_run(int (*work)(void *subject), void *subject, int limit_s);

/** Become the system below root: its /sbin/init. Returns, logged, only when that cannot be. */
void pid1_switch(const char *root);

/**
 * Write everything out, then power off, reboot, or start the kernel that was loaded (reboot when
 * that fails) by reboot(2). Does not return.
 */
void pid1_finish(enum pid1_end end) __attribute__((noreturn));

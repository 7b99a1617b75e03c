/*
 * Programs of the new system that run in it before it has ever been started: what it then finds of
 * the machine. Blocking; root of the ephemeral system. Source: mount(2), chroot(8).
 */
#pragma once

#include "src/agent/install_system.h"

/** Its /dev, /proc and /sys are ours; its /run is in memory. Errors: IO; nothing is left then. */
enum error_code install_chroot_begin(const struct installed *system, struct error *err);
void install_chroot_end(const struct installed *system);

/**
 * For programs that fetch and install something: names are resolved as we do it, and no package
 * starts a service. Undo it before the system is used; what cannot be undone is an error of its
 * own. Errors: IO.
 */
enum error_code install_chroot_prepare(const struct installed *system, struct error *err);
enum error_code install_chroot_undo(const struct installed *system, struct error *err);

/** Run one of its programs (at an absolute path). Errors: as tool_run. */
enum error_code install_chroot_run(const struct installed *system, const char *const *argv,
                                   int timeout_s, struct error *err);

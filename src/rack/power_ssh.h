/*
 * Commands on foreign consoles by ssh, with a password that no argument shows. Blocking; any
 * thread. names: power_ssh_
 */
#pragma once

#include <stdint.h>

#include "src/rack/power_order.h"

enum { POWER_SSH_ENVIRONMENT = 8 };

/** One order's console: where to log in, its private folder. */
struct power_ssh {
    const struct power_order *order;
    struct arena *arena;
    uint64_t deadline_ns;
    const char *folder, *host, *port, *user;
    const char *environment[POWER_SSH_ENVIRONMENT];
};

/** From power_address, power_user and power_pass. Close it, also after an error. Errors: IO. */
enum error_code power_ssh_open(struct power_ssh *ssh, const struct power_order *order,
                               struct arena *arena, struct error *err);
void power_ssh_close(struct power_ssh *ssh);

/**
 * Run a command line; *output is what it wrote, in the arena. Its status does not matter: what
 * these consoles say of failures stands in the output. Errors: FORBIDDEN (user, password or host
 * key), UNAVAILABLE, TIMEOUT, IO.
 */
enum error_code power_ssh_run(struct power_ssh *ssh, const char *command, const char **output,
                              struct error *err);

/** What ssh wrote when it did not get so far, as an error for a person. Pure. */
enum error_code power_ssh_explain(const struct power_order *order, const char *output,
                                  struct arena *arena, struct error *err);

/**
 * For programs that start ssh by themselves: the environment in which it asks for no terminal and
 * gets the password from a private file below folder ("" = none). Errors: IO.
 */
enum error_code power_ssh_environment(const char *folder, const char *password, struct arena *arena,
                                      const char *environment[POWER_SSH_ENVIRONMENT],
                                      struct error *err);

/*
 * Programs that fenced starts as the unprivileged user, each in a cgroup of its own. Deaths are
 * seen by pidfd, never by kill(pid, 0): zombies answer that.
 */
#pragma once

#include "src/fence/backoff.h"
#include "src/fence/cgroup.h"
#include "src/fence/settings.h"

struct child {
    const char *title; /* for the log */
    struct cgroup group;
    pid_t pid; /* 0 = none */
    int pidfd; /* readable when it ended; -1 = none */
    int link;  /* our end of the socket pair; -1 = none */
    uint64_t started_ns;
    uint64_t start_at_ns; /* when to start (again); 0 = not waiting */
    struct backoff backoff;
};

/** No process yet; makes the cgroup and ends what an earlier fenced left in it. */
enum error_code child_init(struct child *child, const struct settings *settings, const char *title,
                           struct error *err);

/**
 * Fork and exec argv as the user, with death_signal when fenced dies and, if with_link, a socket
 * pair whose other end is FENCE_CHILD_FD there. Errors: IO.
 */
struct child_start {
    const char *const *argv;
    int death_signal;
    int nice; /* below 0: is scheduled before others */
    bool with_link;
};
enum error_code child_run(struct child *child, const struct settings *settings,
                          const struct child_start *start, struct error *err);

/** Take the exit status of an ended child into text ("exit 1", "signal 9"); forgets the process. */
void child_reap(struct child *child, char *text, size_t size);

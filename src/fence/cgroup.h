/*
 * Groups of processes in the cgroup2 tree, so that a program and all its descendants end together.
 * The mount is found in /proc/self/mounts: hybrid hosts have it elsewhere than /sys/fs/cgroup.
 */
#pragma once

#include <sys/types.h>

#include "src/base/error.h"
#include "src/base/limits.h"

struct cgroup {
    char path[LIMIT_PATH];
    bool can_kill; /* the kernel has cgroup.kill */
};

/** Make MOUNT/gantry-NAME/CHILD. Errors: UNAVAILABLE (no cgroup2 mount), IO. */
enum error_code cgroup_make(struct cgroup *group, const char *name, const char *child,
                            struct error *err);

/** Put the calling process in; for a child between fork and exec. False = failed. */
bool cgroup_enter(const struct cgroup *group);

/** No process is in it. */
bool cgroup_is_empty(const struct cgroup *group);

/** SIGKILL to all in it, once. Call again until cgroup_is_empty: without cgroup.kill forks race. */
void cgroup_kill(const struct cgroup *group);

/** Kill until empty, at most timeout_ms; true when empty. Blocks: start and end of fenced only. */
bool cgroup_kill_wait(const struct cgroup *group, int timeout_ms);

/** Remove the empty folder. */
void cgroup_remove(const struct cgroup *group);

/* Groups of processes: see cgroup.h. Source: the kernel's cgroup-v2 manual. */
#include "src/fence/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"

static bool find_mount(char *path, size_t size)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    bool found = false;
    for (struct mntent *entry; mounts && !found && (entry = getmntent(mounts));) {
        found = !strcmp(entry->mnt_type, "cgroup2");
        if (found)
            snprintf(path, size, "%s", entry->mnt_dir);
    }
    if (mounts)
        endmntent(mounts);
    return found;
}

enum error_code cgroup_make(struct cgroup *group, const char *name, const char *child,
                            struct error *err)
{
    char mount[LIMIT_PATH / 2];
    if (!find_mount(mount, sizeof(mount)))
        return error_set(err, ERR_UNAVAILABLE,
                         "no cgroup2 is mounted: gantry-fenced cannot make sure that what it "
                         "started has ended; mount one (mount -t cgroup2 none /sys/fs/cgroup)");
    snprintf(group->path, sizeof(group->path), "%s/gantry-%s/%s", mount, name, child);
    enum error_code code = file_make_folders(group->path, 0755, err);
    if (code)
        return code;
    char kill_file[LIMIT_PATH + 16];
    snprintf(kill_file, sizeof(kill_file), "%s/cgroup.kill", group->path);
    group->can_kill = access(kill_file, W_OK) == 0;
    return ERR_OK;
}

/* Write text into a control file of the group. */
static bool control(const struct cgroup *group, const char *name, const char *text)
{
    char path[LIMIT_PATH + 32];
    snprintf(path, sizeof(path), "%s/%s", group->path, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return done;
}

bool cgroup_enter(const struct cgroup *group)
{
    return control(group, "cgroup.procs", "0");
}

/* Calls each(pid) for every process in the group; returns how many there are, 1 when that cannot be
 * told: nobody may take what is unknown for dead. */
static int for_each(const struct cgroup *group, void (*each)(pid_t pid))
{
    char path[LIMIT_PATH + 32];
    snprintf(path, sizeof(path), "%s/cgroup.procs", group->path);
    FILE *procs = fopen(path, "re");
    if (!procs)
        return errno == ENOENT ? 0 : 1;
    int count = 0;
    char line[32];
    while (fgets(line, sizeof(line), procs)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 1 && each)
            each((pid_t)pid);
        count++;
    }
    bool whole = !ferror(procs);
    fclose(procs);
    return whole ? count : count + 1;
}

bool cgroup_is_empty(const struct cgroup *group)
{
    return for_each(group, NULL) == 0;
}

static void kill_one(pid_t pid)
{
    kill(pid, SIGKILL);
}

void cgroup_kill(const struct cgroup *group)
{
    if (!group->can_kill || !control(group, "cgroup.kill", "1"))
        for_each(group, kill_one);
}

bool cgroup_kill_wait(const struct cgroup *group, int timeout_ms)
{
    uint64_t end = clock_boot_ns() + (uint64_t)timeout_ms * CLOCK_MS;
    while (!cgroup_is_empty(group)) {
        if (clock_boot_ns() >= end)
            return false;
        cgroup_kill(group);
        usleep(1000);
    }
    return true;
}

void cgroup_remove(const struct cgroup *group)
{
    char parent[LIMIT_PATH];
    rmdir(group->path);
    snprintf(parent, sizeof(parent), "%s", group->path);
    char *slash = strrchr(parent, '/');
    if (slash) {
        *slash = '\0';
        rmdir(parent); /* fails while another group is in it, or without the right: harmless */
    }
}

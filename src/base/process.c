/* Child programs that run to their end: see process.h. */
#include "src/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"

enum { OVER_MS = 50 }; /* how often it is asked whether it is over */
enum { LINE_BYTES = 300 };

struct pump {
    const struct process_run *run;
    int in, out; /* our ends; -1 when closed */
    size_t fed, used, room;
    char *bytes;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static enum error_code take_output(struct pump *pump, struct arena *arena, struct error *err)
{
    if (pump->used == pump->room) {
        size_t room = pump->room * 2;
        char *larger = arena_alloc(arena, room + 1);
        memcpy(larger, pump->bytes, pump->used);
        pump->bytes = larger;
        pump->room = room;
    }
    ssize_t n = read(pump->out, pump->bytes + pump->used, pump->room - pump->used);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return ERR_OK;
    if (n <= 0)
        close_end(&pump->out);
    else
        pump->used += (size_t)n;
    if (pump->used > pump->run->output_limit)
        return error_set(err, ERR_TOO_LARGE, "%s wrote more than %zu bytes", pump->run->argv[0],
                         pump->run->output_limit);
    return ERR_OK;
}

static void feed_input(struct pump *pump)
{
    size_t left = pump->run->input_size - pump->fed;
    ssize_t n = left ? write(pump->in, pump->run->input + pump->fed, left) : 0;
    if (n > 0)
        pump->fed += (size_t)n;
    if (pump->fed == pump->run->input_size || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&pump->in);
}

static enum error_code pump_until_end(struct pump *pump, struct arena *arena, struct error *err)
{
    uint64_t deadline = clock_boot_ns() + (uint64_t)pump->run->timeout_ms * CLOCK_MS;
    const atomic_bool *over = pump->run->over;
    while (pump->out >= 0) {
        uint64_t now = clock_boot_ns();
        if (now >= deadline)
            return error_set(err, ERR_TIMEOUT, "%s did not end within %d ms", pump->run->argv[0],
                             pump->run->timeout_ms);
        if (over && atomic_load(over))
            return error_set(err, ERR_UNAVAILABLE, "%s is not needed any more", pump->run->argv[0]);
        struct pollfd fds[2] = {{pump->out, POLLIN, 0}, {pump->in, POLLOUT, 0}};
        int left_ms = (int)((deadline - now) / CLOCK_MS + 1);
        int n = poll(fds, 2, over && left_ms > OVER_MS ? OVER_MS : left_ms);
        if (n < 0 && errno != EINTR)
            return error_errno(err, "poll");
        if (n > 0 && fds[1].revents)
            feed_input(pump);
        if (n > 0 && fds[0].revents) {
            enum error_code code = take_output(pump, arena, err);
            if (code)
                return code;
        }
    }
    return ERR_OK;
}

static int spawn(const struct process_run *run, int in, int out, pid_t *pid)
{
    static const char *const minimal[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, out, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_init(&attr);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    int rv = posix_spawn(pid, run->argv[0], &actions, &attr, (char *const *)run->argv,
                         (char *const *)(run->environment ? run->environment : minimal));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (!rv && getpriority(PRIO_PROCESS, 0) < 0)
        setpriority(PRIO_PGRP, (id_t)*pid, 0);
    return rv;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        ASSERT(errno == EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

enum error_code process_run(const struct process_run *run, struct arena *arena,
                            struct process_result *result, struct error *err)
{
    ASSERT(run->argv[0][0] == '/' && run->timeout_ms > 0 && run->output_limit > 0);
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    pid_t pid = -1;
    struct pump pump = {.run = run, .in = -1, .out = -1, .room = 4096};
    enum error_code code = ERR_OK;
    if (pipe2(out, O_CLOEXEC) || (run->input ? pipe2(in, O_CLOEXEC) : 0))
        code = error_errno(err, "pipe");
    if (!code && !run->input && (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        code = error_errno(err, "/dev/null");
    int rv = code ? 0 : spawn(run, in[0], out[1], &pid);
    if (rv) {
        errno = rv;
        code = error_errno(err, "cannot run %s", run->argv[0]);
    }
    close_end(&in[0]);
    close_end(&out[1]);
    pump.in = in[1];
    pump.out = out[0];
    if (!code) {
        fcntl(pump.out, F_SETFL, O_NONBLOCK);
        if (pump.in >= 0)
            fcntl(pump.in, F_SETFL, O_NONBLOCK);
        pump.bytes = arena_alloc(arena, pump.room + 1);
        code = pump_until_end(&pump, arena, err);
        if (code)
            kill(-pid, SIGKILL);
        result->status = wait_for(pid);
        pump.bytes[pump.used] = '\0';
        result->output = pump.bytes;
        result->output_size = pump.used;
    }
    close_end(&pump.in);
    close_end(&pump.out);
    return code;
}

const char *process_last_line(struct arena *arena, const char *output)
{
    size_t end = strlen(output);
    while (end && strchr(" \t\r\n", output[end - 1]))
        end--;
    size_t start = end;
    while (start && output[start - 1] != '\n')
        start--;
    start += strspn(output + start, " \t\r");
    if (!end)
        return "(nothing)";
    return arena_strndup(arena, output + start,
                         end - start < LINE_BYTES ? end - start : LINE_BYTES);
}

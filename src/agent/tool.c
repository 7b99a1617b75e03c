/* Programs and their log: see tool.h. */
#include "src/agent/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/process.h"

enum { OUTPUT_BYTES = 4 << 20, KEPT_BYTES = 4 << 10 };

void tool_log_open(struct tool_log *log, struct arena *arena)
{
    log->arena = arena;
    spool_init(&log->text);
}

void tool_log_close(struct tool_log *log)
{
    spool_close(&log->text);
}

void tool_note(struct tool_log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(log->arena, format, args);
    va_end(args);
    log_info("%s", text);
    spool_printf(&log->text, "%s\n", text);
}

const char *tool_log_text(const struct tool_log *log)
{
    size_t used = log->text.fd < 0 ? log->text.used : 0;
    size_t from = used > TOOL_LOG_BYTES ? used - TOOL_LOG_BYTES : 0;
    return used ? arena_strndup(log->arena, log->text.bytes + from, used - from) : "";
}

enum error_code tool_run(struct tool_log *log, const char *const *argv, int timeout_s,
                         struct error *err)
{
    struct process_run run = {
        .argv = argv, .output_limit = OUTPUT_BYTES, .timeout_ms = timeout_s * 1000};
    struct process_result result;
    spool_text(&log->text, "+");
    for (int i = 0; argv[i]; i++)
        spool_printf(&log->text, " %s", argv[i]);
    spool_text(&log->text, "\n");
    enum error_code code = process_run(&run, log->arena, &result, err);
    if (code)
        return code;
    size_t from = result.output_size > KEPT_BYTES ? result.output_size - KEPT_BYTES : 0;
    spool_put(&log->text, result.output + from, result.output_size - from);
    if (!result.status)
        return ERR_OK;
    spool_printf(&log->text, "(status %d)\n", result.status);
    return error_set(err, ERR_INTERNAL, "%s failed (status %d): %s", argv[0], result.status,
                     process_last_line(log->arena, result.output));
}

enum error_code tool_start(const char *const *argv, int in, int out, pid_t *pid, struct error *err)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                              NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all, none;
    posix_spawn_file_actions_init(&actions);
    if (in < 0)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (out < 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_init(&attr);
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    errno =
        posix_spawn(pid, argv[0], &actions, &attr, (char *const *)argv, (char *const *)environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return errno ? error_errno(err, "cannot run %s", argv[0]) : ERR_OK;
}

enum error_code tool_wait(pid_t pid, const char *name, struct error *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_errno(err, "wait for %s", name);
    if (WIFSIGNALED(status))
        return error_set(err, ERR_INTERNAL, "%s ended by signal %d", name, WTERMSIG(status));
    if (WEXITSTATUS(status))
        return error_set(err, ERR_INTERNAL, "%s failed (status %d)", name, WEXITSTATUS(status));
    return ERR_OK;
}

/* Programs that fenced starts: see child.h. */
#include "src/fence/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/wire/fence_message.h"

enum error_code child_init(struct child *child, const struct settings *settings, const char *title,
                           struct error *err)
{
    *child = (struct child){.title = title, .pidfd = -1, .link = -1};
    enum error_code code = cgroup_make(&child->group, settings->name, title, err);
    if (!code && !cgroup_kill_wait(&child->group, 10000))
        code = error_set(err, ERR_BUSY, "processes of an earlier %s do not end: see %s", title,
                         child->group.path);
    return code;
}

/* In the child, after fork: everything that may fail writes one line and ends it. */
static void refuse(const char *what)
{
    dprintf(STDERR_FILENO, "gantry-fenced: child: %s: %s\n", what, strerror(errno));
    _exit(126);
}

static void become(const struct child *child, const struct settings *settings,
                   const struct child_start *start, int link, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    if (!cgroup_enter(&child->group))
        refuse("cgroup");
    if (start->nice) /* best effort: a host may forbid it */
        setpriority(PRIO_PROCESS, 0, start->nice);
    if (setgroups(0, NULL) || setresgid(settings->gid, settings->gid, settings->gid) ||
        setresuid(settings->uid, settings->uid, settings->uid))
        refuse("user");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        refuse("no_new_privs");
    /* After the last change of user, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, start->death_signal) || getppid() != parent)
        refuse("fenced is gone");
    setsid();
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int input = open("/dev/null", O_RDONLY);
    if (input < 0 || dup2(input, STDIN_FILENO) < 0)
        refuse("/dev/null");
    if (link >= 0 && link != FENCE_CHILD_FD && dup2(link, FENCE_CHILD_FD) < 0)
        refuse("link");
    if (link == FENCE_CHILD_FD)
        fcntl(link, F_SETFD, 0);
    syscall(SYS_close_range, link >= 0 ? FENCE_CHILD_FD + 1 : FENCE_CHILD_FD, ~0U, 0);
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    if (link >= 0)
        setenv("GANTRY_FENCE_FD", "3", 1);
    execv(start->argv[0], (char *const *)start->argv);
    refuse(start->argv[0]);
}

enum error_code child_run(struct child *child, const struct settings *settings,
                          const struct child_start *start, struct error *err)
{
    ASSERT(child->pid == 0);
    int pair[2] = {-1, -1};
    child->start_at_ns = 0;
    if (start->with_link && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return error_errno(err, "%s: socketpair", child->title);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(child, settings, start, pair[1], parent);
    if (pair[1] >= 0)
        close(pair[1]);
    if (pid < 0) {
        if (pair[0] >= 0)
            close(pair[0]);
        return error_errno(err, "%s: fork", child->title);
    }
    child->pid = pid;
    child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    ASSERT(child->pidfd >= 0);
    fcntl(child->pidfd, F_SETFD, FD_CLOEXEC);
    child->link = pair[0];
    child->started_ns = clock_boot_ns();
    return ERR_OK;
}

void child_reap(struct child *child, char *text, size_t size)
{
    int status = 0;
    pid_t pid;
    do
        pid = waitpid(child->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    if (WIFSIGNALED(status))
        snprintf(text, size, "signal %d", WTERMSIG(status));
    else
        snprintf(text, size, "exit %d", WEXITSTATUS(status));
    close(child->pidfd);
    if (child->link >= 0)
        close(child->link);
    child->pid = 0;
    child->pidfd = child->link = -1;
}

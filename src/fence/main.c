/*
 * gantry-fenced: parent and subreaper of a controller's programs. Starts regiond and rackd as the
 * unprivileged user and restarts them, starts PostgreSQL on regiond's order, opens privileged
 * sockets, holds virtual addresses, and ends what a lapsed lease no longer allows. One thread; it
 * parses nothing that comes from a network.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/program.h"
#include "src/fence/held.h"
#include "src/fence/listen.h"
#include "src/fence/pause.h"
#include "src/fence/postgres.h"
#include "src/fence/request.h"
#include "src/fence/rights.h"

enum {
    REGIOND_NICE = -10,
    STOP_CHILD_MS = 5000,
    STOP_POSTGRES_MS = 10000,
    FILES = 65536,     /* open at a time in each child: as the unit asks for */
    FILES_FEW = 16384, /* HAProxy wants so many for its connections */
};
enum { REGIOND, RACKD, CHILDREN };

/* The whole program: there is one of it. */
static struct {
    struct settings settings;
    struct child children[CHILDREN];
    struct postgres postgres;
    struct held held;
    struct pause pause;
    int signals;
    int due; /* a timer of BOOTTIME: what epoll waits by stands still while the host sleeps */
    bool stopping;
} fenced;

static void reply_to(struct child *child, const struct fence_reply *reply, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {(void *)reply, sizeof(*reply)};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (child->link < 0)
        return;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    if (sendmsg(child->link, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_warning("%s does not read its answers: %s", child->title, strerror(errno));
}

static void answer_regiond(uint32_t number, enum error_code code, const char *text)
{
    struct fence_reply reply = {.kind = FENCE_REPLY, .number = number, .code = code};
    snprintf(reply.text, sizeof(reply.text), "%s", text);
    reply_to(&fenced.children[REGIOND], &reply, -1);
}

static void notify_regiond(enum fence_notice kind, const char *text)
{
    struct fence_reply reply = {.kind = kind};
    snprintf(reply.text, sizeof(reply.text), "%s", text);
    reply_to(&fenced.children[REGIOND], &reply, -1);
}

static void on_dropped(const char *address)
{
    notify_regiond(FENCE_NOTICE_DROPPED, address);
}

static void on_postgres_gone(const char *how)
{
    notify_regiond(FENCE_NOTICE_PG_ENDED, how);
}

static void on_postgres_broke(const char *how)
{
    notify_regiond(FENCE_NOTICE_PG_BROKE, how);
}

static void fill_report(struct fence_report *report)
{
    report->postmaster = postgres_alive(&fenced.postgres) ? (int32_t)fenced.postgres.child.pid : 0;
    if (!report->postmaster && postgres_alive(&fenced.postgres))
        report->postmaster = -1; /* ended, its cgroup not yet empty */
    report->pg_epoch = fenced.postgres.epoch;
    held_report(&fenced.held, report);
}

static enum error_code know(const struct fence_request *request, struct error *err)
{
    struct guard_known known = {request->known.door, request->known.caller, request->known.doors,
                                request->known.callers};
    return fenced.held.guard ? guard_know(fenced.held.guard, &known, err)
                             : error_set(err, ERR_UNAVAILABLE, "there is no guard");
}

/* Requests that are answered at once; the rest answer through a callback. True = answered here. */
static bool act(const struct fence_request *request, struct fence_reply *reply, int *fd)
{
    struct error err = {.text = ""};
    enum error_code code = ERR_OK;
    switch ((enum fence_type)request->type) {
    case FENCE_QUERY:
        fill_report(&reply->report);
        break;
    case FENCE_PG_START:
        code = fenced.stopping ? error_set(&err, ERR_UNAVAILABLE, "gantry-fenced is stopping")
                               : postgres_start(&fenced.postgres, request, &err);
        break;
    case FENCE_PG_STOP:
        postgres_stop(&fenced.postgres, request);
        return false;
    case FENCE_PG_SIGNAL:
        code = postgres_signal(&fenced.postgres, request, &err);
        break;
    case FENCE_LEASE:
        code = request->lease.resource == FENCE_RESOURCE_POSTGRES
                   ? postgres_renew(&fenced.postgres, request, &err)
                   : held_renew(&fenced.held, request, &err);
        break;
    case FENCE_ADDRESS_ADD:
        held_add(&fenced.held, request);
        return false;
    case FENCE_ADDRESS_DROP:
        held_drop(&fenced.held, request);
        return false;
    case FENCE_LISTEN:
        code = listen_open(request, fd, &err);
        break;
    case FENCE_NUDGE:
        code = held_nudge(&fenced.held, request, &err);
        break;
    case FENCE_KNOWN:
        code = know(request, &err);
        break;
    case FENCE_TYPES:
        break;
    }
    reply->code = code;
    snprintf(reply->text, sizeof(reply->text), "%.*s", FENCE_TEXT - 1, code ? err.text : "");
    return true;
}

static void take_request(struct child *child, enum request_sender sender)
{
    struct fence_request packet, request;
    struct error err;
    int fd = -1;
    ssize_t n = recv(child->link, &packet, sizeof(packet), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* closed its end without exiting: it is no use any more */
        cgroup_kill(&child->group);
        close(child->link);
        child->link = -1;
        return;
    }
    enum error_code code = request_check(&packet, (size_t)n, sender, &request, &err);
    struct fence_reply reply = {.kind = FENCE_REPLY, .number = request.number, .code = code};
    if (code) {
        log_error("%s: %s", child->title, err.text);
        snprintf(reply.text, sizeof(reply.text), "%.*s", FENCE_TEXT - 1, err.text);
    }
    if (code || act(&request, &reply, &fd))
        reply_to(child, &reply, fd);
    if (fd >= 0)
        close(fd);
}

static void start_child(struct child *child)
{
    bool region = child == &fenced.children[REGIOND];
    const struct settings *settings = &fenced.settings;
    const char *const argv[] = {region ? settings->regiond_path : settings->rackd_path, "--config",
                                region ? settings->regiond_config : settings->rackd_config, NULL};
    /* Who renews leases must not wait for who computes. */
    struct child_start start = {.argv = argv,
                                .death_signal = SIGTERM,
                                .nice = region ? REGIOND_NICE : 0,
                                .with_link = true};
    struct error err;
    if (child_run(child, settings, &start, &err)) {
        log_error("%s", err.text);
        child->start_at_ns = clock_boot_ns() + backoff_next_ms(&child->backoff, 0) * CLOCK_MS;
        return;
    }
    log_info("%s starts, pid %d", child->title, (int)child->pid);
}

static void end_child(struct child *child)
{
    char how[64];
    uint64_t alive_ms = (clock_boot_ns() - child->started_ns) / CLOCK_MS;
    child_reap(child, how, sizeof(how));
    if (child == &fenced.children[REGIOND])
        held_give_up(&fenced.held); /* before HAProxy ends and its port refuses */
    cgroup_kill(&child->group);     /* what it left: HAProxy, running tools */
    if (fenced.stopping) {
        log_info("%s ended: %s", child->title, how);
        return;
    }
    uint32_t wait_ms = backoff_next_ms(&child->backoff, alive_ms);
    child->start_at_ns = clock_boot_ns() + wait_ms * CLOCK_MS;
    log_warning("%s ended: %s; starts again in %u ms", child->title, how, wait_ms);
}

/* Everything that is due; returns when to look again. */
static uint64_t run_due(void)
{
    uint64_t now = clock_boot_ns();
    uint64_t next = postgres_run(&fenced.postgres, now);
    uint64_t held_next = held_run(&fenced.held, now, next);
    if (held_next < next)
        next = held_next;
    for (int i = 0; i < CHILDREN; i++) {
        struct child *child = &fenced.children[i];
        if (!child->start_at_ns || child->pid || fenced.stopping)
            continue;
        if (now >= child->start_at_ns && cgroup_is_empty(&child->group))
            start_child(child);
        else if (now >= child->start_at_ns)
            child->start_at_ns = now + 20 * CLOCK_MS; /* its remains are still ending */
        if (child->start_at_ns && child->start_at_ns < next)
            next = child->start_at_ns;
    }
    return next;
}

static void arm_due(uint64_t next)
{
    struct itimerspec at = {.it_value = {0, 0}};
    if (next != UINT64_MAX) {
        at.it_value.tv_sec = (time_t)(next / CLOCK_S);
        at.it_value.tv_nsec = (long)(next % CLOCK_S);
        at.it_value.tv_nsec += !at.it_value.tv_sec && !at.it_value.tv_nsec; /* 0 disarms */
    }
    int rv = timerfd_settime(fenced.due, TFD_TIMER_ABSTIME, &at, NULL);
    ASSERT(rv == 0);
}

/* The host may have stood still for as long as the wall clock leapt: others hold by now what is
 * held here. */
static void drop_what_is_leased(void)
{
    if (postgres_lapse(&fenced.postgres) | held_lapse(&fenced.held))
        log_warning("the wall clock leapt forward, this host may have stood still: every lease "
                    "counts as ended");
}

/* An epoll set of everything that can happen. It is small: it is built anew for each turn. */
static int watch_all(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fds[7 + LIMIT_VIPS], count = 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(epoll >= 0);
    fds[count++] = fenced.signals;
    fds[count++] = fenced.due;
    fds[count++] = fenced.postgres.child.pidfd;
    for (int i = 0; i < CHILDREN; i++) {
        fds[count++] = fenced.children[i].pidfd;
        fds[count++] = fenced.children[i].link;
    }
    for (int i = 0; i < LIMIT_VIPS; i++)
        fds[count++] = fenced.held.slots[i].arp;
    for (int i = 0; i < count; i++) {
        event.data.fd = fds[i];
        int rv = fds[i] < 0 ? 0 : epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
        ASSERT(rv == 0);
    }
    return epoll;
}

static void take_event(int fd)
{
    struct signalfd_siginfo signal_seen;
    if (fd == fenced.signals && read(fd, &signal_seen, sizeof(signal_seen)) == sizeof(signal_seen))
        fenced.stopping |= signal_seen.ssi_signo == SIGTERM || signal_seen.ssi_signo == SIGINT;
    else if (fd == fenced.postgres.child.pidfd)
        postgres_reap(&fenced.postgres);
    for (int i = 0; i < CHILDREN; i++) {
        struct child *child = &fenced.children[i];
        if (fd == child->link)
            take_request(child, i == REGIOND ? REQUEST_FROM_REGIOND : REQUEST_FROM_RACKD);
        else if (fd == child->pidfd)
            end_child(child);
    }
    held_hear(&fenced.held, fd);
}

/* Orphans of children (HAProxy after regiond died) come to us, the subreaper. */
static void reap_orphans(void)
{
    siginfo_t orphan = {.si_pid = 0};
    while (!waitid(P_ALL, 0, &orphan, WEXITED | WNOHANG | WNOWAIT) && orphan.si_pid) {
        pid_t pid = orphan.si_pid;
        if (pid == fenced.postgres.child.pid || pid == fenced.children[REGIOND].pid ||
            pid == fenced.children[RACKD].pid)
            return; /* seen by its pidfd in the next turn */
        waitpid(pid, NULL, WNOHANG);
        orphan.si_pid = 0;
    }
}

/* Wait for events, at most limit_ms (-1: until something is due), and handle one round of them. */
static void turn(int limit_ms)
{
    struct epoll_event events[16];
    arm_due(run_due());
    int epoll = watch_all();
    int count = epoll_wait(epoll, events, COUNT_OF(events), limit_ms);
    close(epoll);
    if (pause_seen(&fenced.pause, clock_real_ms(), clock_boot_ns()))
        drop_what_is_leased();
    for (int i = 0; i < count; i++)
        take_event(events[i].data.fd);
    reap_orphans();
}

static void turn_until(bool (*done)(void), uint64_t timeout_ms)
{
    uint64_t end = clock_boot_ns() + timeout_ms * CLOCK_MS;
    while (!done() && clock_boot_ns() < end)
        turn(10);
}

static bool children_ended(void)
{
    return !fenced.children[REGIOND].pid && !fenced.children[RACKD].pid;
}

static bool postgres_ended(void)
{
    return !postgres_alive(&fenced.postgres);
}

/* Orderly: the programs first, with regiond the addresses, then PostgreSQL. */
static void stop_all(void)
{
    log_info("stops");
    for (int i = CHILDREN - 1; i >= 0; i--)
        if (fenced.children[i].pid)
            kill(fenced.children[i].pid, SIGTERM);
    turn_until(children_ended, STOP_CHILD_MS);
    struct fence_request stop = {.type = FENCE_PG_STOP, .number = 1};
    stop.pg_stop.mode = FENCE_STOP_FAST;
    stop.pg_stop.timeout_ms = STOP_POSTGRES_MS / 2;
    postgres_stop(&fenced.postgres, &stop);
    turn_until(postgres_ended, STOP_POSTGRES_MS);
    for (int i = 0; i < CHILDREN; i++) {
        cgroup_kill_wait(&fenced.children[i].group, 2000);
        cgroup_remove(&fenced.children[i].group);
    }
    cgroup_kill_wait(&fenced.postgres.child.group, 2000);
    cgroup_remove(&fenced.postgres.child.group);
    held_drop_all(&fenced.held);
}

static enum error_code set_up_signals(struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    fenced.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    fenced.due = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    return fenced.signals < 0 || fenced.due < 0 ? error_errno(err, "signalfd, timerfd") : ERR_OK;
}

static enum error_code set_up_folders(struct error *err)
{
    const struct settings *settings = &fenced.settings;
    enum error_code code = file_make_folders(settings->run_dir, 0755, err);
    if (!code &&
        (chown(settings->run_dir, settings->uid, settings->gid) || chmod(settings->run_dir, 0750)))
        code = error_errno(err, "%s", settings->run_dir);
    return code ? code : file_make_folders(settings->state_dir, 0700, err);
}

/* A late fenced is a second holder: be scheduled first, and never wait for a page. */
static void be_prompt(void)
{
    struct sched_param priority = {.sched_priority = 10};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority) &&
        setpriority(PRIO_PROCESS, 0, -15))
        log_warning("no higher priority: %s", strerror(errno));
    if (mlockall(MCL_CURRENT | MCL_FUTURE))
        log_warning("memory is not locked: %s", strerror(errno));
}

/* Children inherit it: with many clients there is still a file for the log of consensus. */
static void allow_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    if (limit.rlim_max < FILES_FEW)
        log_warning("only %llu files may be open: raise the hard limit to %d",
                    (unsigned long long)limit.rlim_max, FILES);
    if (limit.rlim_cur < FILES)
        limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static enum error_code set_up(struct error *err)
{
    fenced.held.answer = answer_regiond;
    fenced.held.dropped = on_dropped;
    fenced.postgres.answer = answer_regiond;
    fenced.postgres.broke = on_postgres_broke;
    fenced.postgres.gone = on_postgres_gone;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1))
        return error_errno(err, "subreaper");
    allow_files();
    static const char *const titles[] = {"regiond", "rackd"};
    enum error_code code = rights_check(err);
    code = code ? code : set_up_folders(err);
    code = code ? code : set_up_signals(err);
    for (int i = 0; i < CHILDREN && !code; i++)
        code = child_init(&fenced.children[i], &fenced.settings, titles[i], err);
    code = code ? code : postgres_init(&fenced.postgres, &fenced.settings, err);
    code = code ? code : held_init(&fenced.held, fenced.settings.state_dir, err);
    fenced.postgres.guard = fenced.held.guard;
    return code ? code : rights_drop(err); /* last: the root of the cgroup tree is read-only */
}

static int refuse(const struct error *err)
{
    log_error("%s", err->text);
    return error_exit_status(err->code);
}

static int run(const struct config_source *source, bool check_only)
{
    struct arena *arena = arena_new();
    struct error err;
    enum error_code code = settings_read(source, arena, &fenced.settings, &err);
    if (!code) {
        log_setup("gantry-fenced", (enum log_format)fenced.settings.log_format,
                  (enum log_level)fenced.settings.log_level);
        if (check_only) {
            arena_free(arena);
            return 0;
        }
        code = set_up(&err);
    }
    if (code) {
        arena_free(arena);
        return refuse(&err);
    }
    be_prompt();
    uint64_t now = clock_boot_ns();
    fenced.children[REGIOND].start_at_ns = fenced.settings.regiond ? now : 0;
    fenced.children[RACKD].start_at_ns = fenced.settings.rackd ? now : 0;
    while (!fenced.stopping)
        turn(-1);
    stop_all();
    arena_free(arena);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "gantry-fenced",
        .is = "Parent of a controller's programs; started as root by the init system.",
        .config = "/etc/gantry/fenced.conf",
        .print_keys = settings_print,
        .run = run,
    };
    return program_main(&program, argc, argv);
}

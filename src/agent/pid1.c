/* The first process: see pid1.h. Source: reboot(2), mount(2), init duties of signal(7) and wait(2).
 */
#include "src/agent/pid1.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"

enum { READ_TIME_S = 15, REBOOT_RETRY_S = 10 };

static bool is_mounted(const char *path)
{
    struct stat at, root;
    return stat(path, &at) == 0 && stat("/", &root) == 0 && at.st_dev != root.st_dev;
}

static void mount_one(const char *type, const char *path, unsigned long flags, const char *options)
{
    if (mkdir(path, 0755) && errno != EEXIST)
        log_warning("cannot make %s: %m", path);
    if (is_mounted(path)) /* the initrd moved its own here */
        return;
    if (mount(type, path, type, flags, options))
        log_warning("cannot mount %s: %m", path);
}

void pid1_prepare(void)
{
    umask(022);
    mount_one("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_one("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=755");
    mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
    mount_one("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
    /* Not a mount point of its own device, so tried blindly: EBUSY is fine, so is a kernel without
     * it. */
    if (access("/sys/firmware/efi/efivars", F_OK) == 0 &&
        mount("efivarfs", "/sys/firmware/efi/efivars", "efivarfs",
              MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) &&
        errno != EBUSY)
        log_warning("cannot read the EFI variables: %m");
    if (fcntl(STDERR_FILENO, F_GETFD) < 0) {
        int fd = open("/dev/console", O_RDWR);
        for (int to = 0; fd >= 0 && to <= STDERR_FILENO; to++)
            if (fd != to)
                dup2(fd, to);
    }
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    if (chdir("/"))
        log_warning("cannot enter /: %m");
    reboot(RB_DISABLE_CAD); /* Ctrl-Alt-Del comes as SIGINT */
}

static void watched_signals(sigset_t *set)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(set, numbers[i]);
}

/* Reap all that ended; true when worker is among them. */
static bool reap(pid_t worker, int *status)
{
    bool ended = false;
    int other;
    for (pid_t pid; (pid = waitpid(-1, &other, WNOHANG)) > 0;)
        if (pid == worker) {
            ended = true;
            *status = other;
        }
    return ended;
}

static enum pid1_end judge(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == PID1_WORK_REBOOT)
        return PID1_REBOOT;
    if (WIFEXITED(status) && WEXITSTATUS(status) == PID1_WORK_SWITCH)
        return PID1_SWITCH;
    if (WIFEXITED(status) && WEXITSTATUS(status) == PID1_WORK_KEXEC)
        return PID1_KEXEC;
    if (WIFEXITED(status))
        return WEXITSTATUS(status) ? PID1_FAILED : PID1_DONE;
    log_error("the agent ended by signal %d", WTERMSIG(status));
    return PID1_FAILED;
}

static enum pid1_end wait_for_worker(pid_t worker, const sigset_t *set, int limit_s)
{
    uint64_t deadline = clock_boot_ns() + (uint64_t)limit_s * CLOCK_S;
    for (int status;;) {
        uint64_t now = clock_boot_ns();
        if (now >= deadline)
            break;
        struct timespec left = {(time_t)((deadline - now) / CLOCK_S),
                                (long)((deadline - now) % CLOCK_S)};
        int number = sigtimedwait(set, NULL, &left);
        if (number == SIGINT)
            return PID1_REBOOT;
        if (number == SIGTERM || number == SIGUSR1 || number == SIGUSR2) {
            log_info("asked to power off by signal %d", number);
            return PID1_DONE;
        }
        if (reap(worker, &status))
            return judge(status);
    }
    log_error("not done within %d s", limit_s);
    return PID1_FAILED;
}

enum pid1_end pid1_run(int (*work)(void *subject), void *subject, int limit_s)
{
    sigset_t set, before;
    watched_signals(&set);
    sigprocmask(SIG_BLOCK, &set, &before);
    pid_t worker = fork();
    if (worker < 0) {
        log_error("cannot start the agent's work: %m");
        return PID1_FAILED;
    }
    if (worker == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        setsid();
        _exit(work(subject));
    }
    enum pid1_end end = wait_for_worker(worker, &set, limit_s);
    ASSERT(getpid() == 1); /* anywhere else the next line would be a disaster */
    kill(-1, SIGKILL);     /* all but ourselves */
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    return end;
}

/* The next system finds its links as after power on: without addresses, down. */
static void reset_links(void)
{
    struct if_nameindex *links = if_nameindex();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (int i = 0; links && fd >= 0 && links[i].if_name; i++) {
        struct ifreq request = {.ifr_addr.sa_family = AF_INET};
        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", links[i].if_name);
        ioctl(fd, SIOCSIFADDR, &request); /* 0.0.0.0; an error is one of a link that has none */
        request.ifr_flags = 0;
        if (ioctl(fd, SIOCSIFFLAGS, &request))
            log_warning("cannot take %s down: %m", links[i].if_name);
    }
    if (links)
        if_freenameindex(links);
    if (fd >= 0)
        close(fd);
}

/* As switch_root(8): what is mounted moves along, the old root stays below, out of reach. */
void pid1_switch(const char *root)
{
    static const char *const moved[] = {"dev", "proc", "sys"};
    sigset_t none;
    log_info("starting the system in memory");
    if (chdir(root)) {
        log_error("cannot enter %s: %m", root);
        return;
    }
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        char from[16] = "/";
        strcat(from, moved[i]);
        if (mount(from, moved[i], NULL, MS_MOVE, NULL))
            log_warning("cannot move %s: %m", from);
    }
    if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) {
        log_error("cannot make %s the root: %m", root);
        return;
    }
    reset_links();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl("/sbin/init", "/sbin/init", (char *)NULL);
    log_error("cannot run its /sbin/init: %m");
}

void pid1_finish(enum pid1_end end)
{
    if (end == PID1_FAILED) {
        log_info("powering off in %d s", READ_TIME_S);
        sleep(READ_TIME_S);
    } else {
        log_info("%s", end == PID1_KEXEC    ? "starting the installed kernel"
                       : end == PID1_REBOOT ? "rebooting"
                                            : "powering off");
    }
    sync();
    if (end == PID1_KEXEC) {
        reboot(RB_KEXEC);
        log_error("cannot start the installed kernel: %m; rebooting");
        end = PID1_REBOOT;
    }
    for (;;) {
        sync();
        reboot(end == PID1_REBOOT ? RB_AUTOBOOT : RB_POWER_OFF);
        log_error("cannot %s: %m", end == PID1_REBOOT ? "reboot" : "power off");
        sleep(REBOOT_RETRY_S);
    }
}

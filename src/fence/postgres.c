/* PostgreSQL as fenced sees it: see postgres.h. Source: PostgreSQL manual, "Shutting Down". */
#include "src/fence/postgres.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"

enum { POLL_EMPTY_MS = 5 }; /* how often an emptying cgroup is looked at */

enum error_code postgres_init(struct postgres *postgres, const struct settings *settings,
                              struct error *err)
{
    postgres->settings = settings;
    return child_init(&postgres->child, settings, "postgres", err);
}

bool postgres_alive(const struct postgres *postgres)
{
    return postgres->child.pid || postgres->ended;
}

/* path lies below root and climbs nowhere. */
static bool is_below(const char *root, const char *path)
{
    size_t length = strlen(root);
    return !strncmp(path, root, length) && path[length] == '/' && !strstr(path, "/../") &&
           !strstr(path, "//") && strlen(path) > length + 1;
}

enum error_code postgres_start(struct postgres *postgres, const struct fence_request *request,
                               struct error *err)
{
    const char *folder = request->pg_start.data_dir, *config = request->pg_start.config_file;
    const struct settings *settings = postgres->settings;
    char program[LIMIT_PATH], option[LIMIT_PATH + 32];
    if (postgres_alive(postgres))
        return error_set(err, ERR_CONFLICT, "PostgreSQL runs already");
    if (!is_below(settings->data_root, folder) || !is_below(settings->data_root, config))
        return error_set(err, ERR_BAD_INPUT, "%s, %s: expected paths below [postgres] data_root %s",
                         folder, config, settings->data_root);
    snprintf(program, sizeof(program), "%s/postgres", settings->bin_dir);
    if (access(program, X_OK))
        return error_set(err, ERR_NOT_FOUND,
                         "%s is missing: install PostgreSQL, or set [postgres] bin_dir", program);
    snprintf(option, sizeof(option), "config_file=%s", config);
    const char *const argv[] = {program, "-D", folder, "-c", option, NULL};
    struct child_start start = {.argv = argv, .death_signal = SIGKILL};
    enum error_code code = child_run(&postgres->child, settings, &start, err);
    postgres->epoch = postgres->deadline_ns = postgres->harder_ns = 0;
    postgres->port = (uint16_t)request->pg_start.port;
    if (!code)
        log_info("PostgreSQL starts, pid %d", (int)postgres->child.pid);
    return code;
}

/* If this process hangs at the end of the lease the kernel cuts it off. What cannot be guarded is
 * ended all the same; what could not be let in time has no lease any more. */
static enum error_code guard_port(const struct postgres *postgres, struct error *err)
{
    static bool told;
    if (!postgres->guard || !postgres->port)
        return ERR_OK;
    enum error_code code =
        guard_let_port(postgres->guard, postgres->port, postgres->deadline_ns, err);
    if (code && code != ERR_TIMEOUT && !told)
        log_warning("PostgreSQL's port is not guarded: %s", err->text);
    told |= code && code != ERR_TIMEOUT;
    return code == ERR_TIMEOUT ? code : ERR_OK;
}

enum error_code postgres_renew(struct postgres *postgres, const struct fence_request *request,
                               struct error *err)
{
    if (!postgres->child.pid)
        return error_set(err, ERR_NOT_FOUND, "PostgreSQL does not run");
    if (request->lease.epoch < postgres->epoch)
        return error_set(err, ERR_CONFLICT, "PostgreSQL: epoch %llu is older than %llu",
                         (unsigned long long)request->lease.epoch,
                         (unsigned long long)postgres->epoch);
    if (request->lease.epoch > postgres->epoch ||
        request->lease.deadline_ns > postgres->deadline_ns)
        postgres->deadline_ns = request->lease.deadline_ns;
    postgres->epoch = request->lease.epoch;
    return guard_port(postgres, err);
}

enum error_code postgres_signal(struct postgres *postgres, const struct fence_request *request,
                                struct error *err)
{
    static const int signals[] = {[FENCE_SIGNAL_RELOAD] = SIGHUP, [FENCE_SIGNAL_PROMOTE] = SIGUSR1};
    if (!postgres->child.pid)
        return error_set(err, ERR_NOT_FOUND, "PostgreSQL does not run");
    /* Read the clock after everything else: nothing is promoted outside its lease. */
    if (request->pg_signal.what == FENCE_SIGNAL_PROMOTE &&
        (!postgres->deadline_ns || clock_boot_ns() >= postgres->deadline_ns))
        return error_set(err, ERR_CONFLICT, "PostgreSQL has no lease: not promoted");
    kill(postgres->child.pid, signals[request->pg_signal.what]);
    return ERR_OK;
}

bool postgres_lapse(struct postgres *postgres)
{
    if (!postgres->deadline_ns)
        return false;
    postgres->deadline_ns = 1; /* long ago */
    postgres_run(postgres, clock_boot_ns());
    return true;
}

/* Use means now; the next harder one follows after_ms later. */
static void stop_by(struct postgres *postgres, int means, uint64_t after_ms)
{
    static const int signals[] = {[FENCE_STOP_FAST] = SIGINT, [FENCE_STOP_IMMEDIATE] = SIGQUIT};
    if (means == FENCE_STOP_KILL)
        cgroup_kill(&postgres->child.group);
    else if (postgres->child.pid)
        kill(postgres->child.pid, signals[means]);
    postgres->harder = means == FENCE_STOP_FAST ? FENCE_STOP_IMMEDIATE : FENCE_STOP_KILL;
    postgres->harder_ns = clock_boot_ns() + after_ms * CLOCK_MS;
}

static uint64_t patience_ms(int means)
{
    return means == FENCE_STOP_KILL ? POLL_EMPTY_MS : POSTGRES_QUIT_MS;
}

void postgres_stop(struct postgres *postgres, const struct fence_request *request)
{
    if (!postgres_alive(postgres)) {
        postgres->answer(request->number, ERR_OK, "");
        return;
    }
    if (postgres->stop_request) /* asked again, perhaps harder: the older one is answered now */
        postgres->answer(postgres->stop_request, ERR_CONFLICT, "stopped by another request");
    postgres->stop_request = request->number;
    int means = (int)request->pg_stop.mode;
    /* What is under way as hard, or harder, keeps its time: the end of a lease may be the cause. */
    if (!postgres->harder_ns || postgres->harder <= means)
        stop_by(postgres, means,
                means == FENCE_STOP_FAST ? request->pg_stop.timeout_ms : patience_ms(means));
}

void postgres_reap(struct postgres *postgres)
{
    child_reap(&postgres->child, postgres->how, sizeof(postgres->how));
    postgres->ended = true;
    postgres->deadline_ns = 0;
    if (!cgroup_is_empty(&postgres->child.group)) {
        bool asked = postgres->harder_ns != 0;
        stop_by(postgres, FENCE_STOP_KILL, POLL_EMPTY_MS); /* backends that outlived it */
        if (!asked)
            postgres->broke(postgres->how);
    } else {
        postgres->harder_ns = clock_boot_ns();
    }
}

static void finish(struct postgres *postgres)
{
    postgres->ended = false;
    postgres->harder_ns = 0;
    postgres->epoch = 0;
    if (postgres->guard)
        guard_free_port(postgres->guard, postgres->port);
    log_info("PostgreSQL ended: %s", postgres->how);
    if (postgres->stop_request)
        postgres->answer(postgres->stop_request, ERR_OK, postgres->how);
    postgres->stop_request = 0;
    postgres->gone(postgres->how);
}

uint64_t postgres_run(struct postgres *postgres, uint64_t now_ns)
{
    if (postgres->ended && cgroup_is_empty(&postgres->child.group))
        finish(postgres);
    if (postgres->deadline_ns && now_ns >= postgres->deadline_ns) {
        log_warning("PostgreSQL is ended: its lease of epoch %llu ran out",
                    (unsigned long long)postgres->epoch);
        postgres->deadline_ns = 0;
        stop_by(postgres, FENCE_STOP_IMMEDIATE, POSTGRES_QUIT_MS);
    }
    if (postgres->harder_ns && now_ns >= postgres->harder_ns)
        stop_by(postgres, postgres->harder, patience_ms(postgres->harder));
    uint64_t next = postgres->harder_ns ? postgres->harder_ns : UINT64_MAX;
    return postgres->deadline_ns && postgres->deadline_ns < next ? postgres->deadline_ns : next;
}

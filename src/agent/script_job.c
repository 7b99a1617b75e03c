/* Scripts as children: see script_job.h. */
#include "src/agent/script_job.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/model/script.h"

enum { ARGUMENTS_MOST = 64, ARGUMENT_BYTES = 64 << 10, VALUE_BYTES = 4096, CHUNK = 16 << 10 };

/* The text of a key of a thing ({"path": "/dev/sda", ...}) or the value itself for "input". */
static const char *word_of(const json_t *value, const char *key, size_t size)
{
    char word[32];
    if (size >= sizeof(word))
        return NULL;
    memcpy(word, key, size);
    word[size] = 0;
    if (json_is_string(value))
        return !strcmp(word, "input") ? json_string_value(value) : NULL;
    return json_string_value(json_object_get(value, word));
}

/* A run of plain letters, or what stands in place of a {word}, goes to the argument. */
static enum error_code add(struct spool *argument, const char *text, size_t size, struct error *err)
{
    if (size > ARGUMENT_BYTES - argument->used)
        return error_set(err, ERR_BAD_INPUT, "an argument of more than %d bytes", ARGUMENT_BYTES);
    spool_put(argument, text, size);
    return ERR_OK;
}

/* format with its {words} filled in. Errors: BAD_INPUT: one that the value does not have. */
static enum error_code fill(const char *format, const json_t *value, struct spool *argument,
                            struct error *err)
{
    enum error_code code = ERR_OK;
    while (*format && !code) {
        size_t plain = strcspn(format, "{");
        const char *end = format[plain] ? strchr(format + plain, '}') : NULL;
        code = add(argument, format, plain, err);
        if (code || !format[plain])
            return code;
        const char *word =
            end ? word_of(value, format + plain + 1, (size_t)(end - format) - plain - 1) : NULL;
        if (!word)
            return error_set(err, ERR_BAD_INPUT, "cannot fill in %.40s", format + plain);
        code = add(argument, word, strlen(word), err);
        format = end + 1;
    }
    return code;
}

static enum error_code fill_one(const char *format, size_t size, const json_t *value,
                                struct arena *arena, const char **text, struct error *err)
{
    struct spool argument;
    spool_init(&argument);
    enum error_code code = fill(arena_strndup(arena, format, size), value, &argument, err);
    *text = arena_strndup(arena, argument.used ? argument.bytes : "", argument.used);
    spool_close(&argument);
    return code;
}

/* The words of one parameter, parted at blanks of the format, go to argv. */
static enum error_code put_parameter(const char *name, const json_t *parameter,
                                     const char *argv[ARGUMENTS_MOST + 2], int *count,
                                     struct arena *arena, struct error *err)
{
    const json_t *value = json_object_get(parameter, "value");
    const char *format = json_string_value(json_object_get(parameter, "argument_format"));
    if (!value || (json_is_string(value) && strlen(json_string_value(value)) > VALUE_BYTES))
        return error_set(err, ERR_BAD_INPUT, "parameter %.64s has no value", name);
    if (format && strlen(format) > VALUE_BYTES)
        return error_set(err, ERR_BAD_INPUT, "parameter %.64s: too long a format", name);
    if (!format)
        format = arena_printf(arena, "--%s={%s}", name, json_is_object(value) ? "path" : "input");
    while (*format) {
        format += strspn(format, " ");
        size_t size = strcspn(format, " ");
        if (!size)
            break;
        if (*count > ARGUMENTS_MOST)
            return error_set(err, ERR_BAD_INPUT, "more than %d arguments", ARGUMENTS_MOST);
        enum error_code code = fill_one(format, size, value, arena, &argv[*count], err);
        if (code)
            return error_wrap(err, "parameter %.64s", name);
        ++*count;
        format += size;
    }
    return ERR_OK;
}

static enum error_code make_argv(struct script_job *job, const char *root, struct arena *arena,
                                 struct error *err)
{
    const char **argv = ARENA_ARRAY(arena, const char *, ARGUMENTS_MOST + 2);
    int count = 0;
    const char *name;
    json_t *parameter;
    argv[count++] = arena_printf(arena, "%s/%s", root, job->path);
    json_object_foreach (json_object_get(job->entry, "parameters"), name, parameter) {
        enum error_code code = put_parameter(name, parameter, argv, &count, arena, err);
        if (code)
            return code;
    }
    argv[count] = NULL;
    job->argv = argv;
    return ERR_OK;
}

/* "testing/NAME": one folder, and a name that leads nowhere else. */
static bool is_path(const char *path)
{
    const char *slash = path ? strchr(path, '/') : NULL;
    return slash && slash > path && script_name_ok(slash + 1) &&
           strspn(path, "abcdefghijklmnopqrstuvwxyz") == (size_t)(slash - path);
}

enum error_code script_job_read(json_t *entry, const char *root, struct arena *arena,
                                struct script_job *job, struct error *err)
{
    *job = (struct script_job){
        .entry = entry,
        .name = json_string_value(json_object_get(entry, "name")),
        .path = json_string_value(json_object_get(entry, "path")),
        .result_id = json_integer_value(json_object_get(entry, "script_result_id")),
        .version_id = json_integer_value(json_object_get(entry, "script_version_id")),
        .timeout_s = json_integer_value(json_object_get(entry, "timeout_seconds")),
        .out = -1,
        .err = -1,
    };
    spool_init(&job->both);
    spool_init(&job->stdout_bytes);
    spool_init(&job->stderr_bytes);
    json_int_t parallel = json_integer_value(json_object_get(entry, "parallel"));
    job->parallel = (int)parallel;
    if (parallel < SCRIPT_ALONE || parallel > SCRIPT_BESIDE_ANY || !job->name ||
        !script_name_ok(job->name) || !is_path(job->path) || job->result_id <= 0 ||
        job->timeout_s < 0 || job->timeout_s > SCRIPT_TIMEOUT_MOST_S)
        return error_set(err, ERR_BAD_INPUT, "an entry of index.json is malformed");
    job->folder = arena_printf(arena, "%s/out/%lld", root, (long long)job->result_id);
    enum error_code code = make_argv(job, root, arena, err);
    return code ? error_wrap(err, "%.100s", job->name) : ERR_OK;
}

void script_job_close(struct script_job *job)
{
    if (job->out >= 0)
        close(job->out);
    if (job->err >= 0)
        close(job->err);
    spool_close(&job->both);
    spool_close(&job->stdout_bytes);
    spool_close(&job->stderr_bytes);
}

static const char *const *environment_of(const struct script_job *job, const char *agent,
                                         struct arena *arena)
{
    const char **list = ARENA_ARRAY(arena, const char *, 13);
    const char *base = arena_printf(arena, "%s/%s", job->folder, job->name);
    int count = 0;
    list[count++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    list[count++] = "LC_ALL=C.UTF-8";
    list[count++] = "HOME=/root";
    list[count++] = arena_printf(arena, "OUTPUT_PATH=%s", base);
    list[count++] = arena_printf(arena, "OUTPUT_STDOUT_PATH=%s.out", base);
    list[count++] = arena_printf(arena, "OUTPUT_STDERR_PATH=%s.err", base);
    list[count++] = arena_printf(arena, "RESULT_PATH=%s.yaml", base);
    list[count++] = arena_printf(arena, "BMC_CONFIG_PATH=%s/" SCRIPT_JOB_BMC, job->folder);
    list[count++] = arena_printf(arena, "DOWNLOAD_PATH=%s/downloads", job->folder);
    list[count++] = arena_printf(arena, "RUNTIME=%lld", (long long)job->timeout_s);
    list[count++] = json_is_true(json_object_get(job->entry, "has_started")) ? "HAS_STARTED=True"
                                                                             : "HAS_STARTED=False";
    list[count++] = arena_printf(arena, "GANTRY_AGENT=%s", agent);
    return list;
}

static void be_child(const struct script_job *job, const char *const *environment, int out, int err)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || chdir(job->folder))
        _exit(126);
    close_range(3, ~0U, 0);
    execve(job->argv[0], (char *const *)job->argv, (char *const *)environment);
    _exit(127);
}

static enum error_code make_folders(const struct script_job *job, struct arena *arena,
                                    struct error *err)
{
    const char *slash = strrchr(job->folder, '/');
    const char *folders[] = {arena_strndup(arena, job->folder, (size_t)(slash - job->folder)),
                             job->folder, arena_printf(arena, "%s/downloads", job->folder)};
    for (size_t i = 0; i < 3; i++)
        if (mkdir(folders[i], 0700) && errno != EEXIST)
            return error_errno(err, "mkdir %s", folders[i]);
    return ERR_OK;
}

enum error_code script_job_start(struct script_job *job, const char *agent, struct arena *arena,
                                 struct error *err)
{
    int out[2] = {-1, -1}, errors[2] = {-1, -1};
    const char *const *environment = environment_of(job, agent, arena);
    enum error_code code = make_folders(job, arena, err);
    job->begun = true;
    job->started_ns = clock_boot_ns();
    job->deadline_ns = job->timeout_s ? job->started_ns + (uint64_t)job->timeout_s * CLOCK_S : 0;
    if (!code && (pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC)))
        code = error_errno(err, "pipe");
    /* a daemon that the script leaves behind keeps them open: nobody waits for it */
    if (!code && (fcntl(out[0], F_SETFL, O_NONBLOCK) || fcntl(errors[0], F_SETFL, O_NONBLOCK)))
        code = error_errno(err, "fcntl");
    if (!code && (job->pid = fork()) < 0)
        code = error_errno(err, "fork");
    if (!code && !job->pid)
        be_child(job, environment, out[1], errors[1]);
    if (out[1] >= 0)
        close(out[1]);
    if (errors[1] >= 0)
        close(errors[1]);
    job->out = out[0];
    job->err = errors[0];
    if (code) {
        job->pid = 0;
        job->over = true;
        job->exit_status = 126;
    }
    return code;
}

static void keep(struct spool *spool, const char *bytes, size_t size)
{
    size_t room = SCRIPT_JOB_OUTPUT_BYTES - spool->used;
    spool_put(spool, bytes, size < room ? size : room);
}

/* Takes in what one stream has; closes it at its end. */
static void take(struct script_job *job, int *fd, struct spool *spool)
{
    char bytes[CHUNK];
    ssize_t size = read(*fd, bytes, sizeof(bytes));
    if (size > 0) {
        keep(&job->both, bytes, (size_t)size);
        keep(spool, bytes, (size_t)size);
    } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
        close(*fd);
        *fd = -1;
    }
}

static void reap(struct script_job *job)
{
    int status;
    if (waitpid(job->pid, &status, WNOHANG) != job->pid)
        return;
    kill(-job->pid, SIGKILL); /* what it left behind holds the pipes open */
    job->runtime_s = (double)(clock_boot_ns() - job->started_ns) / 1e9;
    job->exit_status = job->timed_out      ? SCRIPT_JOB_TIMED_OUT
                       : WIFEXITED(status) ? WEXITSTATUS(status)
                                           : 128 + WTERMSIG(status);
    job->pid = 0;
    job->over = true;
    for (int i = 0; i < 64 && job->out >= 0; i++)
        take(job, &job->out, &job->stdout_bytes);
    for (int i = 0; i < 64 && job->err >= 0; i++)
        take(job, &job->err, &job->stderr_bytes);
}

static void look(struct script_job *job)
{
    if (job->deadline_ns && !job->timed_out && clock_boot_ns() >= job->deadline_ns) {
        log_warning("%s: its time of %lld s is over", job->name, (long long)job->timeout_s);
        job->timed_out = true;
        kill(-job->pid, SIGKILL);
        kill(job->pid, SIGKILL);
    }
    reap(job);
}

void script_job_wait(struct script_job *const *jobs, int count, int timeout_ms)
{
    struct pollfd fds[2 * SCRIPT_JOBS_AT_ONCE];
    int used = 0;
    enum { STEP_MS = 100 }; /* the end of a child without output is seen so late */
    for (int i = 0; i < count && used + 2 <= (int)(sizeof(fds) / sizeof(*fds)); i++) {
        fds[used++] = (struct pollfd){jobs[i]->out, POLLIN, 0};
        fds[used++] = (struct pollfd){jobs[i]->err, POLLIN, 0};
    }
    poll(fds, (nfds_t)used, timeout_ms < STEP_MS ? timeout_ms : STEP_MS);
    for (int i = 0; 2 * i + 1 < used; i++) {
        if (fds[2 * i].revents)
            take(jobs[i], &jobs[i]->out, &jobs[i]->stdout_bytes);
        if (fds[2 * i + 1].revents)
            take(jobs[i], &jobs[i]->err, &jobs[i]->stderr_bytes);
        if (jobs[i]->pid)
            look(jobs[i]);
    }
}

/* Scripts of the region: see script_run.h. */
#include "src/agent/script_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/agent/script_install.h"
#include "src/agent/script_job.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/process.h"
#include "src/base/yaml.h"
#include "src/model/script.h"

enum {
    JOBS_MOST = 1024,
    ARCHIVE_BYTES = 64 << 20,
    INDEX_BYTES = 4 << 20,
    ROUNDS_MOST = 64, /* of archives: a region that never says 204 is not believed for ever */
    TAR_MS = 60000,
    ALIVE_S = 60,
    BMC_BYTES = 16 << 10,
};

/* In stock systems nothing below /run can be started. */
static const char usual_folder[] = "/var/lib/gantry-scripts";

struct run {
    struct talk *talk;
    struct arena *arena; /* of this round */
    const char *root, *agent;
    json_t *index;
    struct script_job *jobs;
    int count;
    struct script_install *install;
    struct script_job *installing; /* whose packages, or NULL */
    unsigned alive_s;
    uint64_t alive_ns; /* when the region last heard of us */
};

/* ---- what is to run ---- */

static enum error_code unpack(struct run *run, const struct http_client_reply *archive,
                              struct error *err)
{
    const char *const argv[] = {"/bin/tar", "-x", "-C", run->root, "--no-same-owner", NULL};
    struct process_run tar = {.argv = argv,
                              .input = archive->body,
                              .input_size = archive->body_size,
                              .output_limit = 64 << 10,
                              .timeout_ms = TAR_MS};
    struct process_result result;
    enum error_code code = process_run(&tar, run->arena, &result, err);
    if (!code && result.status)
        code = error_set(err, ERR_BAD_INPUT, "%.200s", result.output);
    return code ? error_wrap(err, "the archive of scripts") : ERR_OK;
}

static enum error_code read_index(struct run *run, struct error *err)
{
    static const char *const lists[] = {"commissioning_scripts", "testing_scripts",
                                        "release_scripts"};
    const char *path = arena_printf(run->arena, "%s/index.json", run->root);
    char *text = NULL;
    size_t size = 0;
    enum error_code code = file_read(run->arena, path, INDEX_BYTES, &text, &size, err);
    if (code)
        return code;
    run->index = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *version = json_object_get(run->index, "1.0");
    run->jobs = ARENA_ARRAY(run->arena, struct script_job, JOBS_MOST);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        size_t at;
        json_t *entry;
        json_array_foreach (json_object_get(version, lists[i]), at, entry) {
            if (run->count == JOBS_MOST)
                return error_set(err, ERR_TOO_LARGE, "more than %d scripts", JOBS_MOST);
            code = script_job_read(entry, run->root, run->arena, &run->jobs[run->count++], err);
            if (code)
                return code;
        }
    }
    return run->count ? ERR_OK : error_set(err, ERR_BAD_INPUT, "index.json names no script");
}

/* ---- telling of it ---- */

static enum error_code tell(struct run *run, const struct script_job *job, const char *status,
                            struct error *err)
{
    const char *const fields[] = {"status",
                                  status,
                                  "name",
                                  job->name,
                                  "script_result_id",
                                  arena_printf(run->arena, "%lld", (long long)job->result_id),
                                  NULL};
    run->alive_ns = clock_boot_ns();
    return talk_signal(run->talk, fields, NULL, err);
}

/* The script's own result file, if it wrote one that fits. */
static void put_result_file(struct run *run, const struct script_job *job,
                            struct multipart *multipart)
{
    const char *path = arena_printf(run->arena, "%s/%s.yaml", job->folder, job->name);
    const char *name = arena_printf(run->arena, "%s.yaml", job->name);
    char *text = NULL;
    size_t size = 0;
    struct error ignored;
    if (file_read(run->arena, path, SCRIPT_JOB_OUTPUT_BYTES, &text, &size, &ignored) == ERR_OK)
        multipart_file(multipart, &(struct multipart_file){name, name, NULL, text, size});
}

static void put_stream(struct run *run, const struct script_job *job, const char *ending,
                       const struct spool *bytes, struct multipart *multipart)
{
    const char *name = arena_printf(run->arena, "%s%s", job->name, ending);
    multipart_file(multipart,
                   &(struct multipart_file){name, name, NULL, bytes->bytes, bytes->used});
}

/* How the machine is powered, if the script found out: power_type and the driver's parameters. */
static void put_bmc(struct run *run, const struct script_job *job, struct multipart *multipart)
{
    const char *path = arena_printf(run->arena, "%s/" SCRIPT_JOB_BMC, job->folder);
    __attribute__((cleanup(json_decrefp))) json_t *found = NULL;
    char *text = NULL;
    size_t size = 0;
    struct error err;
    if (job->exit_status || access(path, F_OK))
        return;
    if (file_read(run->arena, path, BMC_BYTES, &text, &size, &err) ||
        yaml_parse(text, size, &found, &err)) {
        log_warning("%s: what it says of the BMC: %s", job->name, err.text);
        return;
    }
    const char *type = json_string_value(json_object_get(found, "power_type"));
    if (!type)
        return;
    multipart_text(multipart, "power_type", type);
    json_object_del(found, "power_type");
    char *parameters = json_dumps(found, JSON_COMPACT);
    ASSERT(parameters);
    multipart_text(multipart, "power_parameters", parameters);
    free(parameters);
}

static enum error_code tell_end(struct run *run, const struct script_job *job, struct error *err)
{
    struct multipart multipart;
    multipart_init(&multipart);
    multipart_text(&multipart, "op", "signal");
    multipart_text(&multipart, "status", "WORKING");
    multipart_text(&multipart, "name", job->name);
    multipart_text(&multipart, "script_result_id",
                   arena_printf(run->arena, "%lld", (long long)job->result_id));
    multipart_text(&multipart, "exit_status", arena_printf(run->arena, "%d", job->exit_status));
    multipart_text(&multipart, "runtime", arena_printf(run->arena, "%.3f", job->runtime_s));
    put_bmc(run, job, &multipart);
    put_stream(run, job, "", &job->both, &multipart);
    put_stream(run, job, ".out", &job->stdout_bytes, &multipart);
    put_stream(run, job, ".err", &job->stderr_bytes, &multipart);
    put_result_file(run, job, &multipart);
    enum error_code code = talk_post(run->talk, &multipart, err);
    multipart_close(&multipart);
    run->alive_ns = clock_boot_ns();
    return code;
}

/* ---- running ---- */

static bool may_start(const struct run *run, const struct script_job *job)
{
    int running = 0;
    for (int i = 0; i < run->count; i++) {
        const struct script_job *other = &run->jobs[i];
        if (!other->pid && other != run->installing)
            continue;
        running++;
        bool beside = job->parallel == other->parallel &&
                      (job->parallel == SCRIPT_BESIDE_ANY ||
                       (job->parallel == SCRIPT_BESIDE_ITSELF && !strcmp(job->name, other->name)));
        if (!beside)
            return false;
    }
    return running < SCRIPT_JOBS_AT_ONCE;
}

static enum error_code start(struct run *run, struct script_job *job, struct error *err)
{
    struct error why;
    enum error_code code = tell(run, job, "WORKING", err);
    if (code)
        return code;
    log_info("script %s", job->name);
    if (script_job_start(job, run->agent, run->arena, &why) == ERR_OK)
        return ERR_OK;
    spool_text(&job->both, why.text);
    return tell_end(run, job, err);
}

/* The Debian packages that it needs first: one script's at a time. */
static enum error_code begin(struct run *run, struct script_job *job, struct error *err)
{
    const json_t *packages = json_object_get(json_object_get(job->entry, "packages"), "apt");
    if (run->installing && json_array_size(packages))
        return ERR_OK;
    if (!json_array_size(packages) || !script_install_begin(run->install, job->entry))
        return start(run, job, err);
    run->installing = job;
    return tell(run, job, "INSTALLING", err);
}

static enum error_code look_at_install(struct run *run, struct error *err)
{
    struct script_job *job = run->installing;
    if (!job || !script_install_ended(run->install))
        return ERR_OK;
    run->installing = NULL;
    if (!run->install->status)
        return start(run, job, err);
    spool_text(&job->both, run->install->output);
    job->exit_status = run->install->status;
    job->begun = job->over = true;
    return tell_end(run, job, err);
}

static enum error_code stay_alive(struct run *run, struct error *err)
{
    static const char *const fields[] = {"status", "WORKING", NULL};
    if (clock_boot_ns() < run->alive_ns + run->alive_s * CLOCK_S)
        return ERR_OK;
    run->alive_ns = clock_boot_ns();
    return talk_signal(run->talk, fields, NULL, err);
}

/* One look at all: starts what may, waits a little, tells of those that ended. *left: not all did.
 */
static enum error_code step(struct run *run, bool *left, struct error *err)
{
    struct script_job *running[SCRIPT_JOBS_AT_ONCE];
    int count = 0;
    enum error_code code = look_at_install(run, err);
    *left = false;
    for (int i = 0; i < run->count && !code; i++) {
        struct script_job *job = &run->jobs[i];
        if (!job->begun && job != run->installing && may_start(run, job))
            code = begin(run, job, err);
        *left = *left || !job->over;
        if (job->pid && count < SCRIPT_JOBS_AT_ONCE)
            running[count++] = job;
    }
    if (code || (!count && !run->installing))
        return code;
    script_job_wait(running, count, 1000);
    for (int i = 0; i < count && !code; i++)
        if (running[i]->over) {
            log_info("script %s: exit status %d after %.1f s", running[i]->name,
                     running[i]->exit_status, running[i]->runtime_s);
            code = tell_end(run, running[i], err);
        }
    return code ? code : stay_alive(run, err);
}

/* Commissioning is over and tests follow: the region is told once. */
static enum error_code tell_phase(struct run *run, bool *testing, struct error *err)
{
    static const char *const fields[] = {"status", "TESTING", NULL};
    if (*testing || strncmp(run->jobs[0].path, "testing/", 8) != 0)
        return ERR_OK;
    *testing = true;
    return talk_signal(run->talk, fields, NULL, err);
}

static enum error_code run_round(struct run *run, bool *testing,
                                 const struct http_client_reply *archive, struct error *err)
{
    bool left = true;
    enum error_code code = unpack(run, archive, err);
    if (!code)
        code = read_index(run, err);
    if (!code)
        code = tell_phase(run, testing, err);
    while (!code && left)
        code = step(run, &left, err);
    for (int i = 0; i < run->count; i++)
        script_job_close(&run->jobs[i]);
    json_decref(run->index);
    return code;
}

static enum error_code run_rounds(struct talk *talk, const struct script_run_setup *setup,
                                  struct script_install *install, struct error *err)
{
    const char *folder = setup->folder ? setup->folder : usual_folder;
    enum error_code code = ERR_OK;
    bool testing = false;
    for (int round = 0; round < ROUNDS_MOST; round++) {
        struct http_client_reply archive;
        struct run run = {.talk = talk,
                          .install = install,
                          .arena = arena_new(),
                          .alive_s = setup->alive_s ? setup->alive_s : ALIVE_S,
                          .alive_ns = clock_boot_ns()};
        run.root = arena_printf(run.arena, "%s/%d", folder, round);
        run.agent = getenv("GANTRY_AGENT"); /* as who started us knows it */
        if (!run.agent)
            run.agent = arena_printf(run.arena, "/proc/%d/exe", (int)getpid());
        code = talk_get(talk, "maas-scripts", &archive, err);
        bool none = !code && archive.status == 204;
        if (!code && !none && (mkdir(folder, 0700) || true) && mkdir(run.root, 0700) &&
            errno != EEXIST)
            code = error_errno(err, "mkdir %s", run.root);
        if (!code && !none)
            code = run_round(&run, &testing, &archive, err);
        arena_free(run.arena);
        if (code || none)
            return code;
    }
    return error_set(err, ERR_LIMIT, "the region has ever more scripts");
}

enum error_code script_run_all(struct talk *talk, const struct script_run_setup *setup,
                               struct error *err)
{
    struct script_packages packages = {
        .packages = setup->packages, .cmdline = talk->cmdline, .apt_get = setup->apt_get};
    struct script_install install = {.packages = &packages};
    enum error_code code = run_rounds(talk, setup, &install, err);
    script_install_close(&install);
    return code;
}

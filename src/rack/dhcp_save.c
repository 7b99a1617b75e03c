/* Small files on their way to disk: see dhcp_save.h. */
#include "src/rack/dhcp_save.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/log.h"

struct dhcp_save_job {
    struct dhcp_save *save; /* NULL when it was closed meanwhile */
    const char *what;
    char path[LIMIT_PATH];
    char *text;
    struct error err;
    enum error_code code;
};

static void write_file(void *subject)
{
    struct dhcp_save_job *job = subject;
    job->code = file_write(job->path, job->text, strlen(job->text), 0600, &job->err);
}

static void start(struct dhcp_save *save);

static void written(void *subject)
{
    struct dhcp_save_job *job = subject;
    struct dhcp_save *save = job->save;
    bool job_failed = job->code != ERR_OK;
    if (job_failed)
        log_error("dhcp: %s is in use but not kept: %s", job->what, job->err.text);
    free(job->text);
    free(job);
    if (!save)
        return;
    save->job = NULL;
    save->kept = !job_failed && !save->next;
    start(save);
}

static void start(struct dhcp_save *save)
{
    if (save->job || !save->next)
        return;
    struct dhcp_save_job *job = calloc(1, sizeof(*job));
    ASSERT(job);
    job->save = save;
    job->what = save->what;
    job->text = save->next;
    memcpy(job->path, save->path, sizeof(job->path));
    save->next = NULL;
    save->job = job;
    loop_run_blocking(save->loop, write_file, written, job);
}

void dhcp_save_put(struct dhcp_save *save, char *text)
{
    ASSERT(text);
    free(save->next);
    save->next = text;
    save->kept = false;
    start(save);
}

void dhcp_save_close(struct dhcp_save *save)
{
    if (save->job)
        save->job->save = NULL;
    free(save->next);
    save->next = NULL;
}

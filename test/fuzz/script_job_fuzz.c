/* Any bytes as an entry of index.json: refused with a reason, or a command line that a program can
 * be started with, of a file below the folder of scripts. */
// rooms: agent
#include <string.h>

#include "src/agent/script_job.h"
#include "src/model/script.h"

#define ROOT "/run/scripts"

enum { WORDS_MOST = 64 + 1, WORD_BYTES = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const struct script_job *job)
{
    int count = 0;
    ASSERT(!strncmp(job->argv[0], ROOT "/", strlen(ROOT) + 1));
    ASSERT(!strstr(job->argv[0], "/../") && !strstr(job->argv[0], "/./"));
    ASSERT(*job->name && !strchr(job->name, '/') && strlen(job->name) <= SCRIPT_NAME_BYTES);
    while (job->argv[count]) {
        ASSERT(count == 0 || strlen(job->argv[count]) <= WORD_BYTES);
        count++;
    }
    ASSERT(count >= 1 && count <= WORDS_MOST);
    ASSERT(!strncmp(job->folder, ROOT "/out/", strlen(ROOT "/out/")) && job->result_id > 0);
    ASSERT(job->parallel >= SCRIPT_ALONE && job->parallel <= SCRIPT_BESIDE_ANY);
    ASSERT(job->timeout_s >= 0 && job->timeout_s <= SCRIPT_TIMEOUT_MOST_S);
    ASSERT(!job->pid && job->out < 0 && job->err < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct script_job job;
    struct error err = {0};
    json_t *entry = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!entry)
        return 0;
    struct arena *arena = arena_new();
    if (script_job_read(entry, ROOT, arena, &job, &err) == ERR_OK)
        check(&job);
    else
        ASSERT(err.text[0]);
    script_job_close(&job);
    arena_free(arena);
    json_decref(entry);
    return 0;
}

/* Any bytes as a task document: a plan whose references hold, or an error. */
// rooms: agent
#include <stdint.h>
#include <string.h>

#include "src/agent/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_plan(const struct storage_plan *plan)
{
    struct storage_item *mounts[STORAGE_ITEMS];
    for (int i = 0; i < plan->count; i++) {
        const struct storage_item *item = &plan->items[i];
        ASSERT(item->id && *item->id);
        ASSERT(!item->on || item->on < item);
        for (int k = 0; k < item->in_count; k++)
            ASSERT(item->in[k] < item);
        ASSERT(item->type != STORAGE_MOUNT || (item->path && (item->on || item->spec)));
    }
    ASSERT(storage_plan_mount_of(plan, "/boot/efi"));
    ASSERT(storage_plan_mounts(plan, mounts) >= 1);
}

/* Nothing in it ends a line or a value of apt's files, or says more than it should. */
static void check_packages(const struct task_packages *packages)
{
    const char *const words[] = {packages->os, packages->release, packages->mirror,
                                 packages->proxy};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        ASSERT(!words[i] || !strpbrk(words[i], " \n\"[];\\"));
    ASSERT(!packages->path || (packages->key && *packages->components));
    ASSERT(!packages->path || !strpbrk(packages->components, "\n\"[];\\"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct task task;
    struct error err = {0};
    if (task_parse((const char *)bytes, size, arena, &task, &err) == ERR_OK) {
        ASSERT(task.system_id && task.kind < TASK_KINDS);
        check_packages(&task.packages);
        if (task.kind == TASK_DEPLOY) {
            ASSERT(task.image.form && task.image.path[0] == '/' && task.hostname);
            ASSERT(!task.kernel_package || !strpbrk(task.kernel_package, " \n=/"));
            if (!task.in_memory)
                check_plan(&task.storage);
        }
    } else {
        ASSERT(err.text[0]);
    }
    arena_free(arena);
    return 0;
}

/* The steps of an installation: see install.h. */
#include "src/agent/install.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/agent/image_write.h"
#include "src/agent/install_system.h"
#include "src/agent/storage_mount.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/log.h"

#define ROOT "/run/target"

struct installation {
    struct talk *talk;
    struct task *task;
    struct tool_log log;
    struct storage_work storage;
    struct installed system;
};

static struct storage_item *root_format(const struct installation *installation)
{
    return storage_plan_mount(&installation->task->storage, "/")->on;
}

static enum error_code check_image(const struct installation *installation, struct error *err)
{
    const struct storage_item *format = root_format(installation);
    if (!format)
        return error_set(err, ERR_BAD_INPUT, "storage: / is no file system of a disk");
    if (installation->storage.image && strcmp(format->fstype, "ext4") != 0)
        return error_set(err, ERR_BAD_INPUT, "the image is ext4, the plan wants %s at /",
                         format->fstype);
    return ERR_OK;
}

static enum error_code make_storage(struct installation *installation, struct error *err)
{
    enum error_code code = check_image(installation, err);
    return code ? code : storage_make(&installation->storage, err);
}

static enum error_code write_image(struct installation *installation, struct error *err)
{
    const struct task_image *image = &installation->task->image;
    struct image_place place = {.folder = ROOT};
    bool is_file_system = installation->storage.image != NULL;
    enum error_code code = ERR_OK;
    if (is_file_system)
        place.device = root_format(installation)->device;
    else
        code = storage_mount_all(&installation->storage, ROOT, err);
    if (!code)
        code = image_write(installation->talk, image, &place, &installation->log, err);
    if (!code && is_file_system)
        code = install_grow(root_format(installation), &installation->log, err);
    if (!code && is_file_system)
        code = storage_mount_all(&installation->storage, ROOT, err);
    return code;
}

static enum error_code configure(struct installation *installation, struct error *err)
{
    enum error_code code = install_settings(&installation->system, err);
    return code ? code : install_boot(&installation->system, err);
}

/* All is on the disk before the region hears that the machine may boot from it. */
static enum error_code finish(struct installation *installation, struct error *err)
{
    storage_mount_undo(&installation->storage, ROOT);
    storage_release(&installation->storage);
    sync();
    return talk_op(installation->talk, "netboot_off", err);
}

static const struct {
    const char *name, *description;
    enum error_code (*run)(struct installation *installation, struct error *err);
} stages[] = {
    {"cmd-install/stage-partitioning", "configuring storage", make_storage},
    {"cmd-install/stage-extract", "writing the image to disk", write_image},
    {"cmd-install/stage-curthooks", "configuring the installed system", configure},
    {"cmd-install/stage-late", "switching to boot from disk", finish},
};

/* What the region does not want to hear of is no reason to stop. */
static void tell(struct installation *installation, const struct talk_event *event)
{
    struct error err;
    if (talk_event(installation->talk, event, &err))
        log_warning("event %s: %s", event->name, err.text);
}

static enum error_code run_stages(struct installation *installation, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        struct talk_event event = {.name = stages[i].name, .description = stages[i].description};
        uint64_t start = clock_boot_ns();
        tell(installation, &event);
        enum error_code code = stages[i].run(installation, err);
        event.result = code ? "FAIL" : "SUCCESS";
        if (code) {
            error_wrap(err, "%s", stages[i].description);
            event.description = err->text;
        }
        tool_note(&installation->log, "%s: %s, %.1f s", stages[i].name, code ? err->text : "done",
                  (double)(clock_boot_ns() - start) / 1e9);
        tell(installation, &event);
        if (code)
            return code;
    }
    return ERR_OK;
}

enum error_code install_run(struct talk *talk, struct task *task, const struct inventory *inventory,
                            struct error *err)
{
    struct installation it = {
        .talk = talk, .task = task, .storage = {.plan = &task->storage, .inventory = inventory}};
    tool_log_open(&it.log, talk->arena);
    it.storage.log = &it.log;
    if (task->image.form->kind == IMAGE_EXT4)
        it.storage.image = root_format(&it);
    it.system = (struct installed){.root = ROOT,
                                   .task = task,
                                   .storage = &it.storage,
                                   .log = &it.log,
                                   .uefi = !strcmp(inventory->boot_method, "uefi")};
    struct talk_event event = {.name = "cmd-install", .description = "installing"};
    tell(&it, &event);
    enum error_code code = run_stages(&it, err);
    event.result = code ? "FAIL" : "SUCCESS";
    event.description = code ? err->text : "installed";
    event.log = tool_log_text(&it.log);
    tell(&it, &event);
    tool_log_close(&it.log);
    return code;
}

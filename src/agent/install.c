/* The steps of an installation: see install.h. */
#include "src/agent/install.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/agent/image_write.h"
#include "src/agent/install_disk.h"
#include "src/agent/install_memory.h"
#include "src/agent/install_packages.h"
#include "src/agent/install_system.h"
#include "src/agent/storage_mount.h"
#include "src/base/clock.h"
#include "src/base/log.h"

struct installation {
    struct talk *talk;
    struct task *task;
    struct tool_log log;
    struct storage_work storage;
    struct installed system;
    struct install_packages lacking;
    const char *memory; /* the file that is the root's file system, of a system in memory */
    const char *disk;   /* that the image of a whole disk goes to */
    bool is_mounted;    /* its system */
};

struct stage {
    const char *name, *description;
    enum error_code (*run)(struct installation *installation, struct error *err);
};

/* What the region does not want to hear of is no reason to stop. */
static void tell(struct installation *installation, const struct talk_event *event)
{
    struct error err;
    if (talk_event(installation->talk, event, &err))
        log_warning("event %s: %s", event->name, err.text);
}

static enum error_code run_stage(struct installation *installation, const struct stage *stage,
                                 struct error *err)
{
    struct talk_event event = {.name = stage->name, .description = stage->description};
    uint64_t start = clock_boot_ns();
    tell(installation, &event);
    enum error_code code = stage->run(installation, err);
    event.result = code ? "FAIL" : "SUCCESS";
    if (code) {
        error_wrap(err, "%s", stage->description);
        event.description = err->text;
    }
    tool_note(&installation->log, "%s: %s, %.1f s", stage->name, code ? err->text : "done",
              (double)(clock_boot_ns() - start) / 1e9);
    tell(installation, &event);
    return code;
}

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
    struct image_place place = {.folder = INSTALL_ROOT};
    bool is_file_system = installation->storage.image != NULL;
    enum error_code code = ERR_OK;
    if (is_file_system)
        place.device = root_format(installation)->device;
    else
        code = storage_mount_all(&installation->storage, INSTALL_ROOT, err);
    if (!code)
        code = image_write(installation->talk, image, &place, &installation->log, err);
    if (!code && is_file_system)
        code = install_grow(root_format(installation), &installation->log, err);
    if (!code && is_file_system)
        code = storage_mount_all(&installation->storage, INSTALL_ROOT, err);
    return code;
}

/* It is an option: what stands in its way costs the firmware's time, not the installation. */
static void load_kernel(struct installation *installation)
{
    struct error err;
    struct task *task = installation->task;
    if (!task->kexec)
        return;
    task->kexec = !install_kexec(&installation->system, &err);
    tool_note(&installation->log, "kexec: %s", task->kexec ? "the kernel is loaded" : err.text);
}

static enum error_code add_packages(struct installation *installation, struct error *err)
{
    return install_packages_add(&installation->system, &installation->lacking, err);
}

static const struct stage packages_stage = {"cmd-install/stage-curthooks/packages",
                                            "installing packages", add_packages};

static enum error_code configure(struct installation *installation, struct error *err)
{
    struct installed *system = &installation->system;
    enum error_code code = install_settings(system, err);
    if (!code)
        code = install_packages_find(system, &installation->lacking, err);
    if (!code && installation->lacking.count)
        code = run_stage(installation, &packages_stage, err);
    if (!code)
        code = install_boot(system, err);
    if (!code)
        load_kernel(installation);
    return code;
}

/* All is on the disk before the region hears that the machine may boot from it. */
static enum error_code finish(struct installation *installation, struct error *err)
{
    storage_mount_undo(&installation->storage, INSTALL_ROOT);
    storage_release(&installation->storage);
    sync();
    return talk_op(installation->talk, "netboot_off", err);
}

static enum error_code make_memory(struct installation *installation, struct error *err)
{
    return install_memory_make(&installation->task->image, INSTALL_ROOT, &installation->log,
                               &installation->memory, err);
}

static enum error_code write_to_memory(struct installation *installation, struct error *err)
{
    struct image_place place = {.device = installation->memory, .folder = INSTALL_ROOT};
    enum error_code code = image_write(installation->talk, &installation->task->image, &place,
                                       &installation->log, err);
    return code ? code
                : install_memory_mount(installation->memory, INSTALL_ROOT, &installation->log, err);
}

static enum error_code configure_in_memory(struct installation *installation, struct error *err)
{
    return install_settings(&installation->system, err);
}

static enum error_code finish_in_memory(struct installation *installation, struct error *err)
{
    (void)installation;
    (void)err;
    return ERR_OK;
}

static enum error_code prepare_disk(struct installation *installation, struct error *err)
{
    return install_disk_prepare(&installation->storage, &installation->disk, err);
}

static enum error_code write_disk(struct installation *installation, struct error *err)
{
    struct image_place place = {.device = installation->disk};
    enum error_code code = image_write(installation->talk, &installation->task->image, &place,
                                       &installation->log, err);
    return code ? code
                : install_disk_mount(installation->disk, INSTALL_ROOT, &installation->log,
                                     &installation->is_mounted, err);
}

static enum error_code configure_disk(struct installation *installation, struct error *err)
{
    installation->system.storage = NULL;
    return installation->is_mounted ? install_settings(&installation->system, err) : ERR_OK;
}

static enum error_code finish_disk(struct installation *installation, struct error *err)
{
    if (installation->is_mounted)
        install_disk_unmount(INSTALL_ROOT);
    sync();
    return talk_op(installation->talk, "netboot_off", err);
}

enum { STAGES = 4 };

static const struct stage to_memory[STAGES] = {
    {"cmd-install/stage-partitioning", "making room in memory", make_memory},
    {"cmd-install/stage-extract", "writing the image to memory", write_to_memory},
    {"cmd-install/stage-curthooks", "configuring the system", configure_in_memory},
    {"cmd-install/stage-late", "starting the system", finish_in_memory},
};

static const struct stage to_whole_disk[STAGES] = {
    {"cmd-install/stage-partitioning", "preparing the disk", prepare_disk},
    {"cmd-install/stage-extract", "writing the image to disk", write_disk},
    {"cmd-install/stage-curthooks", "configuring the installed system", configure_disk},
    {"cmd-install/stage-late", "switching to boot from disk", finish_disk},
};

static const struct stage to_disk[STAGES] = {
    {"cmd-install/stage-partitioning", "configuring storage", make_storage},
    {"cmd-install/stage-extract", "writing the image to disk", write_image},
    {"cmd-install/stage-curthooks", "configuring the installed system", configure},
    {"cmd-install/stage-late", "switching to boot from disk", finish},
};

static enum error_code run_stages(struct installation *installation, struct error *err)
{
    const struct stage *stages = installation->task->in_memory ? to_memory
                                 : installation->task->image.form->kind == IMAGE_DISK
                                     ? to_whole_disk
                                     : to_disk;
    for (int i = 0; i < STAGES; i++) {
        enum error_code code = run_stage(installation, &stages[i], err);
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
    if (task->in_memory || task->image.form->kind == IMAGE_DISK)
        task->kexec = false; /* one is its own kernel's already, the other's is not known */
    if (!task->in_memory && task->image.form->kind == IMAGE_EXT4)
        it.storage.image = root_format(&it);
    it.system = (struct installed){.root = INSTALL_ROOT,
                                   .task = task,
                                   .storage = &it.storage,
                                   .log = &it.log,
                                   .talk = talk,
                                   .uefi = !strcmp(inventory->boot_method, "uefi"),
                                   .secure_boot = inventory->secure_boot == 1};
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

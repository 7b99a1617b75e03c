/* Packages that a new system lacks: see install_packages.h. Source: apt-get(8), apt.conf(5). */
#include "src/agent/install_packages.h"

#include <string.h>

#include "src/agent/install_chroot.h"
#include "src/agent/install_path.h"
#include "src/agent/os_release.h"
#include "src/agent/script_packages.h"
#include "src/base/container.h"
#include "src/base/log.h"

/* A step stays below the region's usual patience with a machine that says nothing (30 min). */
enum { UPDATE_S = 900, FETCH_S = 1700, INSTALL_S = 1700, SHORT_S = 120 };
enum { ROUNDS = 2, ROUND_PAUSE_MS = 15000 };

#define APT_GET  "/usr/bin/apt-get"
#define DEBCONF  "/run/gantry.debconf"
#define EFI_GRUB "/usr/lib/grub/x86_64-efi/moddep.lst"

/* ---- which ---- */

static const struct distribution {
    const char *id, *kernel;
} distributions[] = {{"debian", "linux-image-amd64"}, {"ubuntu", "linux-generic"}};

static const struct distribution *find_distribution(const char *id)
{
    for (size_t i = 0; i < COUNT_OF(distributions); i++)
        if (!strcmp(distributions[i].id, id))
            return &distributions[i];
    return NULL;
}

static const char *os_release_of(const struct installed *system)
{
    const char *text =
        install_path_text(system->root, "/etc/os-release", OS_RELEASE_BYTES, system->log->arena);
    return text ? text : "";
}

static bool lacks(const struct installed *system, const char *path)
{
    return !install_path_has(system->root, path);
}

static void want(struct install_packages *lacking, bool wanted, const char *name)
{
    ASSERT(lacking->count < INSTALL_PACKAGES_MOST);
    if (wanted)
        lacking->names[lacking->count++] = name;
}

static void find_loader(const struct installed *system, struct install_packages *lacking)
{
    bool no_grub = lacks(system, "/usr/sbin/grub-install");
    bool no_signed = lacks(system, INSTALL_SHIM) || lacks(system, INSTALL_GRUB);
    bool no_own = no_grub || lacks(system, EFI_GRUB);
    bool sign = system->uefi && no_signed && (no_own || system->secure_boot);
    want(lacking, no_grub && (!system->uefi || no_signed), "grub2-common");
    want(lacking, !system->uefi && lacks(system, "/usr/lib/grub/i386-pc/moddep.lst"),
         "grub-pc-bin");
    want(lacking, sign, "grub-efi-amd64-signed");
    want(lacking, sign, "shim-signed");
}

static bool has_volume_groups(const struct storage_plan *plan)
{
    for (int i = 0; i < plan->count; i++)
        if (plan->items[i].type == STORAGE_VOLGROUP)
            return true;
    return false;
}

static void find_kernel(const struct installed *system, const struct distribution *distribution,
                        struct install_packages *lacking)
{
    const char *asked = system->task->kernel_package, *usual = distribution->kernel;
    lacking->kernel = !install_kernel_file(system);
    if (!lacking->kernel)
        return;
    want(lacking, true, asked ? asked : usual);
    lacking->fallback = asked && strcmp(asked, usual) != 0 ? usual : NULL;
    want(lacking, lacks(system, "/usr/sbin/update-initramfs") && lacks(system, "/usr/bin/dracut"),
         "initramfs-tools");
}

static const char *list_of(const struct install_packages *lacking, struct arena *arena)
{
    const char *list = "";
    for (int i = 0; i < lacking->count; i++)
        list = arena_printf(arena, "%s%s%s", list, i ? ", " : "", lacking->names[i]);
    return list;
}

enum error_code install_packages_find(const struct installed *system,
                                      struct install_packages *lacking, struct error *err)
{
    struct arena *arena = system->log->arena;
    const char *id = os_release_value(os_release_of(system), "ID", arena);
    const struct distribution *found = find_distribution(id);
    *lacking = (struct install_packages){.count = 0};
    find_kernel(system, found ? found : &distributions[0], lacking);
    find_loader(system, lacking);
    bool cannot_start = lacking->count > 0;
    want(lacking,
         has_volume_groups(system->storage->plan) && lacks(system, "/usr/sbin/lvm") &&
             lacks(system, "/sbin/lvm"),
         "lvm2");
    if (found && !lacks(system, APT_GET))
        return ERR_OK;
    if (!cannot_start) { /* a system of its own kind may have it under another name */
        lacking->count = 0;
        return ERR_OK;
    }
    return error_set(err, ERR_NOT_FOUND, "the image has no %s, and %s",
                     lacking->kernel ? "kernel (/boot/vmlinuz-*)" : "boot loader (GRUB)",
                     found ? "no apt-get to install it"
                           : "it is neither Debian nor Ubuntu, whose packages could be installed");
}

/* ---- apt ---- */

/* Long work: the region shall not take the machine for dead. */
static void say_alive(const struct installed *system)
{
    const char *const fields[] = {"status", "WORKING", NULL};
    struct error err;
    if (talk_signal(system->talk, fields, NULL, &err))
        log_warning("%s", err.text);
}

static enum error_code run_apt(const struct installed *system, const char *const *argv,
                               int timeout_s, struct error *err)
{
    say_alive(system);
    return install_chroot_run(system, argv, timeout_s, err);
}

static enum error_code update(const struct installed *system, struct error *err)
{
    /* Of several sources one may be gone; why is wanted when the packages do not come either. */
    return run_apt(system, TOOL_ARGV(APT_GET, "-q", "-oAPT::Update::Error-Mode=any", "update"),
                   UPDATE_S, err);
}

static enum error_code install(const struct installed *system,
                               const struct install_packages *lacking, bool fetch_only,
                               struct error *err)
{
    const char *argv[INSTALL_PACKAGES_MOST + 10] = {APT_GET,
                                                    "-q",
                                                    "-y",
                                                    "--no-install-recommends",
                                                    "-oDpkg::Use-Pty=false",
                                                    "-oDpkg::Options::=--force-confold",
                                                    "-oDpkg::Options::=--force-unsafe-io",
                                                    fetch_only ? "--download-only"
                                                               : "--no-download",
                                                    "install"};
    for (int i = 0; i < lacking->count; i++)
        argv[9 + i] = lacking->names[i];
    return run_apt(system, argv, fetch_only ? FETCH_S : INSTALL_S, err);
}

/* The kernel that was asked for may be of no archive any more. */
static void choose_kernel(const struct installed *system, struct install_packages *lacking)
{
    struct error err;
    const char *asked = lacking->names[0];
    if (!lacking->kernel || !lacking->fallback)
        return;
    if (!install_chroot_run(system, TOOL_ARGV("/usr/bin/apt-cache", "-q=2", "show", asked), SHORT_S,
                            &err) ||
        install_chroot_run(system,
                           TOOL_ARGV("/usr/bin/apt-cache", "-q=2", "show", lacking->fallback),
                           SHORT_S, &err))
        return;
    tool_note(system->log, "no archive has %s: %s is installed instead", asked, lacking->fallback);
    lacking->names[0] = lacking->fallback;
}

/* What apt said is wrong, of all that it wrote since then: its first complaint is the cause. */
static const char *reason_since(const struct installed *system, size_t from,
                                const struct error *err)
{
    const struct spool *text = &system->log->text;
    if (text->fd >= 0)
        return err->text;
    const char *said = arena_strndup(system->log->arena, text->bytes + from, text->used - from);
    const char *line = strstr(said, "\nE: ");
    if (!line)
        return err->text;
    line += strlen("\nE: ");
    return arena_strndup(system->log->arena, line, strcspn(line, "\n"));
}

/* The archives of one configuration: are all packages here, fetched? Then lacking is what is. */
static enum error_code fetch(const struct installed *system, struct install_packages *lacking,
                             struct error *err)
{
    struct install_packages chosen = *lacking;
    size_t from = system->log->text.used;
    const char *reason = update(system, err) ? reason_since(system, from, err) : NULL;
    choose_kernel(system, &chosen);
    from = system->log->text.used;
    if (!install(system, &chosen, true, err)) {
        *lacking = chosen;
        return ERR_OK;
    }
    reason = reason ? reason : reason_since(system, from, err);
    return error_set(err, ERR_UNAVAILABLE, "the image has no %s, and no archive gives it: %.250s",
                     list_of(lacking, system->log->arena), reason);
}

/* ---- where from ---- */

static const char *const written[] = {SCRIPT_PACKAGES_KEY, SCRIPT_PACKAGES_LIST,
                                      SCRIPT_PACKAGES_CONF};

static enum error_code tell_apt(const struct installed *system, const char *list, const char *conf,
                                struct error *err)
{
    const struct task_packages *packages = &system->task->packages;
    struct arena *arena = system->log->arena;
    const char *const texts[] = {list ? packages->key : NULL, list, conf};
    enum error_code code = ERR_OK;
    for (size_t i = 0; !code && i < COUNT_OF(written); i++)
        if (texts[i])
            code = install_put_file(system, &(struct task_file){written[i], texts[i], 0644}, err);
    for (int i = 0; !code && list && i <= packages->sources_count; i++) {
        struct task_file file = {script_packages_key_file(i, arena),
                                 script_packages_key(packages, i), 0644};
        if (file.content)
            code = install_put_file(system, &file, err);
    }
    return code;
}

static enum error_code forget(const struct installed *system, struct error *err)
{
    struct arena *arena = system->log->arena;
    enum error_code code = ERR_OK;
    for (size_t i = 0; !code && i < COUNT_OF(written); i++)
        code = install_path_remove(system->root, written[i], arena, err);
    for (int i = 0; !code && i <= system->task->packages.sources_count; i++)
        code = install_path_remove(system->root, script_packages_key_file(i, arena), arena, err);
    return code;
}

/* People's archives first; those of the image only when nobody named any. */
static enum error_code fetch_anywhere(const struct installed *system,
                                      struct install_packages *lacking, struct error *err)
{
    struct script_packages_config config = script_packages_config(
        &system->task->packages, system->talk->cmdline, os_release_of(system), system->log->arena);
    enum error_code code = ERR_UNAVAILABLE;
    for (int round = 0; code == ERR_UNAVAILABLE && round < ROUNDS; round++) {
        if (round)
            talk_pause(ROUND_PAUSE_MS);
        if (config.list)
            code = tell_apt(system, config.list, config.conf, err);
        if (config.list && !code)
            code = fetch(system, lacking, err);
        if (code != ERR_UNAVAILABLE || (config.list && config.named))
            continue;
        code = tell_apt(system, NULL, config.own, err);
        if (!code)
            code = fetch(system, lacking, err);
    }
    return code;
}

/* The packages of signed loaders put them into the EFI partition; the firmware's list is ours. */
static enum error_code tell_debconf(const struct installed *system, struct error *err)
{
    struct task_file file = {DEBCONF, "grub-efi-amd64 grub2/update_nvram boolean false\n", 0644};
    enum error_code code = install_put_file(system, &file, err);
    return code ? code
                : install_chroot_run(system, TOOL_ARGV("/usr/bin/debconf-set-selections", DEBCONF),
                                     SHORT_S, err);
}

static enum error_code add_inside(const struct installed *system, struct install_packages *lacking,
                                  struct error *err)
{
    struct error ignored;
    enum error_code code = fetch_anywhere(system, lacking, err);
    if (!code && system->uefi)
        code = tell_debconf(system, err);
    if (!code) {
        code = install(system, lacking, false, err);
        install_chroot_run(system, TOOL_ARGV(APT_GET, "clean"), SHORT_S, &ignored);
    }
    return code;
}

enum error_code install_packages_add(const struct installed *system,
                                     const struct install_packages *lacking, struct error *err)
{
    struct install_packages left = *lacking;
    struct error later;
    tool_note(system->log, "the image lacks %s", list_of(lacking, system->log->arena));
    enum error_code code = install_chroot_begin(system, err);
    if (code)
        return code;
    code = install_chroot_prepare(system, err);
    if (!code)
        code = add_inside(system, &left, err);
    enum error_code undone = forget(system, &later);
    if (!undone)
        undone = install_chroot_undo(system, &later);
    install_chroot_end(system);
    if (!code && undone)
        *err = later;
    return code ? code : undone;
}

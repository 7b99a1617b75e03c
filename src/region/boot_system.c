/* Systems in memory: see boot_system.h. */
#include "src/region/boot_system.h"

#include "src/region/deploy_image.h"
#include "src/region/image_store.h"
#include "src/region/setting.h"

#define AGENT_OPTIONS "init=/sbin/gantry-agent"

/*
 * Our initrd leaves the interface up under the kernel's name: udev could not rename it, and then
 * systemd-networkd would wait for udev for ever. Its generator does not know MAAS's "BOOTIF".
 */
#define BUILT_IN_OPTIONS "net.ifnames=0 systemd.mask=systemd-network-generator.service"

/* Without cloud-init's module for SSH it has no host keys. */
#define WITHOUT_SSH BUILT_IN_OPTIONS " systemd.mask=ssh.service"

const struct boot_system boot_system_own = {"vmlinuz", "initrd.gz", "root.squashfs", AGENT_OPTIONS,
                                            NULL};

/* As MAAS boots Ubuntu's images. No quotes: cloud-init takes the line apart as a shell would. */
static const char *stock_options(const char *hostname, const char *more, struct arena *arena)
{
    return arena_printf(arena,
                        "ip=::::%s:BOOTIF ip6=off cc:{datasource_list: [MAAS]}end_cc ro "
                        "overlayroot=tmpfs overlayroot_cfgdisk=disabled%s%s",
                        hostname, *more ? " " : "", more);
}

static const char *blob(const struct image_file *file, struct arena *arena)
{
    return arena_printf(arena, "blobs/%s", file->sha256);
}

static enum error_code find_imported(struct db *db, const char *series,
                                     const struct boot_system_for *machine, struct arena *arena,
                                     struct boot_system *system, struct error *err)
{
    struct image_query query = {.series = series, .arch = machine->architecture, .boots = true};
    struct image_choice image;
    enum error_code code = image_store_find(db, &query, arena, &image, err);
    if (code)
        return code;
    *system = (struct boot_system){
        .kernel = blob(&image.files[IMAGE_KERNEL], arena),
        .initrd = blob(&image.files[IMAGE_INITRD], arena),
        .root = blob(&image.files[IMAGE_SQUASHFS], arena),
        .options = image.agent ? AGENT_OPTIONS
                               : stock_options(machine->hostname, image.kernel_options, arena),
        .osystem = image.agent ? NULL : image.osystem,
    };
    return ERR_OK;
}

static enum error_code find_built_in(const char *series, const struct boot_system_for *machine,
                                     struct arena *arena, struct boot_system *system,
                                     struct error *err)
{
    struct deploy_image wanted = {machine->folder, "", series, machine->architecture, NULL};
    json_t *entry;
    enum error_code code = deploy_image_built_in(&wanted, "stock-squashfs", arena, &entry, err);
    if (!code) {
        const char *file = json_string_value(json_object_get(entry, "file"));
        system->root = arena_strdup(arena, file ? file : system->root);
        const char *os = json_string_value(json_object_get(entry, "os"));
        system->osystem = arena_strdup(arena, os ? os : "");
        system->options =
            stock_options(machine->hostname, machine->ssh ? BUILT_IN_OPTIONS : WITHOUT_SSH, arena);
    }
    json_decref(entry);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

enum error_code boot_system_find(struct db *db, const struct boot_system_for *machine,
                                 struct arena *arena, struct boot_system *system, struct error *err)
{
    const char *series = NULL;
    enum error_code code = setting_chosen(db, "commissioning_distro_series", arena, &series, err);
    if (code || !series || !*series)
        return code;
    code = find_imported(db, series, machine, arena, system, err);
    return code == ERR_NOT_FOUND ? find_built_in(series, machine, arena, system, err) : code;
}

/*
 * gantry-agent: runs on the machine, as init of the ephemeral system. Reads the hardware, asks the
 * region for its task (report, install, erase, rescue), carries it out, powers the machine off or
 * boots it again. On any Linux `--dump` shows what it would report.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/agent/coldplug.h"
#include "src/agent/disk_links.h"
#include "src/agent/install.h"
#include "src/agent/pid1.h"
#include "src/agent/work.h"
#include "src/base/clock.h"
#include "src/base/log.h"

static const char help[] =
    "usage: gantry-agent --dump [--root DIR]\n"
    "       gantry-agent --report [--root DIR] --cmdline TEXT\n"
    "       gantry-agent --work [--cmdline TEXT]\n"
    "\n"
    "  --dump          print the inventory of this machine as JSON (docs/inventory.md)\n"
    "  --report        enlist this machine and report its inventory, as the ephemeral system "
    "does,\n"
    "                  but leave it on\n"
    "  --work          in a system that runs already: commission or test this machine, if the\n"
    "                  region asks for that\n"
    "  --root DIR      read /sys, /proc and /usr/share/misc/pci.ids below DIR\n"
    "  --cmdline TEXT  instead of the kernel's command line: cloud-config-url=, BOOTIF=,\n"
    "                  gantry.limit_s=\n"
    "  --help, --version\n"
    "\n"
    "As the first process of a machine it takes no flags: it reads the hardware, does what the\n"
    "region asks for (docs/deploy.md), and powers the machine off or boots it again, at the "
    "latest\n"
    "after gantry.limit_s= (540) seconds.\n"
    "Exit status: 0 done, 2 wrong use, 3 refused, 6 not reachable, 1 the rest.\n";

struct options {
    bool dump, report, work;
    const char *root, *cmdline;
};

/* Reads the machine; the JSON goes into spool. Returns how long it took. */
static uint64_t take_inventory(const struct tree *tree, const struct cmdline *cmdline,
                               struct inventory *inventory, struct spool *spool)
{
    uint64_t start = clock_boot_ns();
    inventory_read(tree, cmdline->has_boot_mac ? &cmdline->boot_mac : NULL, inventory);
    int left_out = inventory_json(inventory, spool);
    if (left_out)
        log_warning("the inventory is too large: %d PCI and USB devices are left out", left_out);
    return (clock_boot_ns() - start) / CLOCK_MS;
}

static enum error_code print_inventory(const struct tree *tree, struct error *err)
{
    struct cmdline cmdline = {0};
    struct inventory inventory;
    struct spool spool;
    spool_init(&spool);
    take_inventory(tree, &cmdline, &inventory, &spool);
    fwrite(spool.bytes, 1, spool.used, stdout);
    putchar('\n');
    spool_close(&spool);
    return fflush(stdout) ? error_errno(err, "cannot write the inventory") : ERR_OK;
}

/* Reads the hardware, then does what the region says. */
static enum error_code run_work(const struct tree *tree, const struct cmdline *cmdline,
                                struct work *work, struct error *err)
{
    struct inventory inventory;
    struct spool spool;
    struct talk talk;
    spool_init(&spool);
    talk_open(&talk, cmdline, clock_boot_ns() + (uint64_t)cmdline->limit_s * CLOCK_S);
    struct report report = {.inventory = &inventory, .json = &spool};
    report.inventory_ms = take_inventory(tree, cmdline, &inventory, &spool);
    log_info("hardware: %lld CPUs, %lld MiB memory, %d disks, %d interfaces, %d PCI and %d USB "
             "devices; read in %llu ms",
             (long long)inventory.cpu.threads, (long long)(inventory.installed_bytes >> 20),
             inventory.disks_count, inventory.interfaces_count, inventory.pci_count,
             inventory.usb_count, (unsigned long long)report.inventory_ms);
    if (!work->is_guest && !work->report_only)
        disk_links_make(&inventory, tree->root);
    enum error_code code = work_run(&talk, &report, work, err);
    talk_close(&talk);
    spool_close(&spool);
    return code;
}

/* The work of the ephemeral system, in a child of the first process. */
static int work_as_init(void *subject)
{
    const struct cmdline *cmdline = subject;
    struct tree tree = {.arena = arena_new(), .root = ""};
    struct work work = {0};
    struct error err;
    coldplug_run(&tree);
    enum error_code code = run_work(&tree, cmdline, &work, &err);
    if (code)
        log_error("%s", err.text);
    else
        log_info("done, %.1f s after the kernel started", (double)clock_boot_ns() / 1e9);
    arena_free(tree.arena);
    return code               ? 1
           : work.switch_root ? PID1_WORK_SWITCH
           : work.kexec       ? PID1_WORK_KEXEC
           : work.reboot      ? PID1_WORK_REBOOT
                              : 0;
}

static void run_as_init(void)
{
    pid1_prepare();
    log_info("version " GANTRY_VERSION ", %.1f s after the kernel started",
             (double)clock_boot_ns() / 1e9);
    struct tree tree = {.arena = arena_new(), .root = ""};
    struct cmdline cmdline;
    struct error err;
    const char *text = tree_bytes(&tree, CMDLINE_BYTES, NULL, "/proc/cmdline");
    if (cmdline_parse(text ? text : "", tree.arena, &cmdline, &err)) {
        log_error("%s", err.text);
        pid1_finish(PID1_FAILED);
    }
    enum pid1_end end = pid1_run(work_as_init, &cmdline, cmdline.limit_s);
    if (end == PID1_SWITCH) {
        pid1_switch(INSTALL_ROOT);
        end = PID1_FAILED;
    }
    pid1_finish(end);
}

static enum error_code read_options(int argc, char **argv, struct options *options,
                                    struct error *err)
{
    *options = (struct options){.root = ""};
    for (int i = 1; i < argc; i++) {
        const char **value = !strcmp(argv[i], "--root")      ? &options->root
                             : !strcmp(argv[i], "--cmdline") ? &options->cmdline
                                                             : NULL;
        if (!strcmp(argv[i], "--dump"))
            options->dump = true;
        else if (!strcmp(argv[i], "--report"))
            options->report = true;
        else if (!strcmp(argv[i], "--work"))
            options->work = true;
        else if (!value)
            return error_set(err, ERR_BAD_INPUT, "there is no flag %.100s; see --help", argv[i]);
        else if (i + 1 == argc)
            return error_set(err, ERR_BAD_INPUT, "%s: a value is missing", argv[i]);
        else
            *value = argv[++i];
    }
    if (options->dump + options->report + options->work != 1)
        return error_set(err, ERR_BAD_INPUT, "say --dump, --report or --work; see --help");
    if (!options->work && options->report != (options->cmdline != NULL))
        return error_set(err, ERR_BAD_INPUT, "--report and --cmdline go together; see --help");
    if (*options->root && access(options->root, X_OK))
        return error_errno(err, "--root %s", options->root);
    return ERR_OK;
}

static enum error_code run(int argc, char **argv, struct arena *arena, struct error *err)
{
    struct options options;
    struct cmdline cmdline;
    enum error_code code = read_options(argc, argv, &options, err);
    if (code)
        return code;
    struct tree tree = {.arena = arena, .root = options.root};
    if (options.dump)
        return print_inventory(&tree, err);
    if (!options.cmdline)
        options.cmdline = tree_bytes(&tree, CMDLINE_BYTES, NULL, "/proc/cmdline");
    code = cmdline_parse(options.cmdline ? options.cmdline : "", arena, &cmdline, err);
    if (code)
        return code;
    struct work work = {.report_only = options.report, .is_guest = options.work};
    return run_work(&tree, &cmdline, &work, err);
}

int main(int argc, char **argv)
{
    log_setup("gantry-agent", LOG_TEXT, LOG_INFO);
    if (getpid() == 1)
        run_as_init();
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "--version"))) {
        printf("%s", argv[1][2] == 'h' ? help : "gantry-agent " GANTRY_VERSION "\n");
        return fflush(stdout) ? 1 : 0;
    }
    struct arena *arena = arena_new();
    struct error err = {0};
    enum error_code code = run(argc, argv, arena, &err);
    if (code)
        fprintf(stderr, "gantry-agent: %s\n", err.text);
    arena_free(arena);
    return error_exit_status(code);
}

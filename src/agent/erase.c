/* Erasing: see erase.h. Source: nvme-format(1), hdparm(8) security features, ATA ACS-4 7.36. */
#include "src/agent/erase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/agent/storage_make.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/log.h"

enum { BLOCK_BYTES = 4 << 20, ASK_S = 60, COMMAND_S = 24 * 3600, ALIVE_S = 60 };

/* Protects nothing: it is gone with the erasure. The drive only wants one to be set. */
#define ATA_PASSWORD "gantry"

struct erasing {
    struct talk *talk;
    struct tool_log log;
    uint64_t said_ns;
};

static void say_alive(struct erasing *erasing, const char *device, int percent)
{
    const char *const fields[] = {"status", "WORKING", NULL};
    struct error err;
    uint64_t now = clock_boot_ns();
    if (now - erasing->said_ns < ALIVE_S * CLOCK_S)
        return;
    erasing->said_ns = now;
    log_info("erase %s: %d %%", device, percent);
    if (talk_signal(erasing->talk, fields, NULL, &err))
        log_warning("%s", err.text);
}

static enum error_code overwrite(struct erasing *erasing, const char *device, uint64_t size,
                                 struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int fd = open(device, O_WRONLY | O_CLOEXEC);
    char *zeros = calloc(1, BLOCK_BYTES);
    enum error_code code = fd < 0 ? error_errno(err, "%s", device) : ERR_OK;
    ASSERT(zeros);
    for (uint64_t done = 0; !code && done < size;) {
        size_t part = size - done < BLOCK_BYTES ? (size_t)(size - done) : BLOCK_BYTES;
        ssize_t n = write(fd, zeros, part);
        if (n <= 0)
            code = error_errno(err, "%s: overwrite at byte %llu", device, (unsigned long long)done);
        else
            done += (uint64_t)n;
        say_alive(erasing, device, (int)(done * 100 / size));
    }
    if (!code && fsync(fd))
        code = error_errno(err, "%s: overwrite", device);
    free(zeros);
    return code;
}

/* Does hdparm -I say that the drive can, and that nothing forbids it ("not" before the word)? */
static bool ata_can(const char *text)
{
    const char *security = strstr(text, "Security:"), *line;
    bool supported = false, frozen = true, locked = true;
    for (line = security; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *word = line + strspn(line, " \t");
        bool denied = !strncmp(word, "not", 3);
        word += denied ? 3 + strspn(word + 3, " \t") : 0;
        if (!strncmp(word, "supported", 9) && word[9] != ':')
            supported = !denied;
        else if (!strncmp(word, "frozen", 6))
            frozen = !denied;
        else if (!strncmp(word, "locked", 6))
            locked = !denied;
    }
    return supported && !frozen && !locked;
}

/* hdparm's answer is wanted, which tool_run keeps in the log alone. */
static bool ata_offers(struct erasing *erasing, const char *device)
{
    struct error err;
    size_t before = erasing->log.text.used;
    if (tool_run(&erasing->log, TOOL_ARGV("/usr/sbin/hdparm", "-I", device), ASK_S, &err) ||
        erasing->log.text.fd >= 0)
        return false;
    return ata_can(arena_strndup(erasing->log.arena, erasing->log.text.bytes + before,
                                 erasing->log.text.used - before));
}

/* By the disk's own command. *done stays false when it has none. */
static enum error_code erase_itself(struct erasing *erasing, const struct inventory_disk *disk,
                                    const char *device, bool *done, struct error *err)
{
    enum error_code code;
    *done = false;
    if (!strncmp(disk->name, "nvme", 4)) {
        code = tool_run(&erasing->log,
                        TOOL_ARGV("/usr/sbin/nvme", "format", device, "--ses=1", "--force"),
                        COMMAND_S, err);
        *done = !code;
        return ERR_OK; /* one that cannot is overwritten */
    }
    if (strncmp(disk->name, "sd", 2) != 0 || !ata_offers(erasing, device))
        return ERR_OK;
    code = tool_run(&erasing->log,
                    TOOL_ARGV("/usr/sbin/hdparm", "--user-master", "u", "--security-set-pass",
                              ATA_PASSWORD, device),
                    ASK_S, err);
    if (code)
        return ERR_OK;
    /* From here on a failure leaves a password behind: that must be seen. */
    code = tool_run(&erasing->log,
                    TOOL_ARGV("/usr/sbin/hdparm", "--user-master", "u", "--security-erase",
                              ATA_PASSWORD, device),
                    COMMAND_S, err);
    *done = !code;
    return code;
}

static enum error_code erase_disk(struct erasing *erasing, const struct task *task,
                                  const struct inventory_disk *disk, struct error *err)
{
    const char *device = arena_printf(erasing->log.arena, "/dev/%s", disk->name);
    uint64_t start = clock_boot_ns();
    bool itself = false;
    enum error_code code =
        task->secure ? erase_itself(erasing, disk, device, &itself, err) : ERR_OK;
    if (!code && !itself)
        code = task->quick ? storage_blank_ends(device, err)
                           : overwrite(erasing, device, (uint64_t)disk->size_bytes, err);
    if (!code)
        tool_note(&erasing->log, "%s: erased (%s), %.1f s", device,
                  itself        ? "by its own command"
                  : task->quick ? "its ends"
                                : "overwritten",
                  (double)(clock_boot_ns() - start) / 1e9);
    return code;
}

enum error_code erase_run(struct talk *talk, const struct task *task,
                          const struct inventory *inventory, struct error *err)
{
    struct erasing erasing = {.talk = talk, .said_ns = clock_boot_ns()};
    struct error first = {0}, one;
    tool_log_open(&erasing.log, talk->arena);
    for (int i = 0; i < inventory->disks_count; i++) {
        const struct inventory_disk *disk = &inventory->disks[i];
        if (disk->removable || disk->read_only || !erase_disk(&erasing, task, disk, &one))
            continue;
        log_error("erase %s: %s", disk->name, one.text);
        if (!first.code)
            first = one;
    }
    struct talk_event event = {.name = "modules-final",
                               .description = first.code ? first.text : "disks are erased",
                               .result = first.code ? "FAIL" : "SUCCESS",
                               .log = tool_log_text(&erasing.log)};
    if (talk_event(talk, &event, &one) && !first.code)
        first = one;
    tool_log_close(&erasing.log);
    if (first.code)
        *err = first;
    return first.code;
}

/* Names and what they stand for: see boot_source.h. */
#include "src/rack/boot_source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/log.h"
#include "src/rack/boot_answer.h"
#include "src/rack/neighbour.h"

struct boot_source {
    struct loop *loop;
    struct boot_source_settings settings;
    struct boot_store *store;
    struct image_cache *cache;
    struct boot_source_counts counts;
    int outstanding;
    bool closing;
};

/* One thing that was asked for. */
struct opening {
    struct boot_source *source;
    struct boot_ask ask;
    boot_source_done *done;
    void *subject;
    struct boot_content content; /* of a loader, opened on a thread of its own */
    struct error err;
    struct arena *arena; /* of the answer */
    struct boot_answer answer;
};

void boot_content_close(struct boot_content *content)
{
    file_close_fd(&content->fd);
    free(content->text);
    content->text = NULL;
}

struct boot_source *boot_source_new(struct loop *loop, const struct boot_source_settings *settings,
                                    struct boot_store *store, struct image_cache *cache)
{
    struct boot_source *source = calloc(1, sizeof(*source));
    ASSERT(source);
    source->loop = loop;
    source->settings = *settings;
    source->store = store;
    source->cache = cache;
    return source;
}

static void end_if_done(struct boot_source *source)
{
    if (source->closing && !source->outstanding)
        free(source);
}

void boot_source_free(struct boot_source *source)
{
    if (!source)
        return;
    source->closing = true;
    end_if_done(source);
}

const struct boot_source_counts *boot_source_counts(const struct boot_source *source)
{
    return &source->counts;
}

static void finish(struct opening *opening, struct boot_content *content, const struct error *err)
{
    struct boot_source *source = opening->source;
    opening->done(opening->subject, content, err);
    if (opening->arena)
        arena_free(opening->arena);
    free(opening);
    source->outstanding--;
    end_if_done(source);
}

static void fail(struct opening *opening, enum error_code code, const char *text)
{
    struct error err;
    error_set(&err, code, "%s", text);
    finish(opening, NULL, &err);
}

/* Files */

static void on_image(void *subject, const struct image *image, int fd, const struct error *err)
{
    struct opening *opening = subject;
    struct boot_content content = {.fd = fd};
    if (err) {
        finish(opening, NULL, err);
        return;
    }
    content.size = image->size;
    memcpy(content.sha256, image->sha256, sizeof(content.sha256));
    finish(opening, &content, NULL);
}

/* To a machine a loader that cannot be had is one that is not there: it goes on without. */
static void on_cached_loader(void *subject, const struct image *image, int fd,
                             const struct error *err)
{
    struct error missing;
    bool unreachable = err && err->code == ERR_UNAVAILABLE;
    if (unreachable)
        error_set(&missing, ERR_NOT_FOUND, "%s", err->text);
    on_image(subject, image, fd, unreachable ? &missing : err);
}

/* The kernel sees to it that nothing above the folder is reached, whatever links lie in it. */
static int open_beneath(const char *folder, const char *path, uint64_t resolve)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
    int top = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return -1;
    int fd = (int)syscall(SYS_openat2, top, path, &how, sizeof(how)), saved = errno;
    close(top);
    errno = saved;
    return fd;
}

static enum error_code take_loader(struct opening *opening, int fd)
{
    struct stat status;
    opening->content.fd = fd;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
        file_close_fd(&opening->content.fd);
        return error_set(&opening->err, ERR_NOT_FOUND, "not a file");
    }
    opening->content.size = (uint64_t)status.st_size;
    return opening->err.code = ERR_OK;
}

static void open_loader(void *subject)
{
    struct opening *opening = subject;
    int fd = open_beneath(opening->source->settings.boot_dir, opening->ask.path.path, 0);
    if (fd >= 0)
        take_loader(opening, fd);
    else
        error_errno(&opening->err, "%s", opening->ask.path.path);
}

static void on_loader(void *subject)
{
    struct opening *opening = subject;
    if (!opening->err.code)
        finish(opening, &opening->content, NULL);
    else if (opening->err.code == ERR_NOT_FOUND)
        image_cache_open(opening->source->cache, opening->ask.path.path, "loader", on_cached_loader,
                         opening);
    else
        finish(opening, NULL, &opening->err);
}

/* What the kernel has at hand is opened at once; only what has to come from disk takes a thread. */
static void start_loader(struct opening *opening)
{
    const struct boot_source *source = opening->source;
    int fd = open_beneath(source->settings.boot_dir, opening->ask.path.path, RESOLVE_CACHED);
    if (fd >= 0) {
        take_loader(opening, fd);
        on_loader(opening);
    } else if (errno == ENOENT || errno == ENOTDIR) {
        opening->err.code = ERR_NOT_FOUND;
        on_loader(opening);
    } else {
        loop_run_blocking(source->loop, open_loader, on_loader, opening);
    }
}

/* Configurations */

static void give_text(struct opening *opening, struct spool *text)
{
    struct boot_content content = {.fd = -1, .text = text->bytes, .size = text->used};
    *text = (struct spool){.fd = -1};
    finish(opening, &content, NULL);
}

static enum boot_loader loader_of(const struct opening *opening)
{
    switch (opening->ask.path.kind) {
    case BOOT_PATH_IPXE:
    case BOOT_PATH_IPXE_MAC:
        return BOOT_IPXE;
    case BOOT_PATH_GRUB:
    case BOOT_PATH_GRUB_MAC:
        return BOOT_GRUB;
    default:
        return BOOT_PXELINUX;
    }
}

static struct boot_answer_place place_of(const struct opening *opening)
{
    const struct boot_source_settings *settings = &opening->source->settings;
    const struct image_cache *cache = opening->source->cache;
    return (struct boot_answer_place){
        .rack = opening->ask.rack,
        .http_port = settings->http_port,
        .proxy_port = settings->proxy_port,
        .mac = opening->ask.path.mac,
        .timed = opening->ask.timed,
        .here = image_cache_is_ready(cache, opening->answer.kernel) &&
                image_cache_is_ready(cache, opening->answer.initrd),
    };
}

static void give_first(struct opening *opening)
{
    struct boot_answer_place place = place_of(opening);
    struct spool text;
    spool_init(&text);
    boot_answer_write_first(loader_of(opening), &place, &text);
    give_text(opening, &text);
}

static void give_answer(void *subject)
{
    struct opening *opening = subject;
    struct boot_answer_place place = place_of(opening);
    struct spool text;
    char mac[MAC_TEXT];
    spool_init(&text);
    enum error_code code =
        boot_answer_write(&opening->answer, loader_of(opening), &place, &text, &opening->err);
    if (code) {
        log_error("boot answer for %s: %s", mac_format(place.mac, mac), opening->err.text);
        spool_close(&text);
        finish(opening, NULL, &opening->err);
        return;
    }
    log_info("%s boots: %s", mac_format(place.mac, mac),
             boot_answer_purpose(opening->answer.purpose));
    give_text(opening, &text);
}

/* Fetched while the loader still reads its configuration. */
static void ignore_image(void *subject, const struct image *image, int fd, const struct error *err)
{
    (void)subject;
    (void)image;
    (void)err;
    file_close_fd(&fd);
}

static void give_with_files(void *subject)
{
    struct opening *opening = subject;
    const char *const files[] = {opening->answer.kernel, opening->answer.initrd,
                                 opening->answer.root};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (files[i])
            image_cache_open(opening->source->cache, files[i], NULL, ignore_image, NULL);
    give_answer(opening);
}

/* No region can be asked: what is known here. */
static void give_kept(struct opening *opening)
{
    struct boot_source *source = opening->source;
    const char *kept;
    bool known = boot_store_find(source->store, opening->ask.path.mac, &kept);
    json_t *json = kept ? json_loads(kept, 0, NULL) : NULL;
    if (!known) {
        source->counts.nothing++;
        fail(opening, ERR_UNAVAILABLE, "no region can be asked, and this machine is not known");
        return;
    }
    if (json && !boot_answer_read(json, opening->arena, &opening->answer, NULL)) {
        source->counts.kept++;
    } else {
        opening->answer = boot_answer_wait();
        source->counts.waits++;
    }
    json_decref(json);
    give_answer(opening);
}

static void note_answer(const struct opening *opening, const json_t *result)
{
    char *text = opening->answer.keep ? json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    boot_store_note(opening->source->store, opening->ask.path.mac, text);
    free(text);
}

static void on_answer(void *subject, const json_t *result, const struct error *err)
{
    struct opening *opening = subject;
    char mac[MAC_TEXT];
    if (!result && (error_retryable(err->code) || err->code == ERR_INTERNAL)) {
        give_kept(opening);
        return;
    }
    if (result && !boot_answer_read(result, opening->arena, &opening->answer, &opening->err)) {
        opening->source->counts.answered++;
        note_answer(opening, result);
        bool files = opening->answer.kernel != NULL;
        if (files)
            image_cache_refresh(opening->source->cache, give_with_files, opening);
        else
            give_answer(opening);
        return;
    }
    opening->source->counts.nothing++;
    log_warning("no boot answer for %s: %s", mac_format(opening->ask.path.mac, mac),
                result ? opening->err.text : err->text);
    finish(opening, NULL, result ? &opening->err : err);
}

/*
 * Does another machine of this wire ask? It is told, for nothing of it is secret, but what is sent
 * with it is no word of where this one boots: there its key is given. Behind a relay nobody knows.
 */
static bool is_another(const struct opening *opening)
{
    static struct log_gate gate;
    char text[MAC_TEXT], own[MAC_TEXT], address[IP4_TEXT];
    unsigned long held;
    struct mac seen;
    if (!neighbour_mac(opening->ask.machine, &seen) || mac_equal(seen, opening->ask.path.mac))
        return false;
    if (log_gate_open(&gate, 10, &held))
        log_warning("%s (%s) asks as %s what to boot (and %lu before)",
                    ip4_format(opening->ask.machine, address), mac_format(seen, own),
                    mac_format(opening->ask.path.mac, text), held);
    return true;
}

static void ask_region(struct opening *opening)
{
    const struct boot_source_settings *settings = &opening->source->settings;
    char mac[MAC_TEXT], machine[IP4_TEXT];
    bool efi = loader_of(opening) == BOOT_GRUB || opening->ask.efi;
    const char *uuid = opening->ask.uuid;
    const char *address = is_another(opening) ? NULL : ip4_format(opening->ask.machine, machine);
    json_t *params = json_pack(
        "{s:s, s:s?, s:s, s:s?}", "mac", mac_format(opening->ask.path.mac, mac), "address", address,
        "firmware", efi ? "uefi" : "bios", "hardware_uuid", *uuid ? uuid : NULL);
    ASSERT(params);
    opening->arena = arena_new();
    settings->ask_region(settings->owner, params, on_answer, opening);
}

void boot_source_open(struct boot_source *source, const struct boot_ask *ask,
                      boot_source_done *done, void *subject)
{
    struct opening *opening = calloc(1, sizeof(*opening));
    ASSERT(opening);
    *opening = (struct opening){
        .source = source, .ask = *ask, .done = done, .subject = subject, .content.fd = -1};
    source->outstanding++;
    switch (ask->path.kind) {
    case BOOT_PATH_FILE:
        start_loader(opening);
        break;
    case BOOT_PATH_IMAGE:
    case BOOT_PATH_BLOB:
        image_cache_open(source->cache, ask->path.path, NULL, on_image, opening);
        break;
    case BOOT_PATH_IPXE:
    case BOOT_PATH_GRUB:
        give_first(opening);
        break;
    case BOOT_PATH_PXELINUX_DEFAULT:
        if (!neighbour_mac(ask->machine, &opening->ask.path.mac)) {
            fail(opening, ERR_NOT_FOUND, "it is not known who asks");
            break;
        }
        ask_region(opening);
        break;
    default:
        ask_region(opening);
    }
}

/* The task document: see task.h. */
#include "src/agent/task.h"

#include <ctype.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/package_repository.h"
#include "src/wire/digest.h"
#include "src/wire/openpgp_armor.h"

enum { COMPONENTS = 8 };

static const char *const words[TASK_KINDS] = {
    [TASK_NONE] = "none",     [TASK_ENLIST] = "enlist",   [TASK_COMMISSION] = "commission",
    [TASK_TEST] = "test",     [TASK_DEPLOY] = "deploy",   [TASK_ERASE] = "erase",
    [TASK_RESCUE] = "rescue", [TASK_RELEASE] = "release",
};

#define BZIP2 "/usr/bin/bzip2"
#define GZIP  "/usr/bin/gzip"
#define XZ    "/usr/bin/xz"

static const struct image_form forms[] = {
    {"raw", IMAGE_EXT4, NULL, false},        {"raw.zst", IMAGE_EXT4, "/usr/bin/zstd", false},
    {"raw.gz", IMAGE_EXT4, GZIP, false},     {"raw.xz", IMAGE_EXT4, XZ, false},
    {"tar", IMAGE_TAR, NULL, false},         {"tar.zst", IMAGE_TAR, "/usr/bin/zstd", false},
    {"tgz", IMAGE_TAR, GZIP, false},         {"tar.xz", IMAGE_TAR, XZ, false},
    {"tar.bz2", IMAGE_TAR, BZIP2, false},    {"squashfs", IMAGE_SQUASHFS, NULL, false},
    {"dd", IMAGE_DISK, NULL, false},         {"dd.gz", IMAGE_DISK, GZIP, false},
    {"dd.bz2", IMAGE_DISK, BZIP2, false},    {"dd.xz", IMAGE_DISK, XZ, false},
    {"dd.tar", IMAGE_DISK, NULL, true},      {"dd.tgz", IMAGE_DISK, GZIP, true},
    {"dd.tar.bz2", IMAGE_DISK, BZIP2, true}, {"dd.tar.xz", IMAGE_DISK, XZ, true},
};

const char *task_name(enum task_kind kind)
{
    ASSERT(kind < TASK_KINDS);
    return words[kind];
}

static enum error_code bad(struct error *err, const char *key)
{
    return error_set(err, ERR_BAD_INPUT, "task: %s is missing or not acceptable", key);
}

/* A text without control characters but line ends; NULL when absent. */
static enum error_code read_text(const json_t *json, const char *key, struct arena *arena,
                                 const char **text, struct error *err)
{
    const json_t *value = json_object_get(json, key);
    const char *found = json_string_value(value);
    *text = NULL;
    if (!value || json_is_null(value))
        return ERR_OK;
    if (!found || strlen(found) != json_string_length(value) || strlen(found) > TASK_TEXT)
        return bad(err, key);
    for (const char *p = found; *p; p++)
        if (iscntrl((unsigned char)*p) && *p != '\n' && *p != '\t')
            return bad(err, key);
    *text = arena_strdup(arena, found);
    return ERR_OK;
}

/* Absolute, of plain letters, without dots as parts: it becomes a path and a part of a URL. */
static bool is_path(const char *path)
{
    if (!path || *path != '/' || strstr(path, "//") || strstr(path, "/.") || strlen(path) > 1024)
        return false;
    for (const char *p = path; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/._+@:-", *p))
            return false;
    return path[1] && path[strlen(path) - 1] != '/';
}

static bool is_hostname(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (!length || length > 63)
        return false;
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-')
            return false;
    return text[0] != '-';
}

static enum error_code read_image(const json_t *json, struct arena *arena, struct task_image *image,
                                  struct error *err)
{
    const char *form;
    uint8_t digest[DIGEST_BYTES];
    enum error_code code = read_text(json, "form", arena, &form, err);
    if (!code)
        code = read_text(json, "path", arena, &image->path, err);
    if (!code)
        code = read_text(json, "sha256", arena, &image->sha256, err);
    if (code)
        return code;
    for (size_t i = 0; form && i < COUNT_OF(forms); i++)
        if (!strcmp(forms[i].word, form))
            image->form = &forms[i];
    json_int_t size = json_integer_value(json_object_get(json, "size"));
    if (!image->form)
        return bad(err, "image.form");
    if (!is_path(image->path))
        return bad(err, "image.path");
    if (!image->sha256 || !digest_hex_parse(image->sha256, digest, sizeof(digest)))
        return bad(err, "image.sha256");
    if (size <= 0)
        return bad(err, "image.size");
    char *hex = arena_alloc(arena, DIGEST_TEXT);
    digest_hex(digest, sizeof(digest), hex);
    image->sha256 = hex;
    image->size_bytes = (uint64_t)size;
    return ERR_OK;
}

static enum error_code read_files(const json_t *files, struct arena *arena, struct task *task,
                                  struct error *err)
{
    size_t i;
    const json_t *file;
    if (files && (!json_is_array(files) || json_array_size(files) > TASK_FILES))
        return bad(err, "files");
    task->files = ARENA_ARRAY(arena, struct task_file, json_array_size(files) + 1);
    json_array_foreach (files, i, file) {
        struct task_file *made = &task->files[task->files_count++];
        json_int_t mode = json_integer_value(json_object_get(file, "mode"));
        enum error_code code = read_text(file, "path", arena, &made->path, err);
        if (!code)
            code = read_text(file, "content", arena, &made->content, err);
        if (code)
            return code;
        if (!is_path(made->path) || !made->content || mode < 0 || mode > 0777)
            return bad(err, "files: path, mode or content");
        made->mode = mode ? (unsigned)mode : 0644;
    }
    return ERR_OK;
}

/* One line of a kernel's command line. */
static bool is_line(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* A word of apt's lists of sources, the name of a package. */
static bool is_word(const char *text)
{
    return text && isalnum((unsigned char)*text) && strlen(text) <= 64 &&
           !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.+-")];
}

static enum error_code read_deploy(const json_t *json, struct arena *arena, struct task *task,
                                   struct error *err)
{
    enum error_code code = read_text(json, "hostname", arena, &task->hostname, err);
    if (!code)
        code = read_text(json, "kernel_options", arena, &task->kernel_options, err);
    if (!code && !is_hostname(task->hostname))
        code = bad(err, "hostname");
    if (!code && task->kernel_options && !is_line(task->kernel_options))
        code = bad(err, "kernel_options");
    if (!code)
        code = read_text(json, "kernel_package", arena, &task->kernel_package, err);
    if (!code && task->kernel_package && !is_word(task->kernel_package))
        code = bad(err, "kernel_package");
    if (!code)
        code = read_image(json_object_get(json, "image"), arena, &task->image, err);
    if (!code)
        code = read_files(json_object_get(json, "files"), arena, task, err);
    task->in_memory = json_is_true(json_object_get(json, "in_memory"));
    task->kexec = json_is_true(json_object_get(json, "kexec"));
    if (!code && task->in_memory && task->image.form->kind == IMAGE_DISK)
        code = bad(err, "in_memory with the image of a whole disk");
    if (!code && !task->in_memory)
        code = storage_plan_parse(json_object_get(json, "storage"), arena, &task->storage, err);
    if (!code && !task->kernel_options)
        task->kernel_options = "";
    return code;
}

/* It becomes a word of a list of sources and a value in quotes of apt's configuration. */
static bool is_url(const char *text)
{
    return is_line(text) && strlen(text) <= 1024 && !strpbrk(text, " \"\\[]{};") &&
           (!strncmp(text, "http://", 7) || !strncmp(text, "https://", 8));
}

static enum error_code read_repository(const json_t *json, struct arena *arena,
                                       struct task_packages *packages, struct error *err)
{
    static const char begin[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
    const json_t *components = json_object_get(json, "components"), *component;
    size_t i;
    enum error_code code = read_text(json, "path", arena, &packages->path, err);
    if (!code)
        code = read_text(json, "os", arena, &packages->os, err);
    if (!code)
        code = read_text(json, "release", arena, &packages->release, err);
    if (!code)
        code = read_text(json, "key", arena, &packages->key, err);
    if (code)
        return code;
    if (!is_path(packages->path) || !is_word(packages->os) || !is_word(packages->release))
        return bad(err, "packages.repository: path, os or release");
    if (!packages->key || strncmp(packages->key, begin, strlen(begin)) != 0)
        return bad(err, "packages.repository.key");
    packages->components = "";
    json_array_foreach (components, i, component) {
        const char *word = json_string_value(component);
        if (!is_word(word) || i == COMPONENTS)
            return bad(err, "packages.repository.components");
        packages->components =
            arena_printf(arena, "%s%s%s", packages->components, i ? " " : "", word);
    }
    return *packages->components ? ERR_OK : bad(err, "packages.repository.components");
}

static bool is_suite(const char *text, struct arena *arena)
{
    size_t prefix = strncmp(text, TASK_RELEASE_WORD, strlen(TASK_RELEASE_WORD)) != 0
                        ? 0
                        : strlen(TASK_RELEASE_WORD);
    return package_repository_is_word(prefix ? arena_printf(arena, "x%s", text + prefix) : text);
}

/* A list of words, at least one. */
static bool read_words(const json_t *list, bool are_suites, struct arena *arena, const char **made)
{
    size_t i;
    const json_t *item;
    *made = "";
    json_array_foreach (list, i, item) {
        const char *word = json_string_value(item);
        if (!word || i == PACKAGE_REPOSITORY_WORDS ||
            !(are_suites ? is_suite(word, arena) : package_repository_is_word(word)))
            return false;
        *made = arena_printf(arena, "%s%s%s", *made, i ? " " : "", word);
    }
    return **made != '\0';
}

static enum error_code read_source(const json_t *json, struct arena *arena,
                                   struct task_source *source, struct error *err)
{
    enum error_code code = read_text(json, "url", arena, &source->url, err);
    if (!code)
        code = read_text(json, "key", arena, &source->key, err);
    if (code)
        return code;
    if (!source->url || !package_repository_is_url(source->url))
        return bad(err, "packages.sources: url");
    if (source->key && openpgp_armor_read(source->key, arena, &source->key, err))
        return bad(err, "packages.sources: key");
    if (!read_words(json_object_get(json, "suites"), true, arena, &source->suites) ||
        !read_words(json_object_get(json, "components"), false, arena, &source->components))
        return bad(err, "packages.sources: suites or components");
    return ERR_OK;
}

/* Those that people named. */
static enum error_code read_sources(const json_t *json, struct arena *arena,
                                    struct task_packages *packages, struct error *err)
{
    const json_t *archive = json_object_get(json, "archive"), *source;
    const json_t *sources = json_object_get(json, "sources");
    enum error_code code = ERR_OK;
    size_t i;
    if (archive) {
        packages->archive = ARENA_NEW(arena, struct task_source);
        code = read_source(archive, arena, packages->archive, err);
    }
    if (!code && json_array_size(sources) > TASK_SOURCES)
        return bad(err, "packages.sources");
    packages->sources = ARENA_ARRAY(arena, struct task_source, TASK_SOURCES);
    json_array_foreach (sources, i, source)
        if (!code)
            code = read_source(source, arena, &packages->sources[packages->sources_count++], err);
    return code;
}

static enum error_code read_packages(const json_t *json, struct arena *arena,
                                     struct task_packages *packages, struct error *err)
{
    const json_t *repository = json_object_get(json, "repository");
    enum error_code code = read_text(json, "mirror", arena, &packages->mirror, err);
    if (!code)
        code = read_text(json, "proxy", arena, &packages->proxy, err);
    if (!code && ((packages->mirror && !is_url(packages->mirror)) ||
                  (packages->proxy && !is_url(packages->proxy))))
        code = bad(err, "packages: mirror or proxy");
    if (!code && repository)
        code = read_repository(repository, arena, packages, err);
    return code ? code : read_sources(json, arena, packages, err);
}

static enum error_code read_task(const json_t *json, struct arena *arena, struct task *task,
                                 struct error *err)
{
    const char *kind, *end;
    enum error_code code = read_text(json, "task", arena, &kind, err);
    if (!code)
        code = read_text(json, "end", arena, &end, err);
    if (!code)
        code = read_text(json, "system_id", arena, &task->system_id, err);
    if (!code)
        code = read_text(json, "ssh_keys", arena, &task->ssh_keys, err);
    if (code)
        return code;
    int found = 0;
    while (found < TASK_KINDS && (!kind || strcmp(words[found], kind) != 0))
        found++;
    if (found == TASK_KINDS)
        return bad(err, "task");
    if (end && strcmp(end, "reboot") != 0 && strcmp(end, "poweroff") != 0)
        return bad(err, "end");
    if (!is_hostname(task->system_id))
        return bad(err, "system_id");
    task->kind = (enum task_kind)found;
    task->reboot = end && !strcmp(end, "reboot");
    task->quick = json_is_true(json_object_get(json, "quick"));
    task->secure = json_is_true(json_object_get(json, "secure"));
    code = read_packages(json_object_get(json, "packages"), arena, &task->packages, err);
    if (code)
        return code;
    return task->kind == TASK_DEPLOY ? read_deploy(json, arena, task, err) : ERR_OK;
}

enum error_code task_parse(const char *text, size_t size, struct arena *arena, struct task *task,
                           struct error *err)
{
    json_error_t problem;
    *task = (struct task){0};
    if (size > TASK_BYTES)
        return error_set(err, ERR_BAD_INPUT, "task: more than %d bytes", TASK_BYTES);
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
    enum error_code code = json_is_object(json) ? read_task(json, arena, task, err)
                           : json               ? bad(err, "the object")
                                  : error_set(err, ERR_BAD_INPUT, "task: %s", problem.text);
    json_decref(json);
    return code;
}

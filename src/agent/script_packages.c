/* Packages for scripts: see script_packages.h. */
#include "src/agent/script_packages.h"

#include <string.h>

#include "src/agent/os_release.h"
#include "src/agent/talk.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/model/package_repository.h"

enum { QUERY_MS = 60000, INSTALL_MS = 900000, OUTPUT_BYTES = 1 << 20 };

/* ---- which ---- */

static bool is_installed(const char *package, struct arena *arena)
{
    const char *const argv[] = {"/usr/bin/dpkg-query", "-W",    "-f",
                                "${db:Status-Status}", package, NULL};
    struct process_run query = {.argv = argv, .output_limit = 4096, .timeout_ms = QUERY_MS};
    struct process_result result;
    struct error ignored;
    return !process_run(&query, arena, &result, &ignored) && !result.status &&
           !strcmp(result.output, "installed");
}

static bool is_package(const char *name)
{
    return name && *name && strlen(name) < 128 && *name != '-' &&
           !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.:")];
}

int script_packages_missing(const json_t *entry, struct arena *arena,
                            const char *names[SCRIPT_PACKAGES_MOST])
{
    const json_t *wanted = json_object_get(json_object_get(entry, "packages"), "apt");
    int count = 0;
    size_t i;
    json_t *package;
    json_array_foreach (wanted, i, package) {
        const char *name = json_string_value(package);
        if (is_package(name) && count < SCRIPT_PACKAGES_MOST && !is_installed(name, arena))
            names[count++] = name;
    }
    return count;
}

/* ---- where from ---- */

/* The base URLs of the machine's racks; the one that its root came from is the first. */
static int racks_of(const struct cmdline *cmdline, struct arena *arena,
                    const char *racks[CMDLINE_RACKS + 1])
{
    const char *first = talk_rack_base(cmdline, arena);
    int count = 0;
    if (!first)
        return 0;
    racks[count++] = first;
    for (int n = 1; n < cmdline->racks_count; n++) {
        const char *other = talk_at_rack(cmdline, first, n, arena);
        if (strcmp(other, first) != 0)
            racks[count++] = other;
    }
    return count;
}

static const char *proxy_lines(const char *proxy, const char *const *racks, int count,
                               struct arena *arena)
{
    const char *lines = arena_printf(
        arena, "Acquire::http::Proxy \"%s\";\nAcquire::https::Proxy \"%s\";\n", proxy, proxy);
    for (int i = 0; i < count; i++) {
        const char *host = racks[i] + strlen("http://");
        lines = arena_printf(arena, "%sAcquire::http::Proxy::%.*s \"DIRECT\";\n", lines,
                             (int)strcspn(host, ":/"), host);
    }
    return lines;
}

/* A rack that is gone, and an archive that cannot be reached, shall not cost minutes. */
static const char *own_conf(const char *proxy, const char *const *racks, int count,
                            struct arena *arena)
{
    return arena_printf(arena,
                        "Acquire::Languages \"none\";\n"
                        "Acquire::http::Timeout \"15\";\n"
                        "Acquire::Retries \"2\";\n"
                        "APT::Keep-Downloaded-Packages \"false\";\n%s",
                        proxy ? proxy_lines(proxy, racks, count, arena) : "");
}

const char *script_packages_key(const struct task_packages *packages, int number)
{
    if (number)
        return packages->sources[number - 1].key;
    return packages->archive ? packages->archive->key : NULL;
}

const char *script_packages_key_file(int number, struct arena *arena)
{
    return arena_printf(arena, "/etc/apt/keyrings/gantry-%d.asc", number);
}

/* A suite that is a path has no components. */
static const char *add_source(const char *list, const struct task_source *source, int number,
                              const char *release, struct arena *arena)
{
    const char *suites = source->suites, *suite;
    const char *signer = source->key ? arena_printf(arena, "[signed-by=%s] ",
                                                    script_packages_key_file(number, arena))
                                     : "";
    size_t prefix = strlen(TASK_RELEASE_WORD);
    while ((suite = arena_word(arena, &suites, " "))) {
        bool is_path = suite[strlen(suite) - 1] == '/';
        bool is_own = !strncmp(suite, TASK_RELEASE_WORD, prefix);
        list = arena_printf(arena, "%sdeb %s%s %s%s%s%s\n", list, signer, source->url,
                            is_own ? release : "", is_own ? suite + prefix : suite,
                            is_path ? "" : " ", is_path ? "" : source->components);
    }
    return list;
}

/* Ubuntu's of a region that knows no more of it than where it is. */
static const struct task_source *archive_of(const struct task_packages *packages,
                                            struct arena *arena)
{
    struct task_source *archive = ARENA_NEW(arena, struct task_source);
    *archive = (struct task_source){.url = packages->mirror,
                                    .suites = "$RELEASE $RELEASE-updates $RELEASE-security",
                                    .components = "main restricted universe"};
    return packages->archive ? packages->archive : packages->mirror ? archive : NULL;
}

struct script_packages_config script_packages_config(const struct task_packages *packages,
                                                     const struct cmdline *cmdline,
                                                     const char *os_release, struct arena *arena)
{
    const char *os = os_release_value(os_release, "ID", arena);
    const char *release = os_release_value(os_release, "VERSION_CODENAME", arena);
    const char *racks[CMDLINE_RACKS + 1], *list = "";
    const struct task_source *archive = archive_of(packages, arena);
    int count = racks_of(cmdline, arena, racks);
    bool ours = packages->path && !strcmp(os, packages->os) && !strcmp(release, packages->release);
    bool ubuntu = archive && *release && !strcmp(os, "ubuntu");
    bool debian = packages->mirror && *release && !strcmp(os, "debian");
    for (int i = 0; ours && i < count; i++)
        list = arena_printf(arena, "%sdeb [signed-by=" SCRIPT_PACKAGES_KEY "] %s%s %s %s\n", list,
                            racks[i], packages->path, release, packages->components);
    if (debian)
        list = arena_printf(arena, "%sdeb %s %s main\n", list, packages->mirror, release);
    if (ubuntu)
        list = add_source(list, archive, 0, release, arena);
    const char *own = own_conf(packages->proxy, racks, count, arena);
    if (!*list)
        return (struct script_packages_config){NULL, NULL, own, false};
    for (int i = 0; i < packages->sources_count; i++)
        list = add_source(list, &packages->sources[i], i + 1, release, arena);
    const char *conf = arena_printf(arena,
                                    "Dir::Etc::sourcelist \"" SCRIPT_PACKAGES_LIST "\";\n"
                                    "Dir::Etc::sourceparts \"-\";\n%s",
                                    own);
    return (struct script_packages_config){list, conf, own, ubuntu || debian};
}

static enum error_code write_text(const char *path, const char *text, struct error *err)
{
    return file_write(path, text, strlen(text), 0644, err);
}

static enum error_code configure(struct script_packages *of, struct arena *arena, struct error *err)
{
    char *os_release = NULL;
    size_t size = 0;
    if (of->configured)
        return ERR_OK;
    enum error_code code =
        file_read(arena, "/etc/os-release", OS_RELEASE_BYTES, &os_release, &size, err);
    if (code && code != ERR_NOT_FOUND)
        return code;
    struct script_packages_config config =
        script_packages_config(of->packages, of->cmdline, code ? "" : os_release, arena);
    code = ERR_OK;
    if (config.list) {
        code = file_make_folders("/etc/apt/keyrings", 0755, err);
        if (!code && of->packages->key)
            code = write_text(SCRIPT_PACKAGES_KEY, of->packages->key, err);
        for (int i = 0; !code && i <= of->packages->sources_count; i++)
            if (script_packages_key(of->packages, i))
                code = write_text(script_packages_key_file(i, arena),
                                  script_packages_key(of->packages, i), err);
        if (!code)
            code = write_text(SCRIPT_PACKAGES_LIST, config.list, err);
        if (!code)
            code = write_text(SCRIPT_PACKAGES_CONF, config.conf, err);
    }
    of->configured = !code;
    return code;
}

/* ---- apt ---- */

static enum error_code run_apt(const struct script_packages *of, const char *const *argv,
                               struct arena *arena, struct process_result *result,
                               struct error *err)
{
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
        "HOME=/root", "DEBIAN_FRONTEND=noninteractive", NULL};
    struct process_run apt = {.argv = argv,
                              .environment = environment,
                              .output_limit = OUTPUT_BYTES,
                              .timeout_ms = INSTALL_MS,
                              .over = of->over};
    return process_run(&apt, arena, result, err);
}

enum error_code script_packages_install(struct script_packages *of, const char *const *names,
                                        int count, struct arena *arena,
                                        struct process_result *result, struct error *err)
{
    const char *apt_get = of->apt_get ? of->apt_get : "/usr/bin/apt-get";
    const char *const update[] = {apt_get, "update", "-q", NULL};
    const char *argv[SCRIPT_PACKAGES_MOST + 6] = {apt_get, "install", "-q", "-y",
                                                  "--no-install-recommends"};
    const char *said = "";
    enum error_code code = configure(of, arena, err);
    if (!code && !of->listed) {
        code = run_apt(of, update, arena, result, err);
        of->listed = !code && !result->status;
        said = !code && result->status ? result->output : "";
    }
    if (code)
        return error_wrap(err, "packages");
    ASSERT(count <= SCRIPT_PACKAGES_MOST);
    for (int i = 0; i < count; i++)
        argv[5 + i] = names[i];
    /* Of several sources one may be gone: whether it counts is for the installation to say. */
    code = run_apt(of, argv, arena, result, err);
    if (!code && *said)
        result->output = arena_printf(arena, "%s%s", said, result->output);
    return code;
}

/* Archives of Debian packages: see package_repository.h. */
#include "src/model/package_repository.h"

#include <ctype.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/error.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static const char *const arches[] = {"amd64", "i386", "armhf", "arm64", "ppc64el", "s390x"};
static const char *const pockets[] = {"updates", "security", "backports"};
static const char *const parts[] = {"restricted", "universe", "multiverse"};

/* ---- what may stand in one ---- */

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(words[i], text))
            return true;
    return false;
}

bool package_repository_is_arch(const char *text)
{
    return is_one_of(text, arches, COUNT_OF(arches));
}

bool package_repository_is_pocket(const char *text)
{
    return is_one_of(text, pockets, COUNT_OF(pockets));
}

bool package_repository_is_part(const char *text)
{
    return is_one_of(text, parts, COUNT_OF(parts));
}

/* size bytes of these letters and of %XX. */
static bool are_letters(const char *text, size_t size, const char *letters)
{
    for (size_t i = 0; i < size; i++) {
        bool is_code = text[i] == '%' && i + 2 < size && isxdigit((unsigned char)text[i + 1]) &&
                       isxdigit((unsigned char)text[i + 2]);
        if (!is_code && !strchr(letters, text[i]))
            return false;
        i += is_code ? 2 : 0;
    }
    return true;
}

static bool is_host(const char *text, size_t size)
{
    if (size > 2 && *text == '[' && text[size - 1] == ']')
        return are_letters(text + 1, size - 2, DIGITS "abcdefABCDEF:.") &&
               memchr(text, ':', size) != NULL;
    return size && isalnum((unsigned char)*text) && !memchr(text, '%', size) &&
           are_letters(text, size, LETTERS DIGITS ".-_");
}

static bool is_port(const char *text, size_t size)
{
    long port = 0;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]) || size > 5)
            return false;
        port = port * 10 + (text[i] - '0');
    }
    return port > 0 && port <= 65535;
}

/* [user[:key]@]host[:port] */
static bool is_authority(const char *text, size_t size)
{
    const char *at = memchr(text, '@', size);
    if (at) {
        if (at == text || !are_letters(text, (size_t)(at - text), LETTERS DIGITS "-._~+,=:"))
            return false;
        size -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    const char *end = size && *text == '[' ? memchr(text, ']', size) : text;
    const char *colon = end ? memchr(end, ':', size - (size_t)(end - text)) : NULL;
    size_t host = colon ? (size_t)(colon - text) : size;
    return end && is_host(text, host) && (!colon || is_port(colon + 1, size - host - 1));
}

bool package_repository_is_url(const char *text)
{
    size_t scheme = !strncmp(text, "http://", 7) ? 7 : !strncmp(text, "https://", 8) ? 8 : 0;
    if (!scheme || strlen(text) > PACKAGE_REPOSITORY_URL)
        return false;
    const char *authority = text + scheme;
    size_t size = strcspn(authority, "/");
    const char *path = authority + size;
    return is_authority(authority, size) &&
           are_letters(path, strlen(path), LETTERS DIGITS "-._~+,=:@/");
}

bool package_repository_is_ppa(const char *text)
{
    int slashes = 0;
    if (strncmp(text, "ppa:", 4) != 0 || strlen(text) > PACKAGE_REPOSITORY_URL)
        return false;
    for (const char *p = text + 4; *p; p++) {
        bool starts = p[-1] == ':' || p[-1] == '/';
        slashes += *p == '/';
        if (starts ? !strchr(LETTERS DIGITS, *p) : !strchr(LETTERS DIGITS "+.-/", *p))
            return false;
    }
    return (slashes == 1 || slashes == 2) && text[strlen(text) - 1] != '/';
}

bool package_repository_is_word(const char *text)
{
    size_t size = strlen(text);
    return size && size <= PACKAGE_REPOSITORY_WORD && strchr(LETTERS DIGITS "./", *text) &&
           !strstr(text, "..") && strspn(text, LETTERS DIGITS ".+~_/-") == size;
}

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (*(list += strspn(list, " "))) {
        size_t size = strcspn(list, " ");
        if (size == length && !strncmp(list, word, size))
            return true;
        list += size;
    }
    return false;
}

bool package_repository_is_told(const struct package_repository *repository)
{
    return repository->is_chosen || *repository->key || *repository->disabled_pockets ||
           *repository->disabled_components || !repository->disable_sources;
}

/* ---- what apt is told ---- */

/* Of Ubuntu's: main, and what is not disabled. */
static const char *parts_of(const struct package_repository *repository, struct arena *arena)
{
    const char *list = "main";
    if (!repository->is_default)
        return *repository->components ? repository->components : list;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (!has_word(repository->disabled_components, parts[i]))
            list = arena_printf(arena, "%s %s", list, parts[i]);
    return list;
}

/* "jammy-updates" is one of the pocket "updates". */
static bool is_disabled(const struct package_repository *repository, const char *suite)
{
    const char *dash = strrchr(suite, '-');
    return dash && has_word(repository->disabled_pockets, dash + 1);
}

/* The suites that are wanted, with $RELEASE for the release of the system that reads it. */
static const char *suites_of(const struct package_repository *repository, struct arena *arena)
{
    const char *list = repository->is_default ? "$RELEASE" : "", *word;
    const char *named = repository->distributions;
    if (!repository->is_default && !*named)
        return "$RELEASE";
    for (size_t i = 0; repository->is_default && i < COUNT_OF(pockets); i++)
        if (!has_word(repository->disabled_pockets, pockets[i]))
            list = arena_printf(arena, "%s $RELEASE-%s", list, pockets[i]);
    while (!repository->is_default && (word = arena_word(arena, &named, " ")))
        if (!is_disabled(repository, word))
            list = arena_printf(arena, "%s%s%s", list, *list ? " " : "", word);
    return list;
}

/* Lines of a list of sources; a suite that is a path has no components. */
static const char *lines_of(const struct package_repository *repository, bool with_sources,
                            struct arena *arena)
{
    const char *suites = suites_of(repository, arena), *components = parts_of(repository, arena);
    const char *lines = "", *suite;
    while ((suite = arena_word(arena, &suites, " "))) {
        bool is_path = suite[strlen(suite) - 1] == '/';
        const char *rest = arena_printf(arena, "%s %s%s%s", repository->url, suite,
                                        is_path ? "" : " ", is_path ? "" : components);
        lines = arena_printf(arena, "%sdeb %s\n", lines, rest);
        if (with_sources)
            lines = arena_printf(arena, "%s%sdeb-src %s\n", lines,
                                 repository->disable_sources ? "# " : "", rest);
    }
    return lines;
}

static json_t *mirror_of(const char *url)
{
    return json_pack("[{s:[s], s:s}]", "arches", "default", "uri", url);
}

static void put_archive(json_t *apt, json_t *sources, const struct package_repository *archive,
                        struct arena *arena)
{
    bool whole = !*archive->disabled_pockets && !*archive->disabled_components;
    json_object_set_new(apt, "primary", mirror_of(archive->url));
    json_object_set_new(apt, "security", mirror_of(archive->url));
    if (!whole || !archive->disable_sources)
        json_object_set_new(apt, "sources_list", json_string(lines_of(archive, true, arena)));
    if (*archive->key)
        json_object_set_new(sources, "archive_key", json_pack("{s:s}", "key", archive->key));
}

/* It becomes the name of files: as MAAS has it, small letters, digits and "_", none twice. */
static const char *file_name(const struct package_repository *repository, const json_t *taken,
                             struct arena *arena)
{
    char *name = arena_alloc(arena, strlen(repository->name) + 1), *end = name;
    bool blank = false;
    for (const char *p = repository->name; *p; p++) {
        bool kept = isalnum((unsigned char)*p) || *p == '_';
        if (kept || (*p == ' ' && !blank))
            *end++ = kept ? (char)tolower((unsigned char)*p) : '_';
        blank = kept ? false : blank || *p == ' ';
    }
    return *name && !json_object_get(taken, name)
               ? name
               : arena_printf(arena, "%s_%lld", name, (long long)repository->id);
}

static void put_more(json_t *sources, const struct package_repository *repository,
                     const char *osystem, struct arena *arena)
{
    bool is_ppa = package_repository_is_ppa(repository->url);
    const char *lines = is_ppa ? repository->url : lines_of(repository, false, arena);
    if (!*lines || (is_ppa && !strcmp(osystem, "debian")))
        return;
    const char *key = *repository->key ? repository->key : NULL;
    json_object_set_new(sources, file_name(repository, sources, arena),
                        json_pack("{s:s, s:s*}", "source", lines, "key", key));
}

json_t *package_repository_apt(const struct package_repositories *repositories, const char *osystem,
                               const char *proxy, struct arena *arena)
{
    json_t *sources = json_object();
    json_t *apt = json_pack("{s:b, s:s*, s:s*}", "preserve_sources_list", false, "http_proxy",
                            proxy, "https_proxy", proxy);
    ASSERT(apt);
    if (repositories->archive && !strcmp(osystem, "ubuntu"))
        put_archive(apt, sources, repositories->archive, arena);
    for (int i = 0; i < repositories->count; i++)
        put_more(sources, &repositories->more[i], osystem, arena);
    if (json_object_size(sources))
        json_object_set(apt, "sources", sources);
    json_decref(sources);
    if (json_object_size(apt) > 1)
        return apt;
    json_decref(apt);
    return NULL;
}

static json_t *words_of(const char *list, struct arena *arena)
{
    json_t *words = json_array();
    const char *word;
    while ((word = arena_word(arena, &list, " ")))
        json_array_append_new(words, json_string(word));
    return words;
}

json_t *package_repository_source(const struct package_repository *repository, struct arena *arena)
{
    if (package_repository_is_ppa(repository->url))
        return NULL;
    json_t *source = json_pack("{s:s, s:o, s:o, s:s*}", "url", repository->url, "suites",
                               words_of(suites_of(repository, arena), arena), "components",
                               words_of(parts_of(repository, arena), arena), "key",
                               *repository->key ? repository->key : NULL);
    ASSERT(source);
    return source;
}

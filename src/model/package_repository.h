/*
 * Archives of Debian packages that people name for machines: what may stand in one, and what apt is
 * told of them by cloud-init. Whatever passes the checks here is a word of a list of sources and of
 * nothing more. Pure; any thread. Source: MAAS API 2.0, package-repositories and preseed content;
 * sources.list(5); cloud-init's documentation, apt.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/arena.h"

enum {
    PACKAGE_REPOSITORY_MOST = 32,       /* of a cluster */
    PACKAGE_REPOSITORY_NAME = 41,       /* letters of a name */
    PACKAGE_REPOSITORY_URL = 1000,      /* bytes */
    PACKAGE_REPOSITORY_WORD = 100,      /* bytes of a distribution or component */
    PACKAGE_REPOSITORY_WORDS = 32,      /* in one list */
    PACKAGE_REPOSITORY_BYTES = 48 << 10 /* of what a machine is told of all of them */
};

/** Lists are words with single blanks between; texts are never NULL. */
struct package_repository {
    int64_t id;
    const char *name, *url, *key; /* armored; "" = signed by whom the system trusts */
    const char *distributions, *components, *arches;
    const char *disabled_pockets, *disabled_components;
    bool is_default; /* one of Ubuntu's two, which always exist */
    bool is_chosen;  /* a default one: somebody has set its URL */
    bool disable_sources, enabled;
};

/** Those for one architecture. archive NULL: of Ubuntu's nobody said anything. */
struct package_repositories {
    const struct package_repository *archive;
    const struct package_repository *more;
    int count;
};

/** http(s)://[user[:key]@]host[:port][/path], of letters that mean nothing to apt. */
bool package_repository_is_url(const char *text);
/** ppa:OWNER/NAME or ppa:OWNER/SYSTEM/NAME, of Launchpad. */
bool package_repository_is_ppa(const char *text);
/** A suite, or the path of one; a component. */
bool package_repository_is_word(const char *text);
/** Architectures that there are in Ubuntu; pockets and components that can be disabled. */
bool package_repository_is_arch(const char *text);
bool package_repository_is_pocket(const char *text);
bool package_repository_is_part(const char *text);

/** Did people say anything of a default repository? */
bool package_repository_is_told(const struct package_repository *repository);

/**
 * "apt" of cloud-init and curtin for a system of that name (only "ubuntu" has the archive): the
 * archive, the other ones, the proxy (NULL = none). The caller's; NULL = there is nothing to say.
 */
json_t *package_repository_apt(const struct package_repositories *repositories, const char *osystem,
                               const char *proxy, struct arena *arena);

/**
 * {"url", "suites": ["$RELEASE", ...], "components", "key"?} for the agent, whose system puts its
 * release in: the caller's. NULL for a PPA, which has no form without its own tool.
 */
json_t *package_repository_source(const struct package_repository *repository, struct arena *arena);

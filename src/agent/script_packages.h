/*
 * Debian packages for scripts: where the machine's apt has them from (the repository at its racks,
 * a mirror that people named), which are missing, their installation. Blocking but for
 * script_packages_config; never on a loop. Source: docs/scripts.md; apt.conf(5), sources.list(5).
 */
#pragma once

#include <jansson.h>

#include "src/agent/cmdline.h"
#include "src/agent/task.h"
#include "src/base/process.h"

enum { SCRIPT_PACKAGES_MOST = 64 /* of one script */ };

#define SCRIPT_PACKAGES_KEY  "/etc/apt/keyrings/gantry.asc"
#define SCRIPT_PACKAGES_LIST "/etc/apt/gantry.list"
#define SCRIPT_PACKAGES_CONF "/etc/apt/apt.conf.d/90gantry"

/**
 * The key of a source that people named, and the name of its file: number 0 is the archive, up to
 * sources_count the others. NULL = it is signed by whom the system trusts.
 */
const char *script_packages_key(const struct task_packages *packages, int number);
const char *script_packages_key_file(int number, struct arena *arena);

/** Texts of the files with these names; list NULL: the system's own sources stay, conf with it. */
struct script_packages_config {
    const char *list, *conf;
    const char *own; /* conf for the system's own sources */
    bool named;      /* people named one for all that such a system has */
};

/**
 * What apt is told in a system that says this of itself (/etc/os-release). The repository counts
 * where it is of that very release; a mirror for Debian, the archive for Ubuntu; the others beside
 * one of these. Pure; texts in the arena.
 */
struct script_packages_config script_packages_config(const struct task_packages *packages,
                                                     const struct cmdline *cmdline,
                                                     const char *os_release, struct arena *arena);

/** One work's packages; zero but for the first two to begin with. */
struct script_packages {
    const struct task_packages *packages;
    const struct cmdline *cmdline;
    bool configured, listed; /* apt is told, apt has its lists */
    const atomic_bool *over; /* nobody needs it any more: ends it; NULL = never */
    const char *apt_get;     /* the program; NULL = the system's */
};

/** Those that an entry of index.json names and the system lacks; their count, at most
 * SCRIPT_PACKAGES_MOST. Borrowed from the entry. */
int script_packages_missing(const json_t *entry, struct arena *arena,
                            const char *names[SCRIPT_PACKAGES_MOST]);

/**
 * Install them; result->output is for people, whatever its status says. Errors: NOT_FOUND (no apt
 * here), IO, TIMEOUT, TOO_LARGE.
 */
enum error_code script_packages_install(struct script_packages *of, const char *const *names,
                                        int count, struct arena *arena,
                                        struct process_result *result, struct error *err);

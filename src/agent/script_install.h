/*
 * The installation of a script's packages on a thread of its own, one at a time: who began it goes
 * on meanwhile. One caller's thread.
 */
#pragma once

#include <pthread.h>

#include "src/agent/script_packages.h"

/** packages is the owner's, and nobody else's while busy; the rest begins zeroed. */
struct script_install {
    struct script_packages *packages;
    bool busy; /* from begin until ended has said so */
    pthread_t thread;
    atomic_bool over, unwanted;
    struct arena *arena;
    const char *names[SCRIPT_PACKAGES_MOST];
    int count;
    int status;         /* how it ended: 0 = they are there */
    const char *output; /* what apt said, or why it could not; until the next begin */
};

/** Begin with what the entry of index.json names and the system lacks. False: there is nothing to
 * do. Not while busy. */
bool script_install_begin(struct script_install *install, const json_t *entry);

/** Has it ended? Then status and output are there. */
bool script_install_ended(struct script_install *install);

/** What still goes on is ended. */
void script_install_close(struct script_install *install);

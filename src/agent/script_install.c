/* Packages in the background: see script_install.h. */
#include "src/agent/script_install.h"

static void *run_install(void *subject)
{
    struct script_install *install = subject;
    struct process_result result;
    struct error err;
    enum error_code code = script_packages_install(install->packages, install->names,
                                                   install->count, install->arena, &result, &err);
    install->status = code ? 1 : result.status;
    install->output = code ? arena_strdup(install->arena, err.text) : result.output;
    atomic_store(&install->over, true);
    return NULL;
}

bool script_install_begin(struct script_install *install, const json_t *entry)
{
    ASSERT(!install->busy);
    if (install->arena)
        arena_free(install->arena);
    install->arena = arena_new();
    install->count = script_packages_missing(entry, install->arena, install->names);
    if (!install->count)
        return false;
    for (int i = 0; i < install->count; i++) /* the entry may be gone first */
        install->names[i] = arena_strdup(install->arena, install->names[i]);
    install->packages->over = &install->unwanted;
    atomic_store(&install->over, false);
    install->busy = true;
    int rv = pthread_create(&install->thread, NULL, run_install, install);
    ASSERT(rv == 0);
    return true;
}

bool script_install_ended(struct script_install *install)
{
    ASSERT(install->busy);
    if (!atomic_load(&install->over))
        return false;
    pthread_join(install->thread, NULL);
    install->busy = false;
    return true;
}

void script_install_close(struct script_install *install)
{
    atomic_store(&install->unwanted, true);
    if (install->busy)
        pthread_join(install->thread, NULL);
    install->busy = false;
    if (install->arena)
        arena_free(install->arena);
    install->arena = NULL;
}

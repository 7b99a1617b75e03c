/*
 * Packages that a new system lacks to start from its disk: kernel, boot loader, volume groups. Its
 * own apt installs them in it, as MAAS's installer does. Blocking; root of the ephemeral system.
 * Source: docs/deploy.md; curtin's documentation, kernel section.
 */
#pragma once

#include "src/agent/install_system.h"

enum { INSTALL_PACKAGES_MOST = 8 };

struct install_packages {
    const char *names[INSTALL_PACKAGES_MOST];
    int count;
    bool kernel;          /* the first name is one */
    const char *fallback; /* the kernel when its archive does not have that one, or NULL */
};

/**
 * What there is to install; count 0 = it has all that it needs. Texts in the log's arena.
 * Errors: NOT_FOUND: it lacks something, and there is no apt in it, or it is none of the systems
 * whose packages are known here.
 */
enum error_code install_packages_find(const struct installed *system,
                                      struct install_packages *lacking, struct error *err);

/**
 * Install them: from the repository of the machine's racks if it is of that release, from the
 * mirror that people named, else from the archives that the image names. Errors: UNAVAILABLE (no
 * archive gives them, with the reason), INTERNAL (an installation failed), IO.
 */
enum error_code install_packages_add(const struct installed *system,
                                     const struct install_packages *lacking, struct error *err);

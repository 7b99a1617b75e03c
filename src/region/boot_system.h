/*
 * What a machine runs that is commissioned or tested: our own ephemeral system with the agent, or a
 * stock one whose cloud-init comes to the metadata service. Blocking (reads the list of built-in
 * images); inside the caller's transaction. Source: docs/images.md, docs/scripts.md.
 */
#pragma once

#include "src/db/db.h"

/** Names as in boot answers; options: of the kernel's command line, what this system needs. */
struct boot_system {
    const char *kernel, *initrd, *root, *options;
    const char *osystem; /* whose cloud-init reads the preseed: "ubuntu"; NULL = the agent does */
};

/** The built-in one with the agent. */
extern const struct boot_system boot_system_own;

/** For whom. */
struct boot_system_for {
    const char *folder; /* of built-in images, or NULL */
    const char *architecture, *hostname;
    bool ssh; /* people want to log in */
};

/**
 * What the setting commissioning_distro_series names: an image that was imported, else the built-in
 * stock system of that release. Nobody has set it, or there is none of that name: *system stays.
 * Texts in the arena. Errors: IO, of the database.
 */
enum error_code boot_system_find(struct db *db, const struct boot_system_for *machine,
                                 struct arena *arena, struct boot_system *system,
                                 struct error *err);

/*
 * Profiles: which API to speak to, and as whom. Kept in $XDG_CONFIG_HOME/gantry/profiles.json
 * (0600; ~/.config without the variable):
 *   {"use": NAME, "profiles": {NAME: {"url", "key", "ca"}}}
 */
#pragma once

#include "src/cli/cli.h"

enum { PROFILE_MAX = 256, PROFILE_FILE_BYTES = 1 << 20 };

struct profile {
    const char *name;
    const char *url; /* ends in /MAAS/api/2.0/ */
    const char *key; /* consumer:token:secret */
    const char *ca;  /* PEM file, or NULL */
};

struct profile_list {
    const char *use; /* name of the one in use, or NULL */
    int count;
    struct profile rows[PROFILE_MAX];
};

/** A missing file is an empty list. Errors: CORRUPT "FILE: ...", IO. */
enum error_code profile_load(struct cli *cli, struct profile_list *list, struct error *err);
enum error_code profile_save(struct cli *cli, const struct profile_list *list, struct error *err);

/** The profile of this call: --profile, GANTRY_PROFILE, the one in use. Errors: BAD_INPUT. */
enum error_code profile_choose(struct cli *cli, struct profile *profile, struct error *err);

/** Add or replace; it becomes the one in use. Errors: LIMIT. */
enum error_code profile_put(struct profile_list *list, const struct profile *profile,
                            struct error *err);

/** Errors: NOT_FOUND. */
enum error_code profile_remove(struct profile_list *list, const char *name, struct error *err);

/** "http://h:5240", ".../MAAS", ".../MAAS/api/2.0" -> with "/MAAS/api/2.0/". Errors: BAD_INPUT. */
enum error_code profile_normal_url(struct arena *arena, const char *url, const char **normal,
                                   struct error *err);

/*
 * Where people's SSH keys are published: Launchpad and GitHub, by the name a user has there. The
 * request blocks for seconds: behind the commit (api_after), never inside a transaction.
 * Source: MAAS API 2.0, sshkeys import; docs.github.com, "List public keys for a user".
 */
#pragma once

#include "src/region/api.h"

enum { SSHKEY_SOURCE_BYTES = 1 << 20, SSHKEY_SOURCE_KEYS = 256 };

/** One of the services. */
struct sshkey_service {
    const char *prefix, *name; /* "gh", "GitHub" */
    const char *setting;       /* the base of its URLs */
    const char *path[2];       /* below it: what stands before and behind the user's name */
    bool is_json;              /* its answers are; else a key stands on each line */
};

/** A user of a service. */
struct sshkey_source {
    const struct sshkey_service *service;
    const char *user;
    const char *text; /* "gh:alice" */
};

/** Read "gh:alice", "lp:alice" or "alice" (of Launchpad). Errors: BAD_INPUT. */
enum error_code sshkey_source_parse(const char *text, struct arena *arena,
                                    struct sshkey_source *source, struct error *err);

/** What a service answered, taken apart; whether these are keys is not looked at. */
struct sshkey_list_texts {
    const char *texts[SSHKEY_SOURCE_KEYS]; /* in the arena; more than these are left out */
    int count;
};

/** Errors: CORRUPT (no JSON list). */
enum error_code sshkey_source_read(const struct sshkey_service *service, const char *body,
                                   size_t size, struct arena *arena, struct sshkey_list_texts *list,
                                   struct error *err);

/**
 * Ask the service. proxy may be NULL. Errors: BAD_INPUT (no such user), UNAVAILABLE (all else that
 * goes wrong there).
 */
enum error_code sshkey_source_fetch(const struct sshkey_source *source, const char *base,
                                    const char *proxy, struct arena *arena,
                                    struct sshkey_list_texts *list, struct error *err);

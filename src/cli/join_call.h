/*
 * What joining a rack and joining a region have in common: the host's place, the exchange with a
 * region of the cluster, files for whom they are meant. names: join_
 */
#pragma once

#include <jansson.h>
#include <sys/stat.h>

#include "src/base/config.h"
#include "src/cli/cli.h"
#include "src/model/join.h"

/* The command line. */
struct join_words {
    const char *token, *config;
    const char *sets[8];
    int sets_count;
};

/* Where a joined host keeps what it is given. */
struct join_place {
    const char *role, *name, *data_dir;
    struct stat above; /* data_dir, or the folder above it that is there: who is to own it */
};

/** The part of a program's configuration that a join needs. Errors: BAD_INPUT, NOT_FOUND. */
struct join_schema {
    const struct config_key *keys;
    int count;
    const char *usual_file;
};
enum error_code join_configure(struct cli *cli, const struct join_words *words,
                               const struct join_schema *schema, void *into, struct error *err);

/** An empty name becomes the host's. Errors: BAD_INPUT. */
enum error_code join_host_name(struct cli *cli, const char **name, struct error *err);

/** Rather before the token is spent than after: is there room, and was nothing joined yet? mark is
 * the file that a join writes last. Errors: CONFLICT, IO. */
enum error_code join_check_place(struct cli *cli, struct join_place *place, const char *mark,
                                 struct error *err);

/**
 * Make a key, or take the one of a try whose answer was lost, and ask the token's regions to sign
 * it; more (may be NULL, borrowed) goes into the request. join_done when all is written. Errors:
 * BAD_INPUT, FORBIDDEN, UNAVAILABLE, those of the region.
 */
struct join_answer {
    char *key_pem; /* in the arena */
    json_t *reply; /* a new object */
};
enum error_code join_exchange(struct cli *cli, const struct join_token *token,
                              const struct join_place *place, json_t *more,
                              struct join_answer *answer, struct error *err);

/** All is written: a later join makes another key. */
void join_done(struct cli *cli, const struct join_place *place);

/** Write one file below data_dir, and the folder it is in. Errors: IO. */
enum error_code join_write(struct cli *cli, const struct join_place *place, const char *name,
                           const char *text, mode_t mode, struct error *err);

/** The programs run as another user than root, who joins: these files and folders (below data_dir,
 * "" = itself) go to the owner of what was there before. Errors: IO. */
enum error_code join_give_away(struct cli *cli, const struct join_place *place,
                               const char *const *names, int count, struct error *err);

/** The two ways; the token is of their role. */
enum error_code join_as_rack(struct cli *cli, const struct join_words *words,
                             const struct join_token *token, struct error *err);
enum error_code join_as_region(struct cli *cli, const struct join_words *words,
                               const struct join_token *token, struct error *err);

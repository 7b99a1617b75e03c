/*
 * A real PostgreSQL in a temporary folder for tests: own processes, unix socket only, nothing
 * durable. As root it runs as the user postgres or nobody. Dies with the test.
 */
#pragma once

#include <sys/types.h>

struct temp_postgres {
    char folder[64];    /* holds data/ and the socket */
    char conninfo[160]; /* superuser, database postgres */
    pid_t pid;
};

/** Make and start one; aborts the test program when that fails. */
void temp_postgres_start(struct temp_postgres *postgres);

/** SIGKILL to all of it, as when the power fails but for the disk; start what is there again. */
void temp_postgres_crash(struct temp_postgres *postgres);
void temp_postgres_again(struct temp_postgres *postgres);

/** SIGKILL to a postmaster that is this program's child, and to all its children; they are gone. */
void temp_postgres_kill(pid_t pid);

/** Stop it at once and remove the folder. */
void temp_postgres_stop(struct temp_postgres *postgres);

/** PostgreSQL's programs: "/usr/lib/postgresql/15/bin", the newest there is. */
const char *temp_postgres_bin_dir(void);

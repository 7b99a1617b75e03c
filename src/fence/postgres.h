/*
 * PostgreSQL as fenced sees it: a postmaster in a cgroup of its own that lives only inside its
 * lease once it has one. Dead means the cgroup is empty.
 */
#pragma once

#include "src/fence/child.h"
#include "src/fence/guard.h"
#include "src/wire/fence_message.h"

enum { POSTGRES_QUIT_MS = 50 }; /* between SIGQUIT and cgroup.kill */

struct postgres {
    struct child child;
    const struct settings *settings;
    struct guard *guard; /* NULL = this kernel cannot: only fenced ends it */
    uint16_t port;
    uint64_t epoch, deadline_ns; /* of the lease; 0 = a standby without one */
    uint64_t harder_ns;          /* when to use the next harder means; 0 = not stopping */
    int harder;                  /* enum fence_stop that follows */
    bool ended;                  /* the postmaster is reaped, its cgroup may not be empty yet */
    char how[96];                /* it ended */
    uint32_t stop_request;       /* to be answered when the cgroup is empty; 0 = none */
    void (*answer)(uint32_t request, enum error_code code, const char *text);
    void (*broke)(const char *how); /* the postmaster ended by itself and left others */
    void (*gone)(const char *how);  /* the cgroup is empty */
};

/** End what an earlier fenced left. */
enum error_code postgres_init(struct postgres *postgres, const struct settings *settings,
                              struct error *err);

/** Requests. Errors: BAD_INPUT (outside data_root), CONFLICT (runs already, older epoch). */
enum error_code postgres_start(struct postgres *postgres, const struct fence_request *request,
                               struct error *err);
enum error_code postgres_renew(struct postgres *postgres, const struct fence_request *request,
                               struct error *err);
enum error_code postgres_signal(struct postgres *postgres, const struct fence_request *request,
                                struct error *err);

/** The lease has ended: PostgreSQL is being ended, and no renewal stops that. False = it had none.
 */
bool postgres_lapse(struct postgres *postgres);

/** Answered through postgres->answer when nothing of it is left. Never softens what is under way.
 */
void postgres_stop(struct postgres *postgres, const struct fence_request *request);

/** Its pidfd is readable. */
void postgres_reap(struct postgres *postgres);

/** Do what is due; returns when to call again (BOOTTIME ns, UINT64_MAX = never). */
uint64_t postgres_run(struct postgres *postgres, uint64_t now_ns);

/** Something of it runs. */
bool postgres_alive(const struct postgres *postgres);

/*
 * The region controller as one object: its settings, its control loop and what hangs on it. Parts
 * that others add stand in the table of region_part.h. Loop thread, unless a function says
 * otherwise.
 */
#pragma once

#include <stdatomic.h>

#include "ha/reconcile.h"
#include "raft/cluster_door.h"
#include "raft/member_calls.h"
#include "raft/replica.h"
#include "src/base/loop.h"
#include "src/region/http.h"
#include "src/region/settings.h"
#include "src/wire/fence_link.h"
#include "src/wire/seal.h"
#include "src/wire/tls_credentials.h"

/* Files below the data directory. */
struct region_paths {
    char raft[LIMIT_PATH], floor[LIMIT_PATH], images[LIMIT_PATH], blobs[LIMIT_PATH];
    char ca_dir[LIMIT_PATH], ca[LIMIT_PATH]; /* the CA's folder, its certificate */
    char tls_dir[LIMIT_PATH], certificate[LIMIT_PATH], key[LIMIT_PATH], ring[LIMIT_PATH];
    char endpoint_certificate[LIMIT_PATH], endpoint_key[LIMIT_PATH], revoked[LIMIT_PATH];
    char api_socket[LIMIT_PATH], control_socket[LIMIT_PATH]; /* below the run directory */
};

/* What others may know of this region at one moment: a copy, see region_read. */
struct region_report {
    bool member;    /* of a cluster: its log is open */
    bool serves;    /* requests reach a primary from here */
    uint64_t epoch; /* of that primary */
    char pg_role[16], pg_step[16], pg_problem[256];
    uint32_t pg_timeline;
    uint64_t pg_lsn, pg_epoch;
    bool pg_leased; /* primary inside its lease */
    bool balancer_runs;
    char balancer_problem[256], vip_problem[256], api_problem[256];
    char held[LIMIT_VIPS][CLUSTER_NET]; /* virtual IPs on this host's interfaces */
    int held_count;
};

struct region {
    struct settings settings;
    struct ha_settings ha;
    struct region_paths paths;
    struct arena *arena; /* of the settings; lives as long as the program */
    struct loop loop;
    struct fence_link *fence;
    struct loop_timer timer;
    uv_signal_t terminate, interrupt;

    /* From region_open on, NULL and zero before: */
    uint64_t self; /* raft id */
    struct replica *replica;
    struct member_calls *members; /* calls to and from the other regions */
    struct reconcile *reconcile;
    struct tls_credentials *credentials; /* of this region, role "region" */
    struct seal_ring ring;
    struct http *http;

    /* The primary as reconcile told it, and whether its schema is ready. */
    char *conninfo;
    uint64_t epoch;
    bool migrating, ready, schema_known; /* known: it was seen to be there, in some epoch */
    uint64_t retry_ns;
    uint64_t parts_ns; /* when the parts are told of the primary, 0 = they are */
    char api_problem[256];
    bool removed; /* the cluster has taken this region out */
    bool look_posted, stopping;
    uint64_t stop_ns, quiet_ns; /* since when it is to end, and serves no more; 0 = not */
};

/** Before the loop runs: descriptor 3, signals, health and control socket, the cluster if there is
 * one. Errors: those of what is opened, each with what to do. */
enum error_code region_start(struct region *region, struct error *err);

/**
 * Open the log of this member, and all that a member runs. bootstrap: the first member of a new
 * cluster. After an error the program must end.
 */
enum error_code region_open(struct region *region, bool bootstrap, struct error *err);

/** Look again soon. */
void region_changed(struct region *region);

/** Say why and end the program: what it held lapses. Any thread. */
void region_fail(const struct error *why) __attribute__((noreturn));

/** Copy what was last reported. Any thread. */
void region_read(struct region_report *report);

/** conninfo of the primary's clients, in the arena; NULL while there is none. Any thread. */
const char *region_primary(struct arena *arena);

/*
 * One script of the region's as a child process: its environment, what it writes, its time limit.
 * Several may run at the same time; one thread looks after them. Blocking only in script_job_wait.
 * Source: MAAS API 2.0, maas-scripts, environment of scripts.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/spool.h"

enum {
    SCRIPT_JOB_OUTPUT_BYTES = 1 << 20, /* of each stream; the rest is passed by */
    SCRIPT_JOB_TIMED_OUT = 124,        /* the exit status that says so */
    SCRIPT_JOBS_AT_ONCE = 8,
};

/** Where a script writes, below its folder, how the machine is powered ($BMC_CONFIG_PATH). */
#define SCRIPT_JOB_BMC "bmc.yaml"

struct script_job {
    const char *name, *path; /* path below the folder of scripts */
    const char *folder;      /* of its own, for result and downloads */
    json_t *entry;           /* of index.json, borrowed */
    const char *const *argv;
    int64_t result_id, version_id;
    int parallel; /* of src/model/script.h */
    int64_t timeout_s;

    pid_t pid;    /* 0 = not running */
    int out, err; /* read ends, -1 = closed */
    struct spool both, stdout_bytes, stderr_bytes;
    uint64_t started_ns, deadline_ns; /* BOOTTIME; deadline 0 = none */
    bool begun, over, timed_out;
    int exit_status;
    double runtime_s;
};

/**
 * Check an entry of index.json and make its command line of the parameters' formats ({path},
 * {name}, {model}, {serial}, {input}...). root is the folder that holds the scripts. Texts live in
 * the arena. Errors: BAD_INPUT.
 */
enum error_code script_job_read(json_t *entry, const char *root, struct arena *arena,
                                struct script_job *job, struct error *err);
void script_job_close(struct script_job *job);

/** Start it. agent is what $GANTRY_AGENT says. Errors: IO. */
enum error_code script_job_start(struct script_job *job, const char *agent, struct arena *arena,
                                 struct error *err);

/**
 * Wait at most timeout_ms for output or an end of any of the count jobs (NULL = none there); takes
 * in what came, ends those whose time is over, with all their children.
 */
void script_job_wait(struct script_job *const *jobs, int count, int timeout_ms);

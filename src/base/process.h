/* Child programs that run to their end: argv arrays, never a shell. Blocking: not on the loop. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"

struct process_run {
    const char *const *argv; /* argv[0] = absolute path; NULL-terminated */
    const char *const
        *environment;  /* "NAME=value", NULL-terminated; NULL = minimal (PATH, LC_ALL) */
    const char *input; /* to stdin; NULL = /dev/null */
    size_t input_size;
    size_t output_limit;     /* most bytes of stdout and stderr together; more ends the child */
    int timeout_ms;          /* then SIGKILL to the child's group */
    const atomic_bool *over; /* nobody needs it any more: SIGKILL, soon; NULL = never */
};

struct process_result {
    int status;         /* exit status, or 128 + signal */
    const char *output; /* stdout and stderr as they came, NUL-terminated, in the arena */
    size_t output_size;
};

/**
 * Start, feed, wait. The child gets no file descriptors but 0-2, its own process group, and none of
 * our precedence over other programs (nice below 0).
 * Errors: NOT_FOUND (no such program), TIMEOUT, TOO_LARGE, UNAVAILABLE (over), IO. A non-zero
 * status is no error.
 */
enum error_code process_run(const struct process_run *run, struct arena *arena,
                            struct process_result *result, struct error *err);

/** The last line of an output that says something, without blanks around it and cut at 300 bytes,
 * for error texts; "(nothing)" when there is none. In the arena. Pure. */
const char *process_last_line(struct arena *arena, const char *output);

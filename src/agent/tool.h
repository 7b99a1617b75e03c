/*
 * Programs that the agent has carry out its work, and the log of what they said: it becomes the
 * installation log that people read. Blocking; one thread.
 */
#pragma once

#include <sys/types.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/spool.h"

enum { TOOL_LOG_BYTES = 32 << 10 }; /* most that is kept; the end counts */

struct tool_log {
    struct arena *arena; /* of argument lists, texts and outputs */
    struct spool text;
};

void tool_log_open(struct tool_log *log, struct arena *arena);
void tool_log_close(struct tool_log *log);

/** A line of our own in the log, and on the console. */
void tool_note(struct tool_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The last TOOL_LOG_BYTES of it as a text, in the arena. */
const char *tool_log_text(const struct tool_log *log);

/**
 * Run a program to its end; argv[0] is an absolute path. Errors: INTERNAL when it fails, with the
 * last line it wrote; those of process_run.
 */
enum error_code tool_run(struct tool_log *log, const char *const *argv, int timeout_s,
                         struct error *err);
#define TOOL_ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/** Start a program with these as its stdin and stdout (-1: /dev/null); stderr is ours. */
enum error_code tool_start(const char *const *argv, int in, int out, pid_t *pid, struct error *err);

/** Wait for it. Errors: INTERNAL when it failed. */
enum error_code tool_wait(pid_t pid, const char *name, struct error *err);

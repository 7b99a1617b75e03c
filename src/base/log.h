/*
 * Log lines to stderr, as text or as one JSON object a line. Called by the edges of programs only.
 * Any thread: each line is one write(2).
 */
#pragma once

#include "src/base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/** Program name, format and lowest level written; before the first thread starts. */
void log_setup(const char *program, enum log_format format, enum log_level lowest);

/** One line. No secrets. Control characters and quotes are escaped. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)

/**
 * A gate for repeated lines: true at most once in every_s seconds; *suppressed is then the number
 * of calls held back since. The struct is static and zeroed by the caller.
 */
struct log_gate {
    unsigned long long next_ns;
    unsigned long held;
};
bool log_gate_open(struct log_gate *gate, unsigned every_s, unsigned long *suppressed);

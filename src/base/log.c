/* Log lines: see log.h. */
#include "src/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char *log_program = "gantry";
static enum log_format log_form = LOG_TEXT;
static enum log_level log_lowest = LOG_INFO;

void log_setup(const char *program, enum log_format format, enum log_level lowest)
{
    log_program = program;
    log_form = format;
    log_lowest = lowest;
}

static size_t escape(char *out, size_t size, const char *text, bool json)
{
    size_t used = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p && used + 7 < size; p++) {
        if (*p < 0x20 || *p == 0x7f)
            used += (size_t)snprintf(out + used, size - used, json ? "\\u%04x" : "\\x%02x", *p);
        else if (json && (*p == '"' || *p == '\\'))
            used += (size_t)snprintf(out + used, size - used, "\\%c", *p);
        else
            out[used++] = (char)*p;
    }
    out[used] = '\0';
    return used;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level < log_lowest)
        return;
    char text[2048], safe[4096], line[4400], stamp[32];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    escape(safe, sizeof(safe), text, log_form == LOG_JSON);
    unsigned long long now_ms = clock_real_ms();
    time_t now = (time_t)(now_ms / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    int n = snprintf(line, sizeof(line),
                     log_form == LOG_JSON ? "{\"time\":\"%s.%03uZ\",\"level\":\"%s\",\"program\":"
                                            "\"%s\",\"text\":\"%s\"}\n"
                                          : "%s.%03uZ %s %s: %s\n",
                     stamp, (unsigned)(now_ms % 1000), level_names[level], log_program, safe);
    if (n >= (int)sizeof(line)) {
        n = (int)sizeof(line) - 1;
        line[n - 1] = '\n';
    }
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return; /* nowhere left to complain */
}

bool log_gate_open(struct log_gate *gate, unsigned every_s, unsigned long *suppressed)
{
    unsigned long long now = clock_boot_ns();
    unsigned long long next = __atomic_load_n(&gate->next_ns, __ATOMIC_RELAXED);
    if (now < next ||
        !__atomic_compare_exchange_n(&gate->next_ns, &next, now + every_s * 1000000000ULL, false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        __atomic_add_fetch(&gate->held, 1, __ATOMIC_RELAXED);
        return false;
    }
    *suppressed = __atomic_exchange_n(&gate->held, 0, __ATOMIC_RELAXED);
    return true;
}

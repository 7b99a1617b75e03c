/* See pg_control.h. */
#include "ha/pg_control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/limits.h"
#include "src/base/process.h"

enum { CONTROL_MS = 10000, CONTROL_OUTPUT = 65536 };

/* The value behind "LABEL:", or NULL. */
static const char *find(const char *text, const char *label)
{
    size_t length = strlen(label);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, label, length) && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " ");
    }
    return NULL;
}

static bool take_number(const char *text, const char *label, uint64_t *number)
{
    const char *value = find(text, label);
    char *end = NULL;
    *number = value ? strtoull(value, &end, 10) : 0;
    return value && end != value && (*end == '\n' || !*end) && *number;
}

static bool take_lsn(const char *text, const char *label, uint64_t *lsn)
{
    const char *value = find(text, label);
    char *end = NULL;
    uint64_t high = value ? strtoull(value, &end, 16) : 0;
    if (!value || end == value || *end != '/')
        return false;
    value = end + 1;
    *lsn = high << 32 | strtoull(value, &end, 16);
    return end != value && (*end == '\n' || !*end);
}

static enum error_code parse(const char *text, struct pg_control *control, struct error *err)
{
    uint64_t timeline = 0;
    const char *condition = find(text, "Database cluster state");
    if (!condition || !take_number(text, "Database system identifier", &control->system_id) ||
        !take_number(text, "Latest checkpoint's TimeLineID", &timeline) || timeline > UINT32_MAX ||
        !take_lsn(text, "Latest checkpoint's REDO location", &control->redo.lsn) ||
        !take_lsn(text, "Latest checkpoint location", &control->checkpoint_lsn) ||
        !take_lsn(text, "Minimum recovery ending location", &control->consistent_lsn))
        return error_set(err, ERR_CORRUPT, "pg_controldata answers in an unknown form");
    control->redo.timeline = (uint32_t)timeline;
    control->shut_down = !strncmp(condition, "shut down", 9); /* also "shut down in recovery" */
    return ERR_OK;
}

enum error_code pg_control_read(const char *bin_dir, const char *data_dir,
                                struct pg_control *control, struct error *err)
{
    char program[LIMIT_PATH];
    snprintf(program, sizeof(program), "%s/pg_controldata", bin_dir);
    const char *const argv[] = {program, "-D", data_dir, NULL};
    struct process_run run = {
        .argv = argv, .output_limit = CONTROL_OUTPUT, .timeout_ms = CONTROL_MS};
    struct process_result result;
    struct arena *arena = arena_new();
    enum error_code code = process_run(&run, arena, &result, err);
    if (!code && result.status)
        code = error_set(err, ERR_IO, "pg_controldata failed: %.300s", result.output);
    if (!code && strstr(result.output, "checksum does not match"))
        code = error_set(err, ERR_CORRUPT, "pg_control is damaged: its checksum does not match");
    code = code ? code : parse(result.output, control, err);
    arena_free(arena);
    return code ? error_wrap(err, "%s", data_dir) : ERR_OK;
}

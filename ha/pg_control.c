/*
 * See pg_control.h. The program takes about 50 ms to say what stands in 300 bytes, and a switchover
 * and each start wait for it. Source: PostgreSQL 15's catalog/pg_control.h.
 */
#include "ha/pg_control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/pg_bytes.h"
#include "src/base/arena.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/process.h"

enum { CONTROL_MS = 10000, CONTROL_OUTPUT = 65536 };

/* Where the fields of version 1300 (PostgreSQL 13 to 16) begin, on machines that align 64-bit
 * numbers to 8 bytes; MAX_ALIGN says that it was written on such a one. */
enum {
    VERSION_KNOWN = 1300,
    SYSTEM_ID_AT = 0,
    VERSION_AT = 8,
    CONDITION_AT = 16,
    CHECKPOINT_AT = 32,
    REDO_AT = 40,
    TIMELINE_AT = 48,
    CONSISTENT_AT = 136,
    MAX_ALIGN_AT = 204,
    FLOAT_AT = 208,
    SUM_AT = 288,
    MAX_ALIGN = 8,
};
#define FLOAT_KNOWN 1234567.0

/* Its condition: DBState. */
enum { SHUT_DOWN = 1, SHUT_DOWN_IN_RECOVERY = 2, CONDITIONS = 7 };

/* Is it whole, of this version, and of a machine like this one? */
static bool is_known(const uint8_t *bytes, size_t size)
{
    double real;
    if (size != PG_CONTROL_BYTES || pg_bytes_32(bytes + VERSION_AT) != VERSION_KNOWN ||
        pg_wal_sum(bytes, SUM_AT) != pg_bytes_32(bytes + SUM_AT))
        return false;
    memcpy(&real, bytes + FLOAT_AT, sizeof(real));
    return real == FLOAT_KNOWN && pg_bytes_32(bytes + MAX_ALIGN_AT) == MAX_ALIGN &&
           pg_bytes_32(bytes + CONDITION_AT) < CONDITIONS;
}

bool pg_control_parse(const uint8_t *bytes, size_t size, struct pg_control *control)
{
    if (!is_known(bytes, size))
        return false;
    uint32_t condition = pg_bytes_32(bytes + CONDITION_AT);
    *control = (struct pg_control){
        .shut_down = condition == SHUT_DOWN || condition == SHUT_DOWN_IN_RECOVERY,
        .system_id = pg_bytes_64(bytes + SYSTEM_ID_AT),
        .redo = {pg_bytes_32(bytes + TIMELINE_AT), pg_bytes_64(bytes + REDO_AT)},
        .checkpoint_lsn = pg_bytes_64(bytes + CHECKPOINT_AT),
        .consistent_lsn = pg_bytes_64(bytes + CONSISTENT_AT),
    };
    return control->system_id && control->redo.timeline;
}

/* ---- the program: for other versions, and to say what is wrong ---- */

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

static enum error_code parse_text(const char *text, struct pg_control *control, struct error *err)
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

enum error_code pg_control_ask(const char *bin_dir, const char *data_dir,
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
    code = code ? code : parse_text(result.output, control, err);
    arena_free(arena);
    return code ? error_wrap(err, "%s", data_dir) : ERR_OK;
}

enum error_code pg_control_read(const char *bin_dir, const char *data_dir,
                                struct pg_control *control, struct error *err)
{
    char path[LIMIT_PATH + 32], *bytes;
    struct error ignored;
    size_t size;
    struct arena *arena = arena_new();
    snprintf(path, sizeof(path), "%s/global/pg_control", data_dir);
    bool known = !file_read(arena, path, PG_CONTROL_BYTES, &bytes, &size, &ignored) &&
                 pg_control_parse((const uint8_t *)bytes, size, control);
    arena_free(arena);
    return known ? ERR_OK : pg_control_ask(bin_dir, data_dir, control, err);
}

/* One step on the real PostgreSQL: see pg_step.h. */
#include "ha/pg_step.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ha/pg_access.h"
#include "ha/pg_control.h"
#include "ha/pg_copy.h"
#include "ha/pg_receiver.h"
#include "ha/pg_replicas.h"
#include "ha/pg_wal_files.h"
#include "src/base/clock.h"

enum { IN_FORCE_MS = 1000, PROMOTED_MS = 150, POLL_US = 2000 };

DB_STATEMENT(step_reload, "SELECT pg_reload_conf()");
DB_STATEMENT(step_settings, "SELECT current_setting('synchronous_standby_names'),"
                            " current_setting('primary_conninfo')");
DB_STATEMENT(step_end_older, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_replication"
                             " WHERE backend_start < pg_conf_load_time()");
DB_STATEMENT(step_flushed, "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint");
DB_STATEMENT(step_checkpoint, "CHECKPOINT");
DB_STATEMENT(step_clients, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                           " WHERE backend_type = 'client backend' AND usename = 'api'");

/* Of the primary that is to be followed, asked under the member's own role. */
DB_STATEMENT(
    step_source,
    "SELECT pg_is_in_recovery(),"
    " CASE WHEN pg_is_in_recovery() THEN 0"
    "  ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,"
    " coalesce(convert_from(pg_read_binary_file($1, 0, 16777216, true), 'UTF8'), '')");
DB_STATEMENT(step_source_checkpoint, "SELECT timeline_id FROM pg_control_checkpoint()");

/* Is what a standby at $2 needs not there any more, or its slot? */
DB_STATEMENT(
    step_lost,
    "SELECT coalesce((SELECT wal_status = 'lost' FROM pg_replication_slots"
    "  WHERE slot_name = $1), false)"
    " OR $2::bigint < (SELECT min(('x' || substr(name, 9, 8))::bit(32)::bigint * 4294967296"
    "   + ('x' || substr(name, 17, 8))::bit(32)::bigint"
    "    * pg_size_bytes(current_setting('wal_segment_size')))"
    "  FROM pg_ls_dir('pg_wal', true, false) AS name WHERE name ~ '^[0-9A-F]{24}$')");

const char *pg_step_word(int kind)
{
    static const char *const words[] = {"look",       "steer",    "names in force",
                                        "checkpoint", "shutdown", "look for lost WAL"};
    return kind < PG_STEP_LOOK ? member_decide_word((enum member_step)kind)
                               : words[kind - PG_STEP_LOOK];
}

/* ---- steering ---- */

static void fill_steer(const struct pg_step *step, char conninfo[PG_ACCESS_CONNINFO],
                       char slot[CLUSTER_REPL_NAME], struct pg_steer *steer)
{
    const struct cluster_member *source =
        cluster_state_member(&step->facts, step->facts.primary.member);
    conninfo[0] = slot[0] = '\0';
    if (step->source && source) {
        pg_access_conninfo(step->files->settings, source, step->self, PG_ACCESS_FOLLOW, conninfo);
        cluster_state_repl_name(step->self, slot);
    }
    *steer = (struct pg_steer){.standby_names = step->names,
                               .conninfo = conninfo,
                               .slot = slot,
                               .facts = &step->facts,
                               .self = step->self,
                               .open = step->open,
                               .revokes = step->revokes};
}

/* Until a backend of ours sees what was written: the postmaster told all its children. */
static enum error_code wait_in_force(const struct pg_step *step, const char *conninfo,
                                     struct error *err)
{
    uint64_t end = clock_boot_ns() + IN_FORCE_MS * CLOCK_MS;
    for (;;) {
        __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
        enum error_code code = db_query(step->db, &step_settings, DB_NO_PARAMS, &rows, err);
        if (code)
            return code;
        if (!strcmp(db_text(&rows, 0, 0), step->names) && !strcmp(db_text(&rows, 0, 1), conninfo))
            return ERR_OK;
        if (clock_boot_ns() > end)
            return error_set(err, ERR_TIMEOUT, "the new settings do not come in force");
        usleep(POLL_US);
    }
}

static enum error_code steer(struct pg_step *step, struct error *err)
{
    char conninfo[PG_ACCESS_CONNINFO], slot[CLUSTER_REPL_NAME];
    struct pg_steer with;
    fill_steer(step, conninfo, slot, &with);
    step->steered = true;
    enum error_code code = pg_files_steer(step->files, &with, err);
    code = code ? code : db_query(step->db, &step_reload, DB_NO_PARAMS, NULL, err);
    return code ? code : wait_in_force(step, conninfo, err);
}

static enum error_code prepare(const struct pg_step *step, struct error *err)
{
    char conninfo[PG_ACCESS_CONNINFO], slot[CLUSTER_REPL_NAME];
    struct pg_steer with;
    fill_steer(step, conninfo, slot, &with);
    return pg_files_prepare(step->files, &with, err);
}

/* ---- position ---- */

/* Data of another cluster is somebody's: it is neither started nor reported, and never replaced. */
static enum error_code check_system_id(const struct pg_step *step, uint64_t found,
                                       struct error *err)
{
    uint64_t wanted = step->facts.primary.system_id;
    if (!wanted || !found || found == wanted)
        return ERR_OK;
    return error_set(err, ERR_CONFLICT,
                     "%s is of another database cluster (system identifier %llu, not %llu) and is "
                     "left alone: stop gantry-fenced and move it away",
                     step->files->data_dir, (unsigned long long)found, (unsigned long long)wanted);
}

/* Before data is replaced. What cannot be read is nobody's. */
static enum error_code check_own(const struct pg_step *step, struct error *err)
{
    struct pg_control control = {0};
    struct error ignored;
    if (pg_files_has_data(step->files) &&
        pg_control_read(step->files->settings->pg_bin_dir, step->files->data_dir, &control,
                        &ignored))
        control.system_id = 0;
    return check_system_id(step, control.system_id, err);
}

static enum error_code take_position(struct pg_step *step, struct error *err)
{
    if (step->positioned)
        return ERR_OK;
    enum error_code code =
        pg_position_take(step->files, step->answers ? step->db : NULL, &step->position, err);
    if (check_system_id(step, step->position.system_id, err))
        return ERR_CONFLICT;
    step->positioned = !code;
    /* Less than it said once: what it acknowledged is not there any more. */
    if (!code && step->reported && pg_wal_compare(step->position.place, step->reported_place) < 0)
        step->amnesia = true;
    return code;
}

/* What was rewound becomes consistent only by following: its source is known to continue it. */
static bool may_follow_at_once(const struct pg_step *step)
{
    const struct cluster_primary *primary = &step->facts.primary;
    return primary->phase == CLUSTER_SERVING && primary->member != step->self;
}

static enum error_code report(struct pg_step *step, struct error *err)
{
    enum error_code code = take_position(step, err);
    if (!code && step->position.incomplete)
        code = error_set(err, ERR_UNAVAILABLE, "rewound, and not consistent yet");
    return code;
}

static enum error_code start(struct pg_step *step, struct error *err)
{
    step->answers = false;
    /* Without a position it is started all the same, and reports nothing. */
    bool positioned = !take_position(step, err);
    if (check_system_id(step, step->position.system_id, err))
        return ERR_CONFLICT;
    if (positioned && step->position.incomplete && may_follow_at_once(step)) {
        step->source = step->facts.primary.epoch;
    } else if (positioned) {
        pg_position_forget_beyond(step->files, step->position.place);
        step->position.short_of = false;
    } else {
        pg_files_forget(step->files);
    }
    return prepare(step, err);
}

static enum error_code freeze(struct pg_step *step, struct error *err)
{
    enum error_code code = steer(step, err);
    return code ? code : pg_receiver_end(step->db, err);
}

/* ---- promote ---- */

static enum error_code ready_to_promote(struct pg_step *step, struct error *err)
{
    struct pg_receiver receiver;
    const struct cluster_primary *primary = &step->facts.primary;
    enum error_code code = pg_receiver_look(step->db, &receiver, err);
    if (!code && receiver.pid)
        return error_set(err, ERR_CONFLICT, "its WAL receiver lives");
    code = code ? code : wait_in_force(step, "", err); /* the names of SET, nobody to follow */
    code = code ? code : db_query(step->db, &step_clients, DB_NO_PARAMS, NULL, err);
    code = code ? code : pg_replicas_slots(step->db, &step->facts, step->self, err);
    uint32_t newest = pg_files_newest(step->files);
    uint32_t current = step->position.place.timeline;
    code = code ? code
                : pg_files_reserve(step->files, newest > current ? newest : current,
                                   primary->timeline, err);
    step->armed = !code;
    return code ? code : pg_files_promote(step->files, err);
}

static enum error_code flushed(struct pg_step *step, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(step->db, &step_flushed, DB_NO_PARAMS, &rows, err);
    if (!code)
        step->seen.lsn = (uint64_t)db_int(&rows, 0, 0);
    return code;
}

static enum error_code mark(struct pg_step *step, struct error *err)
{
    const struct cluster_primary *primary = &step->facts.primary;
    enum error_code code =
        pg_probe_mark(step->db, primary->epoch, primary->timeline, &step->switch_lsn, err);
    code = code ? code : pg_probe_provide(step->db, err);
    return code ? code : pg_replicas_provide(step->db, &step->facts, step->self, err);
}

static enum error_code open_gate(struct pg_step *step, struct error *err)
{
    enum error_code code = pg_replicas_check(step->db, NULL, err);
    code = code ? code : steer(step, err);
    return code ? code : flushed(step, err);
}

/* Members came or went: a primary has roles and slots for them. */
static enum error_code steer_more(struct pg_step *step, struct error *err)
{
    enum error_code code = steer(step, err);
    return code || !step->open ? code
                               : pg_replicas_provide(step->db, &step->facts, step->self, err);
}

/* A change of the data voters is in force when each sender has read it and a commit was
 * acknowledged under it. */
static enum error_code put_names(struct pg_step *step, struct error *err)
{
    enum error_code code = steer(step, err);
    code = code ? code : db_query(step->db, &step_end_older, DB_NO_PARAMS, NULL, err);
    code = code ? code : pg_probe_commit(step->db, "names", err);
    code = code ? code : pg_replicas_provide(step->db, &step->facts, step->self, err);
    return code ? code : flushed(step, err);
}

/* ---- from another member ---- */

static enum error_code dial(const struct pg_step *step, enum pg_access_use use,
                            char conninfo[PG_ACCESS_CONNINFO], struct error *err)
{
    const struct cluster_member *source =
        cluster_state_member(&step->facts, step->facts.primary.member);
    if (!source)
        return error_set(err, ERR_UNAVAILABLE, "there is no primary");
    pg_access_conninfo(step->files->settings, source, step->self, use, conninfo);
    return ERR_OK;
}

/* The position of this member must lie on the ancestry of the timeline it is to follow. */
static bool continues(const struct pg_wal_history *history, struct pg_wal_place place)
{
    for (int i = 0; i < history->count; i++)
        if (history->entries[i].timeline == place.timeline)
            return place.lsn <= history->entries[i].end;
    return false;
}

static enum error_code look_at_source(struct pg_step *step, struct db *source, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct pg_wal_history history;
    char path[64];
    uint32_t timeline = step->facts.primary.timeline;
    snprintf(path, sizeof(path), "pg_wal/%08X.history", timeline);
    enum error_code code = db_query(source, &step_source, DB_PARAMS(path), &rows, err);
    if (!code && (db_bool(&rows, 0, 0) || (uint32_t)db_int(&rows, 0, 1) != timeline))
        code = error_set(err, ERR_UNAVAILABLE, "the primary is not promoted yet");
    code = code ? code : pg_wal_history_parse(db_text(&rows, 0, 2), timeline, &history, err);
    if (!code)
        step->diverged = !continues(&history, step->position.place);
    return code;
}

/* It is being promoted while we ask, most often, and its marker waits for us. */
static enum error_code judge_source(struct pg_step *step, struct db *source, struct error *err)
{
    uint64_t end = clock_boot_ns() + PROMOTED_MS * CLOCK_MS;
    enum error_code code = look_at_source(step, source, err);
    while (code == ERR_UNAVAILABLE && !db_lost(source) && clock_boot_ns() < end) {
        usleep(POLL_US);
        code = look_at_source(step, source, err);
    }
    return code;
}

static enum error_code follow(struct pg_step *step, struct error *err)
{
    char conninfo[PG_ACCESS_CONNINFO];
    enum error_code code = take_position(step, err);
    if (code || step->position.short_of || step->amnesia)
        return code; /* another step comes first */
    code = dial(step, PG_ACCESS_REWIND, conninfo, err);
    struct db *source = code ? NULL : db_new(conninfo);
    code = code ? code : judge_source(step, source, err);
    db_free(source);
    return code || step->diverged ? code : steer(step, err);
}

static enum error_code clone(struct pg_step *step, struct error *err)
{
    char conninfo[PG_ACCESS_CONNINFO];
    struct pg_copy copy = {step->files->settings->pg_bin_dir, step->files->data_dir, conninfo,
                           step->over};
    enum error_code code = check_own(step, err);
    code = code ? code : dial(step, PG_ACCESS_CLONE, conninfo, err);
    return code ? code : pg_copy_clone(&copy, err);
}

/* The source's checkpoint must be of its present timeline: pg_rewind reads pg_control alone. */
static enum error_code check_checkpoint(const struct pg_step *step, const char *conninfo,
                                        struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct db *source = db_new(conninfo);
    enum error_code code = db_query(source, &step_source_checkpoint, DB_NO_PARAMS, &rows, err);
    db_free(source);
    if (!code && (uint32_t)db_int(&rows, 0, 0) != step->facts.primary.timeline)
        code = error_set(err, ERR_UNAVAILABLE, "the primary has made no checkpoint yet");
    return code;
}

static enum error_code rewind_to(struct pg_step *step, struct error *err)
{
    char conninfo[PG_ACCESS_CONNINFO];
    struct pg_copy copy = {step->files->settings->pg_bin_dir, step->files->data_dir, conninfo,
                           NULL};
    struct pg_control control = {0};
    bool torn = pg_copy_is_torn(step->files->data_dir);
    enum error_code code = check_own(step, err);
    if (!code && !torn)
        code = pg_control_read(copy.bin_dir, copy.data_dir, &control, err);
    if (!code && !torn && !control.shut_down) {
        step->must_recover = true;
        return start(step, err);
    }
    code = code ? code : dial(step, PG_ACCESS_REWIND, conninfo, err);
    code = code ? code : check_checkpoint(step, conninfo, err);
    if (code)
        return code;
    code = pg_copy_rewind(&copy, err);
    /* Not for want of a source: what it would need is not there. */
    if (code && (code == ERR_CONFLICT || !check_checkpoint(step, conninfo, NULL))) {
        step->must_clone = true;
        return code;
    }
    code = code ? code : prepare(step, err);
    return code ? code : pg_copy_finish(step->files->data_dir, err);
}

static enum error_code look_for_lost(struct pg_step *step, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    char conninfo[PG_ACCESS_CONNINFO], slot[CLUSTER_REPL_NAME], lsn[24];
    enum error_code code = dial(step, PG_ACCESS_REWIND, conninfo, err);
    if (code)
        return code;
    snprintf(lsn, sizeof(lsn), "%llu", (unsigned long long)step->seen.lsn);
    cluster_state_repl_name(step->self, slot);
    struct db *source = db_new(conninfo);
    code = db_query(source, &step_lost, DB_PARAMS(slot, lsn), &rows, err);
    db_free(source);
    step->must_clone = !code && db_bool(&rows, 0, 0);
    return code;
}

/* ---- switchover ---- */

static enum error_code was_stopped(const struct pg_step *step, struct error *err)
{
    struct pg_control control;
    enum error_code code =
        pg_control_read(step->files->settings->pg_bin_dir, step->files->data_dir, &control, err);
    if (!code && !control.shut_down)
        code = error_set(err, ERR_CONFLICT, "it did not shut down in an orderly way");
    return code;
}

static enum error_code run(struct pg_step *step, struct error *err)
{
    switch (step->kind) {
    case MEMBER_INITIALISE:
        return pg_files_initialise(step->files, err);
    case MEMBER_START:
        return start(step, err);
    case MEMBER_FREEZE:
        return freeze(step, err);
    case MEMBER_REPORT:
        return report(step, err);
    case MEMBER_PROMOTE:
        return ready_to_promote(step, err);
    case MEMBER_MARK:
        return mark(step, err);
    case MEMBER_OPEN:
        return open_gate(step, err);
    case MEMBER_FOLLOW:
        return follow(step, err);
    case MEMBER_REWIND:
        return rewind_to(step, err);
    case MEMBER_CLONE:
        return clone(step, err);
    case PG_STEP_LOOK:
        return pg_probe_position(step->db, &step->seen, err);
    case PG_STEP_STEER:
        return steer_more(step, err);
    case PG_STEP_LOST:
        return look_for_lost(step, err);
    case PG_STEP_NAMES:
        return put_names(step, err);
    case PG_STEP_CHECKPOINT:
        return db_query(step->db, &step_checkpoint, DB_NO_PARAMS, NULL, err);
    case PG_STEP_STOPPED:
        return was_stopped(step, err);
    default:
        return error_set(err, ERR_INTERNAL, "no such step: %d", step->kind);
    }
}

void pg_step_run(struct pg_step *step)
{
    step->code = run(step, &step->err);
}

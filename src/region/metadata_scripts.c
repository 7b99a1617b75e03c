/* Scripts for machines: see metadata_scripts.h. */
#include "src/region/metadata_scripts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/model/machine_status.h"
#include "src/model/script.h"
#include "src/region/script_bmc.h"
#include "src/region/script_hardware.h"
#include "src/region/script_set.h"
#include "src/region/script_sql.h"
#include "src/region/tar_out.h"
#include "src/wire/digest.h"

enum { ARCHIVE_BYTES = SPOOL_MEMORY_BYTES - (1 << 20) };

/* folder: in the archive; list: in index.json */
static const struct {
    const char *folder, *list;
} places[] = {
    [SCRIPT_COMMISSIONING] = {"commissioning", "commissioning_scripts"},
    [SCRIPT_TESTING] = {"testing", "testing_scripts"},
    [SCRIPT_RELEASE] = {"release", "release_scripts"},
};

struct archive {
    struct arena *arena;
    struct spool bytes;
    json_t *scripts[SCRIPT_RELEASE + 1];
    const char *last; /* path of the file that was put last */
    const char *bmc;  /* what the script that makes users in BMCs is told */
};

/*
 * The sets that count in this status; those of tests only once commissioning is over, since what
 * they take is known then.
 */
static enum error_code find_sets(struct db *db, const struct metadata_machine *machine,
                                 struct arena *arena, int64_t *set_id, struct error *err)
{
    DB_STATEMENT(
        metadata_script_sets,
        "SELECT coalesce(CASE WHEN status = $2::int AND EXISTS (SELECT FROM script_result "
        "WHERE " SCRIPT_OPEN_SQL(
            "status") " AND script_set_id = commissioning_set_id) "
                      "THEN commissioning_set_id WHEN status IN ($2::int, $3::int) THEN "
                      "testing_set_id "
                      "WHEN status IN ($4::int, $5::int) THEN release_set_id END, 0) FROM node "
                      "WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &metadata_script_sets,
                 DB_PARAMS(db_number(arena, machine->id), db_number(arena, MACHINE_COMMISSIONING),
                           db_number(arena, MACHINE_TESTING), db_number(arena, MACHINE_RELEASING),
                           db_number(arena, MACHINE_DISK_ERASING)),
                 &rows, err);
    if (!code)
        *set_id = rows.count ? db_int(&rows, 0, 0) : 0;
    return code;
}

/* Its text, and who may read it. */
static void fill_file(const struct archive *archive, const char *base64, bool of_bmc,
                      struct tar_file *file)
{
    file->bytes = digest_base64_parse(archive->arena, base64, strlen(base64), &file->size);
    ASSERT(file->bytes);
    file->mode = of_bmc ? 0700 : 0755; /* a key may be in it */
    if (of_bmc)
        file->bytes = script_bmc_text(file->bytes, archive->bmc, archive->arena, &file->size);
}

/* rows: type, name, entry of index.json, text in base64, is it what makes users in BMCs. */
static enum error_code put_row(void *subject, const struct db_rows *rows, struct error *err)
{
    struct archive *archive = subject;
    int type = (int)db_int(rows, 0, 0);
    struct tar_file file = {0};
    ASSERT(type >= 0 && type <= SCRIPT_RELEASE && places[type].folder);
    file.path = arena_printf(archive->arena, "%s/%s", places[type].folder, db_text(rows, 0, 1));
    json_t *entry = json_loads(db_text(rows, 0, 2), 0, NULL);
    ASSERT(entry);
    json_object_set_new(entry, "path", json_string(file.path));
    if (!archive->scripts[type])
        archive->scripts[type] = json_array();
    json_array_append_new(archive->scripts[type], entry);
    if (archive->last && !strcmp(archive->last, file.path))
        return ERR_OK; /* another disk or interface of the same script */
    fill_file(archive, db_text(rows, 0, 3), db_bool(rows, 0, 4), &file);
    if (archive->bytes.used + file.size > ARCHIVE_BYTES)
        return error_set(err, ERR_TOO_LARGE, "The scripts have more than %d bytes.", ARCHIVE_BYTES);
    tar_out_put(&archive->bytes, &file);
    archive->last = file.path;
    return ERR_OK;
}

static void put_index(struct archive *archive)
{
    json_t *lists = json_object();
    for (int type = 0; type <= SCRIPT_RELEASE; type++)
        if (archive->scripts[type])
            json_object_set(lists, places[type].list, archive->scripts[type]);
    json_t *index = json_pack("{s:o}", "1.0", lists);
    char *text = json_dumps(index, JSON_COMPACT | JSON_SORT_KEYS);
    tar_out_put(&archive->bytes, &(struct tar_file){"index.json", 0644, text, strlen(text)});
    tar_out_end(&archive->bytes);
    json_decref(index);
    free(text);
}

static enum error_code fill(struct archive *archive, struct db *db, int64_t set_id,
                            struct error *err)
{
    DB_STATEMENT(
        metadata_scripts_of_set,
        "SELECT t.type, r.name, jsonb_build_object('name', r.name, 'script_result_id', r.id, "
        "'script_version_id', r.script_version_id, 'timeout_seconds', s.timeout_s, 'parallel', "
        "s.parallel, 'hardware_type', s.hardware_type, 'parameters', r.parameters, 'packages', "
        "s.packages, 'for_hardware', s.for_hardware, 'apply_configured_networking', "
        "s.apply_configured_networking, 'may_reboot', s.may_reboot, 'default', s.is_default, "
        "'tags', s.tags, 'has_started', r.status <> 0, 'has_finished', false), "
        "encode(v.content, 'base64'), s.is_default AND 'bmc-config' = ANY (s.tags) FROM "
        "script_result r JOIN script_set t ON t.id = r.script_set_id JOIN node n ON n.id = "
        "t.node_id "
        "JOIN script s ON s.id = r.script_id JOIN script_version v ON "
        "v.id = r.script_version_id WHERE r.script_set_id = $1 AND " SCRIPT_OPEN_SQL(
            "r.status") " AND (s.for_hardware = '{}' OR " SCRIPT_HARDWARE_KNOWN_SQL ") "
                        "ORDER BY r.name, r.id");
    return db_each(db, &metadata_scripts_of_set, DB_PARAMS(db_number(archive->arena, set_id)),
                   put_row, archive, err);
}

enum error_code metadata_scripts_reply(struct api_request *request, struct api_reply *reply,
                                       const struct metadata_machine *machine, struct error *err)
{
    struct archive archive = {.arena = request->arena};
    int64_t set_id = 0;
    enum error_code code = find_sets(request->db, machine, request->arena, &set_id, err);
    spool_init(&archive.bytes);
    if (!code && set_id)
        code = script_bmc_settings(request->db, request->arena, &archive.bmc, err);
    if (!code && set_id)
        code = fill(&archive, request->db, set_id, err);
    if (!code && !archive.last)
        api_reply_empty(reply, 204);
    if (!code && archive.last) {
        put_index(&archive);
        api_reply_bytes(reply, "application/x-tar", archive.bytes.bytes, archive.bytes.used);
    }
    for (int type = 0; type <= SCRIPT_RELEASE; type++)
        json_decref(archive.scripts[type]);
    spool_close(&archive.bytes);
    return code;
}

/* Results of scripts: the actions of nodes/{system_id}/results/. Source: MAAS API 2.0, results. */
#include <string.h>
#include <strings.h>

#include "src/base/container.h"
#include "src/base/process.h"
#include "src/model/script.h"
#include "src/region/node_reply.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/script_form.h"
#include "src/region/script_sql.h"
#include "src/region/tar_out.h"
#include "src/wire/digest.h"

enum { DOWNLOAD_MOST = SPOOL_MEMORY_BYTES - (1 << 20), XZ_MS = 60000 };

/* What the request asks for, as parameters of the statements. */
struct asked {
    struct machine machine;
    const char *set, *type, *hardware, *filters;
    bool output;
};

/*
 * A run as table s of node n, with its results r of scripts p. $1 the node, $2 a set's id or
 * current-TYPE or NULL, $3 type, $4 hardware, $5 names and tags, $6 with outputs.
 */
#define CURRENT_SQL                                                                       \
    "s.id = CASE $2::text WHEN 'current-commissioning' THEN n.commissioning_set_id WHEN " \
    "'current-testing' THEN n.testing_set_id WHEN 'current-installation' THEN "           \
    "n.installation_set_id WHEN 'current-release' THEN n.release_set_id ELSE $2::bigint END"
#define SETS_SQL                                                                               \
    "FROM script_set s JOIN node n ON n.id = s.node_id WHERE n.id = $1 AND ($2::text IS NULL " \
    "OR " CURRENT_SQL ") AND ($3::int IS NULL OR s.type = $3::int)"
#define RESULTS_SQL                                                                            \
    "FROM script_result r LEFT JOIN script p ON p.id = r.script_id WHERE r.script_set_id = "   \
    "s.id AND ($4::int IS NULL OR coalesce(p.hardware_type, 0) = $4::int) AND ($5::text[] IS " \
    "NULL OR r.name = ANY ($5::text[]) OR r.id::text = ANY ($5::text[]) OR p.tags && $5::text[])"
/* clang-format off */
#define OUTPUT_SQL                                                                                 \
    "|| CASE WHEN $6::bool THEN jsonb_build_object("                                               \
    "'output', " VALUE_BASE64_SQL("r.output") ", 'stdout', " VALUE_BASE64_SQL("r.stdout") ", "   \
    "'stderr', " VALUE_BASE64_SQL("r.stderr") ", 'result', " VALUE_BASE64_SQL("r.result") ") "   \
    "ELSE '{}' END"
#define SET_SQL                                                                                    \
    "SELECT jsonb_build_object('id', s.id, 'system_id', n.system_id, "                             \
    "'type', s.type, 'type_name', " SCRIPT_RUN_NAME_SQL("s.type") ", "                             \
    "'last_ping', mail_time(s.last_ping), "                                                        \
    "'status', t.status, 'status_name', " SCRIPT_STATUS_NAME_SQL("t.status") ", "                  \
    "'started', mail_time(t.started), 'ended', mail_time(t.ended), "                               \
    "'runtime', duration_text(extract(epoch FROM t.ended - t.started)), "                          \
    "'suppressed', t.suppressed, 'resource_uri', "                                                 \
    "'/MAAS/api/2.0/nodes/' || n.system_id || '/results/' || s.id || '/', 'results', t.results) "  \
    "FROM (SELECT s.*, n.system_id " SETS_SQL ") s JOIN node n ON n.id = s.node_id, "              \
    "LATERAL (SELECT " SCRIPT_SUM_SQL " AS status, min(r.started) AS started, "                    \
    "CASE WHEN bool_and(r.ended IS NOT NULL) THEN max(r.ended) END AS ended, "                     \
    "coalesce(bool_and(r.suppressed), false) AS suppressed, "                                      \
    "coalesce(jsonb_agg(" SCRIPT_RESULT_JSON_SQL(OUTPUT_SQL) " ORDER BY r.name, r.id), '[]') "     \
    "AS results " RESULTS_SQL ") t ORDER BY s.id DESC"

/* For take_row. */
#define BYTES_SQL(column) "encode(r." column ", 'base64')"
#define OUTPUTS_SQL                                                                                \
    "SELECT lower(" SCRIPT_RUN_NAME_SQL("s.type") ") || '-' || s.id, r.name, "                     \
    BYTES_SQL("output") ", " BYTES_SQL("stdout") ", " BYTES_SQL("stderr") ", "                     \
    BYTES_SQL("result") " FROM (SELECT s.* " SETS_SQL ") s, "                                      \
    "LATERAL (SELECT r.* " RESULTS_SQL ") r ORDER BY r.name, r.id"
/* clang-format on */

static bool is_set(const char *text)
{
    static const char *const words[] = {"current-commissioning", "current-testing",
                                        "current-installation", "current-release"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (!strcmp(words[i], text))
            return true;
    return *text && strlen(text) < 18 && !text[strspn(text, "0123456789")];
}

static int run_type_parse(const char *word)
{
    return !strcasecmp(word, "installation") || !strcmp(word, "1") ? SCRIPT_INSTALLATION
                                                                   : script_type_parse(word);
}

static enum error_code read_asked(struct api_request *request, bool one, struct asked *asked,
                                  struct error *err)
{
    *asked = (struct asked){.set = one ? api_path(request, "id") : NULL};
    enum error_code code = node_reply_find(request, NODE_ALL, &asked->machine, err);
    if (!code && one && !is_set(asked->set))
        code = error_set(err, ERR_NOT_FOUND, "No ScriptSet matches the given query.");
    if (!code && !one)
        code = script_form_word(request, "type", run_type_parse, &asked->type, err);
    if (!code)
        code = script_form_word(request, "hardware_type", script_hardware_parse, &asked->hardware,
                                err);
    if (!code)
        code = api_param_bool(request, "include_output", &asked->output, err);
    asked->filters = script_form_words(request->arena, api_param(request, "filters"));
    return code;
}

#define ASKED_PARAMS(request, asked)                                                         \
    DB_PARAMS(db_number((request)->arena, (asked)->machine.id), (asked)->set, (asked)->type, \
              (asked)->hardware, (asked)->filters, (asked)->output ? "true" : "false")

enum error_code results_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(result_sets, SET_SQL);
    struct asked asked;
    enum error_code code = read_asked(request, false, &asked, err);
    return code ? code
                : rows_reply_list(request, reply, &result_sets, ASKED_PARAMS(request, &asked), err);
}

static enum error_code reply_set(struct api_request *request, struct api_reply *reply,
                                 const struct asked *asked, struct error *err)
{
    DB_STATEMENT(result_set, SET_SQL);
    static const struct rows_one one = {&result_set, "ScriptSet"};
    return rows_reply_one(request, reply, &one, ASKED_PARAMS(request, asked), err);
}

enum error_code result_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct asked asked;
    enum error_code code = read_asked(request, true, &asked, err);
    return code ? code : reply_set(request, reply, &asked, err);
}

enum error_code result_update(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    DB_STATEMENT(result_suppress,
                 "UPDATE script_result u SET suppressed = $6::bool, updated = now() WHERE u.id IN "
                 "(SELECT r.id FROM (SELECT s.id " SETS_SQL ") s, LATERAL (SELECT r.id " RESULTS_SQL
                 ") r)");
    struct asked asked;
    const char *text;
    bool suppressed = false;
    enum error_code code = read_asked(request, true, &asked, err);
    if (!code)
        code = api_need(request, "suppressed", &text, err);
    if (!code)
        code = api_param_bool(request, "suppressed", &suppressed, err);
    if (!code)
        code =
            db_query(request->db, &result_suppress,
                     DB_PARAMS(db_number(request->arena, asked.machine.id), asked.set, asked.type,
                               asked.hardware, asked.filters, suppressed ? "true" : "false"),
                     NULL, err);
    return code ? code : reply_set(request, reply, &asked, err);
}

enum error_code result_delete(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    DB_STATEMENT(result_delete_set, "DELETE FROM script_set WHERE id IN (SELECT s.id FROM "
                                    "script_set s JOIN node n ON n.id = s.node_id WHERE n.id = $1 "
                                    "AND " CURRENT_SQL ")");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct asked asked;
    enum error_code code = read_asked(request, true, &asked, err);
    if (!code)
        code =
            db_query(request->db, &result_delete_set,
                     DB_PARAMS(db_number(request->arena, asked.machine.id), asked.set), &rows, err);
    if (!code && !rows.affected)
        code = error_set(err, ERR_NOT_FOUND, "No ScriptSet matches the given query.");
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}

/* ---- download ---- */

struct download {
    struct api_request *request;
    bool wanted[4]; /* combined, stdout, stderr, result */
    bool archive;
    int64_t sets_id;
    struct spool bytes;
    int files;
};

static const char *const endings[] = {"", ".out", ".err", ".yaml"};

static void put_file(struct download *download, const char *set, const char *name,
                     const struct tar_file *file)
{
    struct spool *bytes = &download->bytes;
    struct tar_file entry = *file;
    if (download->archive) {
        entry.path = arena_printf(download->request->arena, "%s/%s", set, name);
        tar_out_put(bytes, &entry);
    } else {
        if (download->files)
            spool_printf(bytes, "\n");
        spool_printf(bytes, "----- %s -----\n", name);
        spool_put(bytes, file->bytes, file->size);
    }
    download->files++;
}

/* rows: set name, script's name, then the four outputs in base64 or NULL. */
static enum error_code take_row(void *subject, const struct db_rows *rows, struct error *err)
{
    struct download *download = subject;
    struct arena *arena = download->request->arena;
    for (int i = 0; i < 4; i++) {
        const char *text = db_text(rows, 0, 2 + i);
        struct tar_file file = {.mode = 0644};
        if (!download->wanted[i] || !text)
            continue;
        file.bytes = digest_base64_parse(arena, text, strlen(text), &file.size);
        ASSERT(file.bytes);
        if (download->bytes.used + file.size > DOWNLOAD_MOST)
            return error_set(err, ERR_TOO_LARGE, "More than %d bytes: ask with filters.",
                             DOWNLOAD_MOST);
        put_file(download, db_text(rows, 0, 0),
                 arena_printf(arena, "%s%s", db_text(rows, 0, 1), endings[i]), &file);
    }
    return ERR_OK;
}

static enum error_code read_wanted(struct api_request *request, struct download *download,
                                   struct error *err)
{
    static const char *const words[] = {"combined", "stdout", "stderr", "result"};
    const char *output = api_param(request, "output"), *type = api_param(request, "filetype");
    bool all = output && !strcmp(output, "all"), known = all;
    for (int i = 0; i < 4; i++) {
        download->wanted[i] = all || !strcmp(output && *output ? output : "combined", words[i]);
        known = known || download->wanted[i];
    }
    download->archive = type && !strcmp(type, "tar.xz");
    if (!known)
        return error_set(err, ERR_BAD_INPUT,
                         "output must be either combined, stdout, stderr, result, or all.");
    if (type && *type && !download->archive && strcmp(type, "txt"))
        return error_set(err, ERR_BAD_INPUT, "filetype must be either txt or tar.xz.");
    return ERR_OK;
}

static enum error_code compress(struct download *download, struct api_reply *reply,
                                struct error *err)
{
    static const char *const argv[] = {"/usr/bin/xz", "-1", "--stdout", NULL};
    struct process_result result;
    struct process_run run = {.argv = argv, .output_limit = DOWNLOAD_MOST, .timeout_ms = XZ_MS};
    tar_out_end(&download->bytes);
    run.input_size = download->bytes.used;
    run.input = download->bytes.bytes;
    enum error_code code = process_run(&run, download->request->arena, &result, err);
    if (!code && result.status)
        code = error_set(err, ERR_INTERNAL, "xz: %.200s", result.output);
    if (!code)
        api_reply_bytes(reply, "application/x-tar", result.output, result.output_size);
    return code;
}

enum error_code result_download(struct api_request *request, struct api_reply *reply,
                                struct error *err)
{
    DB_STATEMENT(result_outputs, OUTPUTS_SQL);
    struct download download = {.request = request};
    struct asked asked;
    enum error_code code = read_asked(request, true, &asked, err);
    if (!code)
        code = read_wanted(request, &download, err);
    if (code)
        return code;
    spool_init(&download.bytes);
    code = db_each(request->db, &result_outputs,
                   DB_PARAMS(db_number(request->arena, asked.machine.id), asked.set, asked.type,
                             asked.hardware, asked.filters),
                   take_row, &download, err);
    if (!code && download.archive)
        code = compress(&download, reply, err);
    else if (!code)
        api_reply_bytes(reply, "application/binary", download.bytes.bytes, download.bytes.used);
    spool_close(&download.bytes);
    return code;
}

/* The files PostgreSQL is steered by: see pg_files.h. Source: PostgreSQL manual, chapters 20, 21.
 */
#include "ha/pg_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ha/pg_access.h"
#include "src/base/arena.h"
#include "src/base/file.h"
#include "src/base/process.h"

enum { INITDB_MS = 120000, VERSION_MS = 10000, INITDB_OUTPUT = 65536, CONFIG_TEXT_BYTES = 16384 };

/* A promote copies the newest file of the log, and who follows it gets that file from its
 * beginning, of the old timeline and of the new one. */
#define SEGMENTS "--wal-segsize=2"

/* Same on every member always. restart_after_crash off: a crash is a new epoch, never a restart
 * behind our back. wal_keep_size: pg_rewind needs the log from the checkpoint before the fork on,
 * and no slot keeps that. A sender that hears nothing gives the slot back to who comes anew. Who
 * does not say who it is has one of twice max_connections places, and not for long: fenced lets 10
 * such in a second pass. Shared memory that comes and goes is made at the start, so it is memory;
 * what is noted of it, and what has no room there, are files of the data directory: in /dev/shm a
 * killed PostgreSQL's would stay for ever when its directory is replaced. */
static const char fixed_config[] = "wal_level = replica\n"
                                   "wal_log_hints = on\n"
                                   "restart_after_crash = off\n"
                                   "max_prepared_transactions = 0\n"
                                   "max_standby_streaming_delay = 100ms\n"
                                   "wal_retrieve_retry_interval = 100ms\n"
                                   "max_wal_senders = 16\n"
                                   "max_replication_slots = 16\n"
                                   "max_slot_wal_keep_size = 4GB\n"
                                   "wal_keep_size = 256MB\n"
                                   "wal_sender_timeout = 10s\n"
                                   "wal_receiver_timeout = 10s\n"
                                   "wal_receiver_status_interval = 2s\n"
                                   "max_wal_size = 1GB\n"
                                   "hot_standby = on\n"
                                   "max_connections = 100\n"
                                   "authentication_timeout = 10s\n"
                                   "shared_buffers = 128MB\n"
                                   "dynamic_shared_memory_type = mmap\n"
                                   "min_dynamic_shared_memory = 16MB\n"
                                   "synchronous_commit = on\n"
                                   "log_min_messages = warning\n"
                                   "log_min_error_statement = fatal\n"
                                   "log_checkpoints = off\n"
                                   "tcp_keepalives_idle = 1\n"
                                   "tcp_keepalives_interval = 1\n"
                                   "tcp_keepalives_count = 3\n"
                                   "tcp_user_timeout = 3000\n"
                                   "jit = off\n"
                                   "ssl = on\n"
                                   "ssl_min_protocol_version = 'TLSv1.3'\n";

void pg_files_init(struct pg_files *files, const struct ha_settings *settings)
{
    files->settings = settings;
    snprintf(files->data_dir, LIMIT_PATH, "%s/pg", settings->data_dir);
    snprintf(files->conf_dir, LIMIT_PATH, "%s/pg-conf", settings->data_dir);
    snprintf(files->config_file, LIMIT_PATH, "%s/pg-conf/postgresql.conf", settings->data_dir);
}

static void in_data(const struct pg_files *files, const char *name, char path[LIMIT_PATH + 64])
{
    snprintf(path, LIMIT_PATH + 64, "%s/%s", files->data_dir, name);
}

bool pg_files_has_data(const struct pg_files *files)
{
    char path[LIMIT_PATH + 64];
    in_data(files, "global/pg_control", path);
    return access(path, F_OK) == 0;
}

enum error_code pg_files_initialise(const struct pg_files *files, struct error *err)
{
    char program[LIMIT_PATH], fresh[LIMIT_PATH + 8];
    snprintf(program, sizeof(program), "%s/initdb", files->settings->pg_bin_dir);
    snprintf(fresh, sizeof(fresh), "%s.new", files->data_dir);
    const char *const argv[] = {program,
                                "--pgdata",
                                fresh,
                                "--username=gantry",
                                "--encoding=UTF8",
                                "--locale=C",
                                "--auth=reject",
                                "--data-checksums",
                                SEGMENTS,
                                "--no-instructions",
                                NULL};
    struct process_run run = {.argv = argv, .output_limit = INITDB_OUTPUT, .timeout_ms = INITDB_MS};
    struct process_result result;
    struct arena *arena = arena_new();
    enum error_code code = file_remove_tree(fresh, err);
    code = code ? code : process_run(&run, arena, &result, err);
    if (code == ERR_NOT_FOUND)
        error_wrap(err, "PostgreSQL is not installed, or [postgres] bin_dir is wrong");
    else if (!code && result.status)
        code = error_set(err, ERR_IO, "initdb failed: %.400s", result.output);
    arena_free(arena);
    if (!code && rename(fresh, files->data_dir))
        code = error_errno(err, "cannot rename %s", fresh);
    return code;
}

static enum error_code write_conf(const struct pg_files *files, const char *name, const char *text,
                                  struct error *err)
{
    char path[LIMIT_PATH + 64];
    snprintf(path, sizeof(path), "%s/%s", files->conf_dir, name);
    struct arena *arena = arena_new();
    char *there = NULL;
    bool same = !file_read(arena, path, CONFIG_TEXT_BYTES, &there, NULL, NULL) &&
                !strcmp(there, text); /* each write waits for the disk several times */
    arena_free(arena);
    return same ? ERR_OK : file_write(path, text, strlen(text), 0600, err);
}

static enum error_code write_spool(const struct pg_files *files, const char *name,
                                   struct spool *spool, struct error *err)
{
    spool_put(spool, "", 1);
    enum error_code code = write_conf(files, name, spool->bytes, err);
    spool_reset(spool);
    return code;
}

enum error_code pg_files_steer(const struct pg_files *files, const struct pg_steer *steer,
                               struct error *err)
{
    struct spool spool;
    spool_init(&spool);
    spool_printf(&spool,
                 "synchronous_standby_names = '%s'\n"
                 "primary_slot_name = '%s'\n"
                 "primary_conninfo = '",
                 steer->standby_names, steer->slot);
    for (const char *c = steer->conninfo; *c; c++) /* it has quotes of its own */
        spool_put(&spool, *c == '\'' ? "''" : c, *c == '\'' ? 2 : 1);
    spool_printf(&spool, "'\nssl_crl_file = '%s'\n",
                 steer->revokes ? files->settings->revoked_file : "");
    enum error_code code = write_spool(files, "steer.conf", &spool, err);
    pg_access_ident(steer->facts, &spool);
    code = code ? code : write_spool(files, "ident.conf", &spool, err);
    spool_reset(&spool);
    pg_access_hba(steer->facts, steer->self, steer->open, &spool);
    code = code ? code : write_spool(files, "hba.conf", &spool, err);
    spool_close(&spool);
    return code;
}

static enum error_code write_config(const struct pg_files *files, struct error *err)
{
    const struct ha_settings *s = files->settings;
    char text[CONFIG_TEXT_BYTES];
    int n = snprintf(text, sizeof(text),
                     "# Written by gantry-regiond before every start: changes here are lost.\n"
                     "data_directory = '%s'\n"
                     "hba_file = '%s/hba.conf'\n"
                     "ident_file = '%s/ident.conf'\n"
                     "listen_addresses = '%s'\n"
                     "port = %d\n"
                     "unix_socket_directories = '%s'\n"
                     "cluster_name = '%s'\n"
                     "ssl_cert_file = '%s'\n"
                     "ssl_key_file = '%s'\n"
                     "ssl_ca_file = '%s'\n"
                     "%s"
                     "include '%s/steer.conf'\n",
                     files->data_dir, files->conf_dir, files->conf_dir, s->address, s->pg_port,
                     s->run_dir, s->name, s->certificate_file, s->key_file, s->ca_file,
                     fixed_config, files->conf_dir);
    if (n < 0 || (size_t)n >= sizeof(text))
        return error_set(err, ERR_TOO_LARGE, "postgresql.conf is too long");
    return write_conf(files, "postgresql.conf", text, err);
}

/* PostgreSQL refuses the data of another major version, but says so in its log only. */
static enum error_code check_version(const struct pg_files *files, struct error *err)
{
    char program[LIMIT_PATH], path[LIMIT_PATH + 64], *text;
    snprintf(program, sizeof(program), "%s/postgres", files->settings->pg_bin_dir);
    const char *const argv[] = {program, "--version", NULL};
    struct process_run run = {.argv = argv, .output_limit = 4096, .timeout_ms = VERSION_MS};
    struct process_result result;
    struct arena *arena = arena_new();
    in_data(files, "PG_VERSION", path);
    enum error_code code = file_read(arena, path, 64, &text, NULL, err);
    code = code ? code : process_run(&run, arena, &result, err);
    if (code == ERR_NOT_FOUND)
        error_wrap(err, "PostgreSQL is not installed, or [postgres] bin_dir is wrong");
    const char *word = code ? NULL : strstr(result.output, ") ");
    long has = word ? strtol(word + 2, NULL, 10) : 0, wants = code ? 0 : strtol(text, NULL, 10);
    if (!code && has != wants)
        code = error_set(err, ERR_CONFLICT,
                         "%s is of PostgreSQL %ld, [postgres] bin_dir has %ld: install PostgreSQL "
                         "%ld, or bring the data over with pg_upgrade",
                         files->data_dir, wants, has, wants);
    arena_free(arena);
    return code;
}

/* A killed postmaster's locks stay, and its number in them may be a zombie's or another program's
 * by now. That nothing of it runs is known better: its cgroup is empty, else we were not here. */
static enum error_code remove_locks(const struct pg_files *files, struct error *err)
{
    char locks[2][LIMIT_PATH + 64];
    in_data(files, "postmaster.pid", locks[0]);
    snprintf(locks[1], sizeof(locks[1]), "%s/.s.PGSQL.%d.lock", files->settings->run_dir,
             files->settings->pg_port);
    for (int i = 0; i < 2; i++)
        if (unlink(locks[i]) && errno != ENOENT)
            return error_errno(err, "%s", locks[i]);
    return ERR_OK;
}

enum error_code pg_files_prepare(const struct pg_files *files, const struct pg_steer *steer,
                                 struct error *err)
{
    char path[LIMIT_PATH + 64];
    struct stat st;
    struct pg_steer closed = *steer;
    closed.open = false;
    enum error_code code = check_version(files, err);
    code = code ? code : file_make_folders(files->conf_dir, 0700, err);
    code = code ? code : pg_files_steer(files, &closed, err);
    code = code ? code : write_config(files, err);
    in_data(files, "postgresql.auto.conf", path);
    code = code ? code : file_write(path, "", 0, 0600, err);
    code = code ? code : remove_locks(files, err);
    in_data(files, "standby.signal", path); /* before every start: only promote removes it */
    code = code ? code : file_write(path, "", 0, 0600, err);
    if (!code && stat(files->settings->key_file, &st))
        code = error_errno(err, "%s", files->settings->key_file);
    return code;
}

static void history_name(const struct pg_files *files, uint32_t timeline, char *path)
{
    char name[64];
    snprintf(name, sizeof(name), "pg_wal/%08X.history", timeline);
    in_data(files, name, path);
}

enum error_code pg_files_reserve(const struct pg_files *files, uint32_t current, uint32_t wanted,
                                 struct error *err)
{
    char path[LIMIT_PATH + 64];
    if (wanted <= current)
        return error_set(err, ERR_CONFLICT, "timeline %u is not above %u", wanted, current);
    enum error_code code = ERR_OK;
    for (uint32_t timeline = current + 1; timeline < wanted && !code; timeline++) {
        history_name(files, timeline, path);
        if (access(path, F_OK))
            code = file_write(path, "", 0, 0600, err);
    }
    return code;
}

/* Calls each(files, timeline, empty) for every history file. */
static void each_history(const struct pg_files *files, void *subject,
                         void (*each)(void *subject, const char *path, uint32_t timeline,
                                      bool is_empty))
{
    char folder[LIMIT_PATH + 64], path[2 * LIMIT_PATH];
    in_data(files, "pg_wal", folder);
    DIR *wal = opendir(folder);
    for (struct dirent *entry; wal && (entry = readdir(wal));) {
        struct stat st;
        size_t length = strlen(entry->d_name);
        if (length != 16 || strcmp(entry->d_name + 8, ".history"))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (!stat(path, &st))
            each(subject, path, (uint32_t)strtoul(entry->d_name, NULL, 16), st.st_size == 0);
    }
    if (wal)
        closedir(wal);
}

static void note_newest(void *subject, const char *path, uint32_t timeline, bool is_empty)
{
    uint32_t *newest = subject;
    (void)path;
    if (!is_empty && timeline > *newest)
        *newest = timeline;
}

static void remove_above(void *subject, const char *path, uint32_t timeline, bool is_empty)
{
    const uint32_t *newest = subject;
    if (is_empty && timeline > *newest)
        unlink(path); /* only ours are empty */
}

uint32_t pg_files_newest(const struct pg_files *files)
{
    uint32_t newest = 0;
    each_history(files, &newest, note_newest);
    return newest;
}

/* PostgreSQL finds its newest timeline by counting up until a history file is missing: an empty one
 * below a real one must stay, or what was written on the real one would not be replayed. */
void pg_files_forget(const struct pg_files *files)
{
    uint32_t newest = pg_files_newest(files);
    each_history(files, &newest, remove_above);
}

/* PostgreSQL looks for this file when the signal comes; it removes an old one at its start. */
enum error_code pg_files_promote(const struct pg_files *files, struct error *err)
{
    char path[LIMIT_PATH + 64];
    in_data(files, "promote", path);
    return file_write(path, "", 0, 0600, err);
}

static void print_local(const struct pg_files *files, const char *database, const char *user,
                        char *text, size_t size)
{
    snprintf(text, size, "host='%s' port=%d dbname=%s user=%s connect_timeout=2",
             files->settings->run_dir, files->settings->pg_port, database, user);
}

void pg_files_supervisor(const struct pg_files *files, char *text, size_t size)
{
    print_local(files, "postgres", "gantry application_name=supervisor", text, size);
}

void pg_files_warm(const struct pg_files *files, char *text, size_t size)
{
    print_local(files, "gantry", "gantry application_name=supervisor", text, size);
}

void pg_files_client(const struct pg_files *files, char *text, size_t size)
{
    print_local(files, "gantry", "api application_name=api", text, size);
}

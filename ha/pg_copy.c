/* Data directories from other members: see pg_copy.h. */
#include "ha/pg_copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ha/pg_memory.h"
#include "src/base/arena.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/process.h"

enum { COPY_MS = 24 * 3600 * 1000, COPY_OUTPUT = 1 << 20 };

/* Beside the directory: pg_rewind would copy one within over, or remove it. */
static void mark_path(const char *data_dir, char path[LIMIT_PATH + 16])
{
    snprintf(path, LIMIT_PATH + 16, "%s.rewinding", data_dir);
}

bool pg_copy_is_torn(const char *data_dir)
{
    char path[LIMIT_PATH + 16];
    mark_path(data_dir, path);
    return access(path, F_OK) == 0;
}

static enum error_code sync_parent(const char *path, struct error *err)
{
    char parent[LIMIT_PATH + 16];
    snprintf(parent, sizeof(parent), "%s", path);
    char *slash = strrchr(parent, '/');
    ASSERT(slash);
    *slash = '\0';
    __attribute__((cleanup(file_close_fd))) int fd = open(parent, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fsync(fd) ? error_errno(err, "%s", parent) : ERR_OK;
}

static enum error_code run_program(const char *const *argv, const atomic_bool *over,
                                   const char **output, struct arena *arena, struct error *err)
{
    struct process_run run = {
        .argv = argv, .output_limit = COPY_OUTPUT, .timeout_ms = COPY_MS, .over = over};
    struct process_result result;
    enum error_code code = process_run(&run, arena, &result, err);
    if (code)
        return code;
    *output = result.output;
    const char *name = strrchr(argv[0], '/');
    return result.status ? error_set(err, ERR_UNAVAILABLE, "%s: %s", name ? name + 1 : argv[0],
                                     process_last_line(arena, result.output))
                         : ERR_OK;
}

/* In one step: who is killed in it, and may be the only one who has what it holds, has one of both.
 * A file system that cannot do that does it in two. */
static enum error_code put_in_place(const char *fresh, const char *data_dir, const char *old,
                                    struct error *err)
{
    if (!renameat2(AT_FDCWD, fresh, AT_FDCWD, data_dir, RENAME_EXCHANGE))
        return rename(fresh, old) ? error_errno(err, "cannot set %s aside", fresh) : ERR_OK;
    if (rename(data_dir, old) && access(data_dir, F_OK) == 0)
        return error_errno(err, "cannot set %s aside", data_dir);
    return rename(fresh, data_dir) ? error_errno(err, "cannot rename %s", fresh) : ERR_OK;
}

static enum error_code remove_old(const char *old, struct error *err)
{
    pg_memory_release(old);
    return file_remove_tree(old, err);
}

enum error_code pg_copy_clone(const struct pg_copy *copy, struct error *err)
{
    char program[LIMIT_PATH], fresh[LIMIT_PATH + 16], old[LIMIT_PATH + 16], mark[LIMIT_PATH + 16];
    snprintf(program, sizeof(program), "%s/pg_basebackup", copy->bin_dir);
    snprintf(fresh, sizeof(fresh), "%s.new", copy->data_dir);
    snprintf(old, sizeof(old), "%s.old", copy->data_dir);
    mark_path(copy->data_dir, mark);
    const char *const argv[] = {program,
                                "--pgdata",
                                fresh,
                                "--dbname",
                                copy->conninfo,
                                "--checkpoint=fast",
                                "--wal-method=stream",
                                "--no-password",
                                NULL};
    const char *output;
    struct arena *arena = arena_new();
    enum error_code code = file_remove_tree(fresh, err);
    code = code ? code : remove_old(old, err);
    code = code ? code : run_program(argv, copy->over, &output, arena, err);
    code = code ? code : put_in_place(fresh, copy->data_dir, old, err);
    if (!code && unlink(mark) && access(mark, F_OK) == 0)
        code = error_errno(err, "%s", mark);
    code = code ? code : sync_parent(copy->data_dir, err);
    code = code ? code : remove_old(old, err);
    arena_free(arena);
    return code;
}

enum error_code pg_copy_rewind(const struct pg_copy *copy, struct error *err)
{
    char program[LIMIT_PATH], mark[LIMIT_PATH + 16], signal_file[LIMIT_PATH + 32];
    snprintf(program, sizeof(program), "%s/pg_rewind", copy->bin_dir);
    snprintf(signal_file, sizeof(signal_file), "%s/standby.signal", copy->data_dir);
    mark_path(copy->data_dir, mark);
    const char *const argv[] = {program,
                                "--target-pgdata",
                                copy->data_dir,
                                "--source-server",
                                copy->conninfo,
                                "--no-ensure-shutdown",
                                NULL};
    const char *output;
    struct arena *arena = arena_new();
    enum error_code code = file_write(mark, "", 0, 0600, err);
    if (!code && unlink(signal_file) && access(signal_file, F_OK) == 0)
        code = error_errno(err, "%s", signal_file);
    code = code ? code : run_program(argv, NULL, &output, arena, err);
    if (code == ERR_UNAVAILABLE && strstr(err->text, "common ancestor"))
        err->code = code = ERR_CONFLICT;
    arena_free(arena);
    return code;
}

enum error_code pg_copy_finish(const char *data_dir, struct error *err)
{
    char mark[LIMIT_PATH + 16];
    mark_path(data_dir, mark);
    if (unlink(mark) && access(mark, F_OK) == 0)
        return error_errno(err, "%s", mark);
    return sync_parent(mark, err);
}

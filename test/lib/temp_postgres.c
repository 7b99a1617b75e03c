/* A real PostgreSQL for tests: see temp_postgres.h. Source: PostgreSQL manual, initdb, postgres. */
#include "test/lib/temp_postgres.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/base/file.h"
#include "test/lib/left_over.h"

static char bin_dir[128];

static void die(const char *what)
{
    perror(what);
    exit(99);
}

const char *temp_postgres_bin_dir(void)
{
    glob_t found;
    if (bin_dir[0])
        return bin_dir;
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) || !found.gl_pathc)
        die("no PostgreSQL in /usr/lib/postgresql");
    const char *newest = found.gl_pathv[found.gl_pathc - 1];
    snprintf(bin_dir, sizeof(bin_dir), "%.*s", (int)(strlen(newest) - strlen("/postgres")), newest);
    globfree(&found);
    return bin_dir;
}

/* Whom to run as, or NULL when that is not ours to choose. */
static const struct passwd *other_user(void)
{
    if (geteuid() != 0)
        return NULL;
    const struct passwd *user = getpwnam("postgres");
    return user ? user : getpwnam("nobody");
}

static pid_t spawn(const char *folder, const char *const *argv)
{
    const struct passwd *user = other_user();
    char log[96];
    snprintf(log, sizeof(log), "%s/log", folder);
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(fd, 1);
    dup2(fd, 2);
    if (user && (setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        _exit(98);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (chdir(folder))
        _exit(98);
    unsetenv("LD_PRELOAD");
    execv(argv[0], (char *const *)argv);
    _exit(97);
}

static void make_folder(struct temp_postgres *postgres)
{
    const struct passwd *user = other_user();
    left_over_make("/tmp/gantry-pg", postgres->folder, NULL);
    if (user && chown(postgres->folder, user->pw_uid, user->pw_gid))
        die("chown");
    chmod(postgres->folder, 0755);
}

static void make_data(const struct temp_postgres *postgres)
{
    char program[160], data[96];
    snprintf(program, sizeof(program), "%s/initdb", temp_postgres_bin_dir());
    snprintf(data, sizeof(data), "%s/data", postgres->folder);
    const char *argv[] = {program, "-N",   "-A",         "trust", "-U", "gantry",
                          "-E",    "UTF8", "--locale=C", "-D",    data, NULL};
    int status = 0;
    pid_t pid = spawn(postgres->folder, argv);
    if (waitpid(pid, &status, 0) != pid || status) {
        fprintf(stderr, "initdb failed: see %s/log\n", postgres->folder);
        exit(99);
    }
}

static void wait_until_ready(const struct temp_postgres *postgres)
{
    char path[96], bytes[512];
    snprintf(path, sizeof(path), "%s/data/postmaster.pid", postgres->folder);
    for (int i = 0; i < 3000; i++) {
        FILE *file = fopen(path, "r");
        size_t size = file ? fread(bytes, 1, sizeof(bytes) - 1, file) : 0;
        if (file)
            fclose(file);
        bytes[size] = '\0';
        if (strstr(bytes, "\nready"))
            return;
        if (waitpid(postgres->pid, NULL, WNOHANG) == postgres->pid)
            break; /* it ended: waiting longer would not help */
        usleep(10000);
    }
    fprintf(stderr, "PostgreSQL does not start: see %s/log\n", postgres->folder);
    exit(99);
}

void temp_postgres_again(struct temp_postgres *postgres)
{
    char program[160], data[96];
    snprintf(program, sizeof(program), "%s/postgres", temp_postgres_bin_dir());
    snprintf(data, sizeof(data), "%s/data", postgres->folder);
    const char *argv[] = {program,
                          "-D",
                          data,
                          "-k",
                          postgres->folder,
                          "-c",
                          "listen_addresses=",
                          "-c",
                          "fsync=off",
                          "-c",
                          "wal_log_hints=on",
                          "-c",
                          "max_connections=60",
                          "-c",
                          "shared_buffers=32MB",
                          "-c",
                          "dynamic_shared_memory_type=mmap",
                          "-c",
                          "jit=off",
                          "-c",
                          "shared_preload_libraries=pg_stat_statements",
                          NULL};
    postgres->pid = spawn(postgres->folder, argv);
    snprintf(postgres->conninfo, sizeof(postgres->conninfo), "host=%s dbname=postgres user=gantry",
             postgres->folder);
    wait_until_ready(postgres);
}

void temp_postgres_start(struct temp_postgres *postgres)
{
    make_folder(postgres);
    make_data(postgres);
    temp_postgres_again(postgres);
}

/* Its children have sessions of their own: no signal to a group reaches them. */
static int list_children(pid_t pid, pid_t *children, int room)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        die(path);
    for (int child; count < room && fscanf(file, "%d", &child) == 1;)
        children[count++] = child;
    fclose(file);
    return count;
}

static void wait_until_gone(pid_t pid)
{
    char path[64], line[512];
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        FILE *file = fopen(path, "r");
        bool gone = !file || !fgets(line, sizeof(line), file) || strstr(line, ") Z ");
        if (file)
            fclose(file);
        if (gone)
            return;
        usleep(5000);
    }
    die("a child of PostgreSQL does not end");
}

void temp_postgres_kill(pid_t pid)
{
    pid_t children[128];
    ASSERT(pid > 0); /* 0 would be this process group */
    /* It must not end its children in an orderly way, nor start one that the list lacks: that one
     * would hold on to the memory that the next PostgreSQL wants for itself. */
    kill(pid, SIGSTOP);
    waitpid(pid, NULL, WUNTRACED);
    int count = list_children(pid, children, 128);
    for (int i = 0; i < count; i++)
        kill(children[i], SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < count; i++) /* the next one refuses memory that is still in use */
        wait_until_gone(children[i]);
}

void temp_postgres_crash(struct temp_postgres *postgres)
{
    char path[96];
    temp_postgres_kill(postgres->pid);
    postgres->pid = 0;
    snprintf(path, sizeof(path), "%s/data/postmaster.pid", postgres->folder);
    unlink(path); /* else wait_until_ready believes the old one */
    snprintf(path, sizeof(path), "%s/.s.PGSQL.5432.lock", postgres->folder);
    unlink(path); /* its process number may be another's by now */
}

void temp_postgres_stop(struct temp_postgres *postgres)
{
    struct error err = {0};
    if (postgres->pid > 0) {
        kill(postgres->pid, SIGQUIT);
        waitpid(postgres->pid, NULL, 0);
    }
    postgres->pid = 0;
    if (file_remove_tree(postgres->folder, &err))
        fprintf(stderr, "%s\n", err.text);
}

/* Folders of tests that were killed: see left_over.h. */
#include "test/lib/left_over.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/base/file.h"

static bool is_left(const char *folder, size_t name)
{
    char *end;
    long owner = strtol(folder + name + 1, &end, 10);
    return owner > 0 && *end == '-' && kill((pid_t)owner, 0) && errno == ESRCH;
}

void left_over_make(const char *name, char *folder, void (*before)(const char *folder))
{
    char pattern[64];
    glob_t found;
    snprintf(pattern, sizeof(pattern), "%s-*-*", name);
    if (!glob(pattern, 0, NULL, &found)) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *path = found.gl_pathv[i];
            if (!is_left(path, strlen(name)))
                continue;
            if (before)
                before(path);
            file_remove_tree(path, NULL); /* what another user has left is not ours to remove */
        }
        globfree(&found);
    }
    snprintf(folder, 64, "%s-%d-XXXXXX", name, (int)getpid());
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(99);
    }
}

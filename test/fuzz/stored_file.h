/* For targets whose decoder reads a file: the input as a file in memory. */
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/error.h"

enum { STORED_PATH = 64 };

static char stored_folder[STORED_PATH - 16];

static void stored_clean(void)
{
    static const char *const names[] = {"file", "file.damaged", "file.new"};
    char path[STORED_PATH];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", stored_folder, names[i]);
        unlink(path);
    }
    rmdir(stored_folder);
}

/* The path of a file that holds the bytes; always the same one. */
static const char *stored_file(const void *bytes, size_t size)
{
    static char path[STORED_PATH];
    if (!*stored_folder) {
        snprintf(stored_folder, sizeof(stored_folder), "/dev/shm/gantry-fuzz-XXXXXX");
        ASSERT(mkdtemp(stored_folder));
        atexit(stored_clean);
        snprintf(path, sizeof(path), "%s/file", stored_folder);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    return path;
}

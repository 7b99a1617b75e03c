/* Memory of a killed PostgreSQL: see pg_memory.h.
 * Source: PostgreSQL, storage/pg_shmem.h, utils/pidfile.h; the same in 13 to 17.
 */
#include "ha/pg_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "src/base/arena.h"
#include "src/base/file.h"
#include "src/base/limits.h"

enum { NOTE_BYTES = 4096, NOTE_LINE = 7, SEGMENT_MAGIC = 679834894 };

struct segment_head {
    int32_t magic;
    pid_t creator;
    size_t total, free_offset;
    uint32_t control;
    void *index;
    dev_t device; /* of the data directory */
    ino_t inode;
};

/* The seventh line of postmaster.pid is the segment's key and number. */
static bool read_note(const char *data_dir, int *number)
{
    char path[LIMIT_PATH + 64], *text, *end;
    snprintf(path, sizeof(path), "%s/postmaster.pid", data_dir);
    struct arena *arena = arena_new();
    bool found = !file_read(arena, path, NOTE_BYTES, &text, NULL, NULL);
    for (int line = 1; found && line < NOTE_LINE; line++) {
        text = strchr(text, '\n');
        found = text++ != NULL;
    }
    if (found) {
        strtoul(text, &end, 10);
        long value = strtol(end, &text, 10);
        found = text != end && value >= 0 && value <= INT32_MAX;
        *number = (int)value;
    }
    arena_free(arena);
    return found;
}

static bool is_of(int number, const struct stat *folder)
{
    const struct segment_head *head = shmat(number, NULL, SHM_RDONLY);
    if (head == (void *)-1)
        return false;
    bool is = head->magic == SEGMENT_MAGIC && head->device == folder->st_dev &&
              head->inode == folder->st_ino;
    shmdt(head);
    return is;
}

void pg_memory_release(const char *data_dir)
{
    struct stat folder;
    struct shmid_ds segment;
    int number;
    if (read_note(data_dir, &number) && !stat(data_dir, &folder) &&
        !shmctl(number, IPC_STAT, &segment) && segment.shm_nattch == 0 &&
        segment.shm_segsz >= sizeof(struct segment_head) && is_of(number, &folder))
        shmctl(number, IPC_RMID, NULL);
}

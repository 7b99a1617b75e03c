/* Tar archives: see tar_out.h. */
#include "src/region/tar_out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "src/base/error.h"

enum { BLOCK = 512 };

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a ustar header is one block");

/* A path that is too long for the name is parted at a slash. */
static void put_path(struct header *header, const char *path)
{
    size_t size = strlen(path), prefix = 0;
    if (size > sizeof(header->name)) {
        const char *slash = strchr(path + size - sizeof(header->name) - 1, '/');
        ASSERT(slash && (size_t)(slash - path) <= sizeof(header->prefix));
        prefix = (size_t)(slash - path);
        memcpy(header->prefix, path, prefix++);
    }
    memcpy(header->name, path + prefix, size - prefix);
}

void tar_out_put(struct spool *spool, const struct tar_file *file)
{
    static const char zeros[BLOCK];
    struct header header;
    unsigned sum = 0;
    memset(&header, 0, sizeof(header));
    put_path(&header, file->path);
    snprintf(header.mode, sizeof(header.mode), "%07o", file->mode & 07777);
    snprintf(header.uid, sizeof(header.uid), "%07o", 0);
    snprintf(header.gid, sizeof(header.gid), "%07o", 0);
    snprintf(header.size, sizeof(header.size), "%011zo", file->size);
    snprintf(header.time, sizeof(header.time), "%011llo", (unsigned long long)time(NULL));
    header.type = '0';
    memcpy(header.magic, "ustar", 6);
    memcpy(header.version, "00", 2);
    memset(header.sum, ' ', sizeof(header.sum));
    for (size_t i = 0; i < sizeof(header); i++)
        sum += ((const unsigned char *)&header)[i];
    snprintf(header.sum, sizeof(header.sum), "%06o", sum);
    spool_put(spool, (const char *)&header, sizeof(header));
    spool_put(spool, file->bytes, file->size);
    if (file->size % BLOCK)
        spool_put(spool, zeros, BLOCK - file->size % BLOCK);
}

void tar_out_end(struct spool *spool)
{
    static const char zeros[2 * BLOCK];
    spool_put(spool, zeros, sizeof(zeros));
}

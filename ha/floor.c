/* The floor file: see floor.h. One line of numbers and their SHA-256. */
#include "ha/floor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/file.h"
#include "src/wire/digest.h"

enum { FLOOR_VERSION = 1, FLOOR_TEXT = 256 };

static int print(char *text, size_t size, const struct floor_values *values)
{
    return snprintf(text, size, "gantry-floor %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u",
                    FLOOR_VERSION, values->pg_epoch, values->vip_epoch, values->acceptors,
                    values->lease_ms_max, values->had_data);
}

enum error_code floor_read(const char *path, struct floor_values *values, struct error *err)
{
    struct arena *arena = arena_new();
    char *text, *line_end, expected[DIGEST_TEXT];
    struct floor_values found = {0};
    int version = 0;
    enum error_code code = file_read(arena, path, FLOOR_TEXT, &text, NULL, err);
    if (!code) {
        line_end = strchr(text, '\n');
        code = ERR_CORRUPT;
        if (line_end) {
            digest_sha256_text(text, (size_t)(line_end - text), expected);
            if (!strncmp(line_end + 1, expected, DIGEST_TEXT - 1) &&
                sscanf(text,
                       "gantry-floor %d %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNu32,
                       &version, &found.pg_epoch, &found.vip_epoch, &found.acceptors,
                       &found.lease_ms_max, &found.had_data) == 6 &&
                version == FLOOR_VERSION)
                code = ERR_OK;
        }
        if (code)
            error_set(err, ERR_CORRUPT,
                      "%s is damaged: this member counts as wiped; remove it from the cluster, "
                      "empty its data directory and join again",
                      path);
    }
    if (!code)
        *values = found;
    arena_free(arena);
    return code;
}

enum error_code floor_raise(const char *path, struct floor_values *stored,
                            const struct floor_values *wanted, struct error *err)
{
    char text[FLOOR_TEXT + DIGEST_TEXT + 2], digest[DIGEST_TEXT];
    ASSERT(wanted->pg_epoch >= stored->pg_epoch && wanted->vip_epoch >= stored->vip_epoch);
    ASSERT(wanted->acceptors >= stored->acceptors && wanted->had_data >= stored->had_data);
    ASSERT(wanted->lease_ms_max >= stored->lease_ms_max);
    if (!memcmp(stored, wanted, sizeof(*stored)))
        return ERR_OK;
    int length = print(text, FLOOR_TEXT, wanted);
    ASSERT(length > 0 && length < FLOOR_TEXT);
    digest_sha256_text(text, (size_t)length, digest);
    int total = length + snprintf(text + length, sizeof(text) - (size_t)length, "\n%s\n", digest);
    enum error_code code = file_write(path, text, (size_t)total, 0600, err);
    if (!code)
        *stored = *wanted;
    return code;
}

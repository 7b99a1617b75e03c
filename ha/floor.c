/* The floor file: see floor.h. One line of numbers and their SHA-256. */
#include "ha/floor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The numbers of the line, which its digest has vouched for. */
static bool scan(const char *line, struct floor_values *values)
{
    uint64_t numbers[6];
    static const char word[] = "gantry-floor";
    if (strncmp(line, word, sizeof(word) - 1))
        return false;
    char *at = (char *)line + sizeof(word) - 1;
    for (int i = 0; i < 6; i++) {
        if (*at != ' ')
            return false;
        numbers[i] = strtoull(at, &at, 10);
    }
    *values = (struct floor_values){numbers[1], numbers[2], numbers[3], (uint32_t)numbers[4],
                                    (uint32_t)numbers[5]};
    return *at == '\n' && numbers[0] == FLOOR_VERSION;
}

enum error_code floor_read(const char *path, struct floor_values *values, struct error *err)
{
    struct arena *arena = arena_new();
    char *text, expected[DIGEST_TEXT];
    enum error_code code = file_read(arena, path, FLOOR_TEXT, &text, NULL, err);
    if (!code) {
        char *line_end = strchr(text, '\n');
        if (line_end)
            digest_sha256_text(text, (size_t)(line_end - text), expected);
        if (!line_end || strncmp(line_end + 1, expected, DIGEST_TEXT - 1) || !scan(text, values))
            code = error_set(err, ERR_CORRUPT,
                             "%s is damaged: this member counts as wiped; remove it from the "
                             "cluster, empty its data directory and join again",
                             path);
    }
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

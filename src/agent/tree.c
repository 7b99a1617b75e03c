/* Files of /sys and /proc below a root: see tree.h. */
#include "src/agent/tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"

enum { LINE_FILE_BYTES = 64 << 10 };

static char *path_of(const struct tree *tree, const char *format, va_list args)
{
    return arena_printf(tree->arena, "%s%s", tree->root, arena_vprintf(tree->arena, format, args));
}

/* Bytes of the valid UTF-8 sequence at text (no surrogates, no long forms); 0 if it is none. */
static size_t sequence_length(const unsigned char *text)
{
    size_t length = text[0] < 0x80                       ? 1
                    : text[0] >= 0xc2 && text[0] <= 0xdf ? 2
                    : text[0] >= 0xe0 && text[0] <= 0xef ? 3
                    : text[0] >= 0xf0 && text[0] <= 0xf4 ? 4
                                                         : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

const char *tree_clean(struct arena *arena, const char *text)
{
    if (!text)
        return NULL;
    char *out = arena_alloc(arena, TREE_TEXT_BYTES + 1);
    size_t used = 0, end = 0; /* end: behind the last byte that is no blank */
    for (const unsigned char *p = (const unsigned char *)text; *p && *p != '\n';) {
        size_t length = sequence_length(p);
        bool is_c1 = length == 2 && p[0] == 0xc2 && p[1] < 0xa0;
        if (length == 0 || is_c1 || *p < ' ' || *p == 0x7f) {
            p += length ? length : 1;
            continue;
        }
        if (used + length > TREE_TEXT_BYTES)
            break;
        if (*p != ' ' || used) {
            memcpy(out + used, p, length);
            used += length;
        }
        if (*p != ' ')
            end = used;
        p += length;
    }
    out[end] = '\0';
    return end ? out : NULL;
}

const char *tree_text(const struct tree *tree, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *path = path_of(tree, format, args), *bytes;
    va_end(args);
    if (file_read(tree->arena, path, LINE_FILE_BYTES, &bytes, NULL, NULL))
        return NULL;
    return tree_clean(tree->arena, bytes);
}

bool tree_number(const struct tree *tree, int64_t *value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *path = path_of(tree, format, args), *bytes, *end;
    va_end(args);
    if (file_read(tree->arena, path, LINE_FILE_BYTES, &bytes, NULL, NULL))
        return false;
    errno = 0;
    long long number = strtoll(bytes, &end, strncmp(bytes, "0x", 2) == 0 ? 16 : 10);
    if (errno || end == bytes || (*end && *end != '\n'))
        return false;
    *value = number;
    return true;
}

char *tree_bytes(const struct tree *tree, size_t limit, size_t *size, const char *path)
{
    char *bytes;
    path = arena_printf(tree->arena, "%s%s", tree->root, path);
    return file_read(tree->arena, path, limit, &bytes, size, NULL) ? NULL : bytes;
}

bool tree_has(const struct tree *tree, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = path_of(tree, format, args);
    va_end(args);
    return access(path, F_OK) == 0;
}

const char *tree_link(const struct tree *tree, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = path_of(tree, format, args);
    va_end(args);
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length <= 0)
        return NULL;
    target[length] = '\0';
    const char *slash = strrchr(target, '/');
    return tree_clean(tree->arena, slash ? slash + 1 : target);
}

const char *tree_real(const struct tree *tree, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = path_of(tree, format, args);
    va_end(args);
    char real[PATH_MAX], root[PATH_MAX] = "";
    if (!realpath(path, real) || (*tree->root && !realpath(tree->root, root)))
        return NULL;
    size_t length = strlen(root);
    return strncmp(real, root, length) == 0 ? arena_strdup(tree->arena, real + length) : NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *tree_names(const struct tree *tree, const char *path, int *count)
{
    *count = 0;
    DIR *folder = opendir(arena_printf(tree->arena, "%s%s", tree->root, path));
    if (!folder)
        return NULL;
    int room = 64;
    const char **names = ARENA_ARRAY(tree->arena, const char *, (size_t)room);
    struct dirent *entry;
    while (*count < TREE_NAMES && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        if (*count == room) {
            const char **larger = ARENA_ARRAY(tree->arena, const char *, (size_t)room * 2);
            memcpy((void *)larger, (void *)names, sizeof(*names) * (size_t)room);
            names = larger;
            room *= 2;
        }
        names[(*count)++] = arena_strdup(tree->arena, entry->d_name);
    }
    closedir(folder);
    qsort((void *)names, (size_t)*count, sizeof(*names), compare_names);
    return names;
}

int tree_list(const char *text, int *numbers, int max)
{
    int count = 0;
    while (text && *text >= '0' && *text <= '9' && count < max) {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        if (first > INT_MAX || last > INT_MAX)
            break;
        for (long number = first; number <= last && count < max; number++)
            numbers[count++] = (int)number;
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

/* See os_release.h. */
#include "src/agent/os_release.h"

#include <string.h>

const char *os_release_value(const char *text, const char *name, struct arena *arena)
{
    size_t length = strlen(name);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, name, length) != 0 || line[length] != '=')
            continue;
        const char *value = line + length + 1;
        value += *value == '"' || *value == '\'';
        return arena_strndup(arena, value, strcspn(value, "\"'\n"));
    }
    return "";
}

/* Flags, usage errors and input that all commands share: see cli.h. */
#include "src/cli/cli.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/base/file.h"

/** 1: *argv[0] is the flag and *value its value, from "--flag=value" or the next word; taken words.
 */
static int flag_with_value(const char *flag, int argc, char **argv, const char **value,
                           struct error *err)
{
    size_t length = strlen(flag);
    if (strncmp(argv[0], flag, length))
        return 0;
    if (argv[0][length] == '=') {
        *value = argv[0] + length + 1;
        return 1;
    }
    if (argv[0][length])
        return 0;
    if (argc < 2) {
        error_set(err, ERR_BAD_INPUT, "%s needs a value", flag);
        return -1;
    }
    *value = argv[1];
    return 2;
}

static int take_flag(struct cli *cli, int argc, char **argv, struct error *err)
{
    if (!strcmp(argv[0], "--json")) {
        cli->json = true;
        return 1;
    }
    if (!strcmp(argv[0], "--wait")) {
        cli->wait = true;
        return 1;
    }
    if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
        cli->help = true;
        return 1;
    }
    int taken = flag_with_value("--profile", argc, argv, &cli->profile, err);
    if (!taken)
        taken = flag_with_value("--socket", argc, argv, &cli->socket, err);
    return taken;
}

int cli_take_flags(struct cli *cli, int argc, char **argv, struct error *err)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        int taken = i > 0 ? take_flag(cli, argc - i, argv + i, err) : 0;
        if (taken < 0)
            return -1;
        if (taken > 0) {
            i += taken - 1;
            continue;
        }
        if (i > 0 && !strcmp(argv[i], "--")) {
            for (i++; i < argc; i++)
                argv[kept++] = argv[i];
            break;
        }
        argv[kept++] = argv[i];
    }
    return kept;
}

int cli_match_words(const char *name, int argc, char **argv)
{
    int words = 0;
    for (const char *p = name; *p; words++) {
        size_t length = strcspn(p, " ");
        if (words == argc || strlen(argv[words]) != length || strncmp(argv[words], p, length))
            return 0;
        p += length + (p[length] == ' ');
    }
    return words;
}

#undef cli_usage
enum error_code cli_usage(struct error *err, const char *command, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(err, ERR_BAD_INPUT, "%s; see: gantry %s--help", text, command);
}

static enum error_code read_stdin(struct cli *cli, size_t limit, char **bytes, size_t *size,
                                  struct error *err)
{
    size_t room = 4096, used = 0;
    char *buffer = arena_alloc(cli->arena, room);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buffer + used, room - used - 1);
        if (got < 0)
            return error_errno(err, "read standard input");
        if (got == 0)
            break;
        used += (size_t)got;
        if (used > limit)
            return error_set(err, ERR_TOO_LARGE, "standard input is longer than %zu bytes", limit);
        if (used + 1 < room)
            continue;
        char *larger = arena_alloc(cli->arena, room * 2);
        memcpy(larger, buffer, used);
        buffer = larger;
        room *= 2;
    }
    buffer[used] = '\0';
    *bytes = buffer;
    *size = used;
    return ERR_OK;
}

enum error_code cli_read_input(struct cli *cli, const char *path, size_t limit, char **bytes,
                               size_t *size, struct error *err)
{
    if (!strcmp(path, "-"))
        return read_stdin(cli, limit, bytes, size, err);
    return file_read(cli->arena, path, limit, bytes, size, err);
}

enum error_code cli_read_secret(struct cli *cli, const char *path, const char **secret,
                                struct error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    enum error_code code = cli_read_input(cli, path, CLI_SECRET_BYTES, &bytes, &size, err);
    if (code)
        return code;
    while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
        bytes[--size] = '\0';
    if (size == 0 || strlen(bytes) != size)
        return error_set(err, ERR_BAD_INPUT, "%s holds no text", path);
    *secret = bytes;
    return ERR_OK;
}

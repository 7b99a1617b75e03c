/*
 * What every command of the gantry program gets: one process, one command, one arena, straight-line
 * blocking code. A command prints its result to stdout and returns an error for main to print.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "src/base/arena.h"
#include "src/base/error.h"

struct cli {
    struct arena *arena;
    const char *profile; /* --profile or GANTRY_PROFILE; NULL = the one in use */
    const char *socket;  /* control socket of the local regiond */
    bool json;           /* --json: machine-readable output */
    bool help;           /* --help: say how instead of doing it */
    bool wait;           /* --wait: until what an API action began on a machine has ended */
};

/** argv[0] is the command's own word; flags that hold for all commands are already taken out. */
typedef enum error_code cli_function(struct cli *cli, int argc, char **argv, struct error *err);

struct cli_command {
    const char *name;
    cli_function *run;
    const char *summary;
};

/** The rows of main.c that are no API subject: for help and completion. */
extern const struct cli_command cli_commands[];
extern const int cli_commands_count;

/**
 * Take the flags that hold for all commands out of argv (up to a bare --) and return the new argc.
 * Errors: BAD_INPUT through *err, then the result is -1.
 */
int cli_take_flags(struct cli *cli, int argc, char **argv, struct error *err);

/** Number of words of name ("cluster join") if argv begins with them, else 0. */
int cli_match_words(const char *name, int argc, char **argv);

/** Wrong usage: BAD_INPUT, with where to read how. */
enum error_code cli_usage(struct error *err, const char *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__ /* see error.h */
#define cli_usage(err, ...) ((void)(cli_usage)((err), __VA_ARGS__), ERR_BAD_INPUT)
#endif

enum { CLI_SECRET_BYTES = 4096, CLI_INPUT_BYTES = 64 << 20 };

/** A whole file, or stdin for "-". Errors: NOT_FOUND, TOO_LARGE, IO. */
enum error_code cli_read_input(struct cli *cli, const char *path, size_t limit, char **bytes,
                               size_t *size, struct error *err);

/** The same with the line end at its end cut off: passwords, keys. */
enum error_code cli_read_secret(struct cli *cli, const char *path, const char **secret,
                                struct error *err);

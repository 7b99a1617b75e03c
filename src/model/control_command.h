/*
 * What can be asked at regiond's local control socket (RUN/regiond.sock): the one table that the
 * CLI's commands are built from and that regiond answers. One JSON object a line, each way:
 *
 *   request  {"command": "cluster init", "name": "lab"}      all parameters are texts
 *   reply    {"progress": "..."}                             any number of times, then one of
 *            {"ok": true, ...result}
 *            {"ok": false, "error": "conflict", "message": "..."}   error: as error_name() says
 *
 * A connection carries one request. Any thread. names: control_commands
 */
#pragma once

struct control_command {
    const char *name;    /* "cluster token create": the words of the command line too */
    const char *doc;     /* first line: summary; ":param NAME: text", "(needed)" in it when it is */
    const char *example; /* what follows "gantry " */
};

enum { CONTROL_LINE_BYTES = 1 << 20 }; /* the longest line, either way */

extern const struct control_command control_commands[];
extern const int control_commands_count;

/** The row with this name, or NULL. */
const struct control_command *control_command_find(const char *name);

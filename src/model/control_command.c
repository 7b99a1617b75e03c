/* The one table of control commands: see control_command.h. */
#include "src/model/control_command.h"

#include <stddef.h>
#include <string.h>

const struct control_command control_commands[] = {
#define CONTROL(name, doc, example) {name, doc, example},
#include "src/model/control_commands.def"
#undef CONTROL
};
const int control_commands_count = sizeof(control_commands) / sizeof(control_commands[0]);

const struct control_command *control_command_find(const char *name)
{
    for (int i = 0; i < control_commands_count; i++)
        if (!strcmp(control_commands[i].name, name))
            return &control_commands[i];
    return NULL;
}

/* Kinds of operations: see operation_kind.h. */
#include "src/model/operation_kind.h"

#include <stddef.h>
#include <string.h>

#include "src/base/container.h"

/* Off before on, never a cycle: both may be done twice without harm. */
static const struct operation_kind kinds[] = {
    {"commission", {"off", "on"}, OPERATION_END_NOTHING, "start commissioning"},
    {"test", {"off", "on"}, OPERATION_END_NOTHING, "start testing"},
    {"deploy", {"off", "on"}, OPERATION_END_NOTHING, "start the deployment"},
    {"erase", {"off", "on"}, OPERATION_END_NOTHING, "start erasing the disks"},
    {"rescue", {"off", "on"}, OPERATION_END_NOTHING, "start the rescue system"},
    {"release_scripts", {"off", "on"}, OPERATION_END_NOTHING, "start the release scripts"},
    {"release", {"off"}, OPERATION_END_FREE, "release the machine"},
    {"exit_rescue", {"off"}, OPERATION_END_BACK, "leave the rescue system"},
    {"resume", {"off", "on"}, OPERATION_END_BACK, "start the deployed system again"},
    {"restart", {"off", "on"}, OPERATION_END_NOTHING, "start the deployed system again"},
    {"off", {"off"}, OPERATION_END_NOTHING, "power the machine off"},
};

static const int delays_s[] = {2, 5, 10, 20, 30};

const struct operation_kind *operation_kind_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

const char *operation_kind_next(const struct operation_kind *kind, const char *step)
{
    if (!step)
        return kind->steps[0];
    for (int i = 0; i + 1 < OPERATION_STEPS; i++)
        if (!strcmp(kind->steps[i], step))
            return kind->steps[i + 1];
    return NULL;
}

int operation_kind_delay_s(int failures)
{
    return failures >= 1 && failures <= (int)COUNT_OF(delays_s) ? delays_s[failures - 1] : -1;
}

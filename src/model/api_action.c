/* The one table of API actions: see api_action.h. */
#include "src/model/api_action.h"

#include <string.h>

const struct api_handler api_handlers[] = {
#define HANDLER(name, path, doc) {#name, path, doc},
#define ACTION(handler, method, op, name, access, function, doc)
#include "src/model/actions/all.def"
#undef HANDLER
#undef ACTION
};
const int api_handlers_count = sizeof(api_handlers) / sizeof(api_handlers[0]);

const struct api_action api_actions[] = {
#define HANDLER(name, path, doc)
#define ACTION(handler, method, op, name, access, function, doc) \
    {#handler, API_##method, op, name, access, doc},
#include "src/model/actions/all.def"
#undef HANDLER
#undef ACTION
};
const int api_actions_count = sizeof(api_actions) / sizeof(api_actions[0]);

const char *api_method_name(enum api_method method)
{
    static const char *const names[] = {"GET", "POST", "PUT", "DELETE"};
    return names[method];
}

const struct api_handler *api_handler_find(const char *name)
{
    for (int i = 0; i < api_handlers_count; i++)
        if (!strcmp(api_handlers[i].name, name))
            return &api_handlers[i];
    return NULL;
}

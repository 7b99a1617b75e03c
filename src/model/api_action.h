/*
 * names: api_
 * The one table of API actions: routes of the region, its describe document, and the commands of
 * the CLI are all read from it. The rows stand in src/model/actions/ *.def, one file a subject:
 *
 *   HANDLER(MachineHandler, "machines/{system_id}/", "Text for people.")
 *   ACTION(MachineHandler, GET, NULL, "read", API_USER, machine_read,
 *          "Read a machine.\n\n:param name: what it is\n")
 *
 * Paths are below /MAAS/api/2.0/. The function is the handler in src/region (see api.h there).
 * Every action that takes parameters has a ":param NAME: text" line for each: MAAS's own CLI offers
 * parameters only to such actions.
 */
#pragma once

#include <stdbool.h>

#include "src/base/error.h"

enum api_method { API_GET, API_POST, API_PUT, API_DELETE };
enum api_access {
    API_ANON,      /* anybody; a given identity is still checked */
    API_ANON_ONLY, /* as API_ANON, and described as an anonymous handler only (version, describe) */
    API_USER,
    API_ADMIN,
};

struct api_handler {
    const char *name; /* "MachineHandler" */
    const char *path; /* "machines/{system_id}/" */
    const char *doc;
};

struct api_action {
    const char *handler_name;
    enum api_method method;
    const char *op;   /* NULL for create, read, update, delete */
    const char *name; /* "read", "power_on" */
    enum api_access access;
    const char *doc;
};

extern const struct api_handler api_handlers[];
extern const int api_handlers_count;
extern const struct api_action api_actions[];
extern const int api_actions_count;

const char *api_method_name(enum api_method method);
const struct api_handler *api_handler_find(const char *name);

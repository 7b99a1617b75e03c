/*
 * Which function answers a path: the table of API actions (src/model/actions) and the table of
 * pages (pages.def), compiled once at start, read by every thread after that.
 */
#pragma once

#include "src/region/api.h"
#include "src/region/http_path.h"

enum { ROUTES_VALUES = 6 };

enum page_mode { PAGE_DB, PAGE_OPEN, PAGE_ALONE }; /* see pages.def */

struct page {
    enum api_method method;
    const char *prefix;
    enum page_mode mode;
    api_function *function;
};

/** The functions of both tables. */
#define HANDLER(name, path, doc)
#define ACTION(handler, method, op, name, access, function, doc) api_function function;
#include "src/model/actions/all.def"
#undef HANDLER
#undef ACTION
#define PAGE(method, prefix, mode, function) api_function function;
#include "src/region/pages.def"
#undef PAGE

struct route_value {
    const char *name, *value;
};

/** Where a path leads: a handler of the API with the values of its {names}, or pages. */
struct route_match {
    const struct api_handler *resource; /* NULL for pages */
    int resource_index;
    struct route_value values[ROUTES_VALUES];
    int values_count;
    const struct page *page; /* NULL for the API */
    const char *const *rest; /* page: segments behind the prefix */
    int rest_count;
};

/** Before the first thread. */
void routes_init(void);

/** Handler of an API path; false: no such endpoint. Values live as long as the path and arena. */
bool routes_match(const struct http_path *path, struct arena *arena, struct route_match *match);

/** Page of a method and path; false when there is none: *allowed then has bits of methods. */
bool routes_match_page(const struct http_path *path, enum api_method method,
                       struct route_match *match, unsigned *allowed);

/** The action of a matched handler, or NULL; its function. op NULL = create, read... */
const struct api_action *routes_action(const struct route_match *match, enum api_method method,
                                       const char *op);
api_function *routes_function(const struct api_action *action);

/** Bits 1 << method that the handler has. */
unsigned routes_methods(const struct route_match *match);

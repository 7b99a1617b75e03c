/* Which function answers a path: see routes.h. */
#include "src/region/routes.h"

#include <string.h>

#include "src/base/container.h"

enum { HANDLERS_MAX = 256, SEGMENTS_MAX = 10, SEGMENT_BYTES = 48 };

struct route_segment {
    bool is_value;
    char text[SEGMENT_BYTES]; /* literal, or the name of the value */
};

struct route {
    struct route_segment segments[SEGMENTS_MAX];
    int count, literals;
    int first_action, actions_count; /* rows of api_actions: a handler's rows stand together */
};

static struct route routes[HANDLERS_MAX];

static api_function *const functions[] = {
#define HANDLER(name, path, doc)
#define ACTION(handler, method, op, name, access, function, doc) function,
#include "src/model/actions/all.def"
#undef HANDLER
#undef ACTION
};

static const struct page pages[] = {
#define PAGE(method, prefix, mode, function) {API_##method, prefix, mode, function},
#include "src/region/pages.def"
#undef PAGE
};

static void compile(struct route *route, const char *path)
{
    while (*path) {
        size_t size = strcspn(path, "/");
        ASSERT(route->count < SEGMENTS_MAX && size && size < SEGMENT_BYTES);
        struct route_segment *segment = &route->segments[route->count++];
        segment->is_value = path[0] == '{';
        if (segment->is_value) {
            ASSERT(path[size - 1] == '}');
            memcpy(segment->text, path + 1, size - 2);
        } else {
            memcpy(segment->text, path, size);
            route->literals++;
        }
        path += size + (path[size] == '/');
    }
}

void routes_init(void)
{
    ASSERT(api_handlers_count <= HANDLERS_MAX);
    memset(routes, 0, sizeof(routes));
    for (int h = 0; h < api_handlers_count; h++) {
        struct route *route = &routes[h];
        compile(route, api_handlers[h].path);
        for (int a = 0; a < api_actions_count; a++) {
            if (strcmp(api_actions[a].handler_name, api_handlers[h].name))
                continue;
            if (!route->actions_count++)
                route->first_action = a;
            ASSERT(a == route->first_action + route->actions_count - 1);
        }
        ASSERT(route->actions_count);
    }
}

static bool fits(const struct route *route, const char *const *segments, int count)
{
    if (route->count != count)
        return false;
    for (int i = 0; i < count; i++)
        if (!route->segments[i].is_value && strcmp(route->segments[i].text, segments[i]))
            return false;
    return true;
}

/* Other ways to the same handler, which describe does not list: MAAS's clients know both. */
static const char *known_as(const char *segment)
{
    return strcmp(segment, "commissioning-results") != 0 ? segment : "installation-results";
}

static bool is_number(const char *text)
{
    return *text && !text[strspn(text, "0123456789")];
}

/* How many of the segments are one value: MAAS's clients write slashes in names as they are. */
static int joined(const char *const *segments, int count)
{
    if (!strcmp(segments[0], "files"))
        return count - 1;
    return count == 3 && !strcmp(segments[0], "subnets") && is_number(segments[2]) ? 2 : 1;
}

static const char *join(const char *const *segments, int count, struct arena *arena)
{
    const char *text = segments[0];
    for (int i = 1; i < count; i++)
        text = arena_printf(arena, "%s/%s", text, segments[i]);
    return text;
}

bool routes_match(const struct http_path *path, struct arena *arena, struct route_match *match)
{
    static const char *const root[] = {"MAAS", "api", "2.0"};
    enum { ROOT = COUNT_OF(root) };
    const char *const *segments = path->segments + ROOT;
    const char *alias, *named[2];
    int count = path->count - ROOT, best = -1;
    for (int i = 0; i < ROOT; i++)
        if (path->count <= ROOT || strcmp(path->segments[i], root[i]))
            return false;
    if (count == 1) {
        alias = known_as(segments[0]);
        segments = &alias;
    } else if (joined(segments, count) > 1) {
        named[0] = segments[0];
        named[1] = join(segments + 1, count - 1, arena);
        segments = named;
        count = 2;
    }
    for (int h = 0; h < api_handlers_count; h++)
        if (fits(&routes[h], segments, count) &&
            (best < 0 || routes[h].literals > routes[best].literals))
            best = h;
    if (best < 0)
        return false;
    *match = (struct route_match){.resource = &api_handlers[best], .resource_index = best};
    for (int i = 0; i < count; i++) {
        if (!routes[best].segments[i].is_value)
            continue;
        ASSERT(match->values_count < ROUTES_VALUES);
        match->values[match->values_count++] =
            (struct route_value){routes[best].segments[i].text, segments[i]};
    }
    return true;
}

/* How many segments of the path the prefix covers, -1 when it does not lead there. */
static int covers(const char *prefix, const struct http_path *path)
{
    int count = 0;
    while (*++prefix) { /* behind each slash */
        size_t size = strcspn(prefix, "/");
        if (count == path->count || strncmp(path->segments[count], prefix, size) ||
            path->segments[count][size])
            return -1;
        count++;
        prefix += size;
        if (!*prefix)
            break;
    }
    return count;
}

bool routes_match_page(const struct http_path *path, enum api_method method,
                       struct route_match *match, unsigned *allowed)
{
    int longest = -1;
    const struct page *best = NULL;
    *allowed = 0;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        int covered = covers(pages[i].prefix, path);
        if (covered < 0 || covered < longest)
            continue;
        if (covered > longest) {
            longest = covered;
            best = NULL;
            *allowed = 0;
        }
        *allowed |= 1U << pages[i].method;
        if (pages[i].method == method)
            best = &pages[i];
    }
    if (!best)
        return false;
    *match = (struct route_match){
        .page = best, .rest = path->segments + longest, .rest_count = path->count - longest};
    return true;
}

const struct api_action *routes_action(const struct route_match *match, enum api_method method,
                                       const char *op)
{
    const struct route *route = &routes[match->resource_index];
    for (int i = 0; i < route->actions_count; i++) {
        const struct api_action *action = &api_actions[route->first_action + i];
        if (action->method == method &&
            (op ? action->op && !strcmp(action->op, op) : action->op == NULL))
            return action;
    }
    return NULL;
}

api_function *routes_function(const struct api_action *action)
{
    return functions[action - api_actions];
}

unsigned routes_methods(const struct route_match *match)
{
    const struct route *route = &routes[match->resource_index];
    unsigned methods = 0;
    for (int i = 0; i < route->actions_count; i++)
        methods |= 1U << api_actions[route->first_action + i].method;
    return methods;
}

/* From words of the command line to a row of the action table: see api_subject.h. */
#include "src/cli/api_subject.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void api_subject_parts(const char *path, struct arena *arena, struct api_subject_parts *parts)
{
    *parts = (struct api_subject_parts){0};
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
        const char *close = strchr(open, '}');
        ASSERT(close && parts->count < API_SUBJECT_PARTS);
        parts->names[parts->count++] = arena_strndup(arena, open + 1, (size_t)(close - open - 1));
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && !strcmp(text + length - end_length, end);
}

/** MAAS's word for a handler: runs of capitals stay together, "BootSources" -> "boot-sources". A
 * second way to the same things (VlanByIdHandler) has the same word. */
static char *plain_name(const char *handler_name, struct arena *arena)
{
    size_t length = strlen(handler_name);
    if (ends_with(handler_name, "Handler"))
        length -= strlen("Handler");
    if (ends_with(handler_name, "ByIdHandler"))
        length -= strlen("ById");
    char *name = arena_alloc(arena, 2 * length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && isupper((unsigned char)handler_name[i]) &&
            !isupper((unsigned char)handler_name[i - 1]))
            name[used++] = '-';
        name[used++] = (char)tolower((unsigned char)handler_name[i]);
    }
    return name;
}

const char *api_subject_name(const char *handler_name, struct arena *arena)
{
    char *name = plain_name(handler_name, arena);
    size_t length = strlen(name);
    if (!strcmp(name, "maas"))
        return name;
    if (ends_with(name, "ies"))
        memcpy(name + length - 3, "y", 2);
    else if (ends_with(name, "sses"))
        name[length - 2] = '\0';
    else if (ends_with(name, "s") && !ends_with(name, "ss"))
        name[length - 1] = '\0';
    return name;
}

static bool is_collection(const struct api_action *action, struct arena *arena)
{
    return strcmp(plain_name(action->handler_name, arena),
                  api_subject_name(action->handler_name, arena)) != 0;
}

const char *api_subject_verb(const struct api_action *action, struct arena *arena)
{
    if (!strcmp(action->name, "read") && is_collection(action, arena))
        return "list";
    char *verb = arena_strdup(arena, action->name);
    for (char *p = verb; *p; p++)
        if (*p == '_')
            *p = '-';
    return verb;
}

/** 0: another subject; 1: the subject in the singular; 2: MAAS's name of just this handler. */
static int match_subject(const struct api_action *action, const char *word, struct arena *arena)
{
    if (!strcmp(api_subject_name(action->handler_name, arena), word))
        return 1;
    return !strcmp(plain_name(action->handler_name, arena), word) ? 2 : 0;
}

bool api_subject_exists(const char *word)
{
    struct arena *arena = arena_new();
    bool found = false;
    for (int i = 0; i < api_actions_count && !found; i++)
        found = match_subject(&api_actions[i], word, arena) != 0;
    arena_free(arena);
    return found;
}

/* The action's own word, with dashes or underscores. */
static bool match_name(const struct api_action *action, const char *word, struct arena *arena)
{
    char *verb = arena_strdup(arena, word);
    for (char *p = verb; *p; p++)
        if (*p == '_')
            *p = '-';
    return !strcmp(api_subject_verb(action, arena), verb);
}

static bool match_verb(const struct api_action *action, const char *word, struct arena *arena)
{
    return match_name(action, word, arena) ||
           (!strcmp(action->name, "read") && !strcmp(word, "read"));
}

static int parts_of(const struct api_action *action, struct arena *arena)
{
    struct api_subject_parts parts;
    api_subject_parts(api_handler_find(action->handler_name)->path, arena, &parts);
    return parts.count;
}

static const char *known_verbs(const char *subject, struct arena *arena)
{
    int count;
    const struct api_action **actions = api_subject_actions(subject, arena, &count);
    const char *text = "";
    for (int i = 0; i < count; i++)
        text =
            arena_printf(arena, "%s%s%s", text, i ? ", " : "", api_subject_verb(actions[i], arena));
    return text;
}

/* "read" is a word for a collection's "list" too: the action of that very name goes before it. */
static bool is_better(const struct api_action *row, const struct api_action *best, const char *verb,
                      int parts_given, struct arena *arena)
{
    bool row_is = match_name(row, verb, arena), best_is = best && match_name(best, verb, arena);
    return !best || (row_is && !best_is) ||
           (row_is == best_is && parts_of(row, arena) == parts_given);
}

enum error_code api_subject_find(const char *subject, const char *verb, int parts_given,
                                 struct arena *arena, const struct api_action **action,
                                 struct error *err)
{
    const struct api_action *best = NULL;
    for (int i = 0; i < api_actions_count; i++) {
        const struct api_action *row = &api_actions[i];
        if (!match_subject(row, subject, arena) || !match_verb(row, verb, arena))
            continue;
        if (is_better(row, best, verb, parts_given, arena))
            best = row;
    }
    *action = best;
    if (best)
        return ERR_OK;
    return error_set(err, ERR_BAD_INPUT, "%s has no action \"%s\"; it has: %s", subject, verb,
                     known_verbs(subject, arena));
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **api_subject_all(struct arena *arena, int *count)
{
    const char **names = ARENA_ARRAY(arena, const char *, (size_t)api_handlers_count + 1);
    int total = 0;
    for (int i = 0; i < api_handlers_count; i++)
        names[total++] = api_subject_name(api_handlers[i].name, arena);
    qsort(names, (size_t)total, sizeof(*names), compare_text);
    *count = 0;
    for (int i = 0; i < total; i++)
        if (*count == 0 || strcmp(names[*count - 1], names[i]))
            names[(*count)++] = names[i];
    return names;
}

const struct api_action **api_subject_actions(const char *subject, struct arena *arena, int *count)
{
    const struct api_action **found =
        ARENA_ARRAY(arena, const struct api_action *, (size_t)api_actions_count + 1);
    *count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < api_actions_count; i++)
            if (match_subject(&api_actions[i], subject, arena) &&
                is_collection(&api_actions[i], arena) == (pass == 0))
                found[(*count)++] = &api_actions[i];
    return found;
}

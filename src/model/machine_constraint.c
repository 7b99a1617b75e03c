/* Constraints on disks and interfaces: see machine_constraint.h. */
#include "src/model/machine_constraint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"

enum { TEXT_BYTES = 4096 };

static const char *const interface_keys[] = {
    "id",    "fabric",      "fabric_class", "ip",   "mode", "name", "hostname",   "subnet",
    "space", "subnet_cidr", "type",         "vlan", "vid",  "tag",  "link_speed",
};

/* Trimmed, in the arena. */
static char *piece(struct arena *arena, const char *at, size_t size)
{
    while (size && strchr(" \t", at[0]))
        at++, size--;
    while (size && strchr(" \t", at[size - 1]))
        size--;
    return arena_strndup(arena, at, size);
}

/* Up to the next of ends outside of parentheses. */
static size_t span(const char *text, char end)
{
    int depth = 0;
    size_t size = 0;
    for (; text[size] && (depth || text[size] != end); size++)
        depth += text[size] == '(' ? 1 : text[size] == ')' && depth ? -1 : 0;
    return size;
}

static bool is_label(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *p))
            return false;
    return *text && strlen(text) <= 64;
}

static bool read_tags(struct arena *arena, char *text, struct constraint_disk *disk)
{
    while (*text) {
        size_t size = strcspn(text, ",");
        const char *tag = piece(arena, text, size);
        if (!*tag || strpbrk(tag, "()") || disk->tags_count == CONSTRAINT_TERMS)
            return false;
        disk->tags[disk->tags_count++] = tag;
        text += size + (text[size] == ',');
    }
    return true;
}

static bool read_disk(struct arena *arena, const char *text, struct constraint_disk *disk)
{
    const char *colon = strchr(text, ':');
    char *end;
    if (colon) {
        disk->label = piece(arena, text, (size_t)(colon - text));
        if (!is_label(disk->label))
            return false;
        text = colon + 1;
    }
    if (!strchr("0123456789.", *text))
        return false;
    double size_gb = strtod(text, &end);
    if (end == text || !isfinite(size_gb) || size_gb < 0 || size_gb > 1e9)
        return false;
    disk->size_bytes = (uint64_t)(size_gb * 1e9);
    if (!*end)
        return true;
    size_t size = strlen(end);
    if (*end != '(' || end[size - 1] != ')')
        return false;
    return read_tags(arena, piece(arena, end + 1, size - 2), disk);
}

enum error_code machine_constraint_disks(const char *text, struct arena *arena,
                                         struct constraint_disks *disks, struct error *err)
{
    const char *all = text;
    *disks = (struct constraint_disks){0};
    if (strlen(text) > TEXT_BYTES)
        return error_set(err, ERR_BAD_INPUT, "Malformed storage constraint: too long.");
    while (*text) {
        size_t size = span(text, ',');
        if (disks->count == CONSTRAINT_ITEMS ||
            !read_disk(arena, piece(arena, text, size), &disks->items[disks->count++]))
            return error_set(err, ERR_BAD_INPUT, "Malformed storage constraint, \"%.200s\".", all);
        text += size + (text[size] == ',');
    }
    return ERR_OK;
}

static bool read_term(struct arena *arena, const char *text, struct constraint_term *term)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return false;
    term->key = piece(arena, text, (size_t)(equals - text));
    term->value = piece(arena, equals + 1, strlen(equals + 1));
    term->negated = !strncmp(term->key, "not_", 4);
    if (term->negated)
        term->key += 4;
    for (size_t i = 0; i < COUNT_OF(interface_keys); i++)
        if (!strcmp(interface_keys[i], term->key))
            return *term->value;
    return false;
}

static bool read_interface(struct arena *arena, const char *text, struct constraint_interface *item)
{
    const char *colon = strchr(text, ':');
    if (!colon)
        return false;
    item->label = piece(arena, text, (size_t)(colon - text));
    if (!is_label(item->label))
        return false;
    text = colon + 1;
    while (*text) {
        size_t size = strcspn(text, ",");
        if (item->terms_count == CONSTRAINT_TERMS ||
            !read_term(arena, piece(arena, text, size), &item->terms[item->terms_count++]))
            return false;
        text += size + (text[size] == ',');
    }
    return item->terms_count;
}

enum error_code machine_constraint_interfaces(const char *text, struct arena *arena,
                                              struct constraint_interfaces *interfaces,
                                              struct error *err)
{
    const char *all = text;
    *interfaces = (struct constraint_interfaces){0};
    if (strlen(text) > TEXT_BYTES)
        return error_set(err, ERR_BAD_INPUT, "Malformed interface constraint: too long.");
    while (*text) {
        size_t size = strcspn(text, ";");
        const char *item = piece(arena, text, size);
        if (*item && (interfaces->count == CONSTRAINT_ITEMS ||
                      !read_interface(arena, item, &interfaces->items[interfaces->count++])))
            return error_set(err, ERR_BAD_INPUT, "Malformed interface constraint, \"%.200s\".",
                             all);
        text += size + (text[size] == ';');
    }
    return ERR_OK;
}

/* Augmenting paths (Kuhn): small numbers. */
struct matching {
    int offers;
    bool (*fits)(const void *subject, int want, int offer);
    const void *subject;
    int *taken;  /* by want */
    bool *tried; /* by offer */
    int wants;
};

static int taker_of(const struct matching *matching, int offer)
{
    for (int want = 0; want < matching->wants; want++)
        if (matching->taken[want] == offer)
            return want;
    return -1;
}

/* The depth is that of the wants: bounded. */
static bool find_offer(struct matching *matching, int want)
{
    for (int offer = 0; offer < matching->offers; offer++) {
        if (matching->tried[offer] || !matching->fits(matching->subject, want, offer))
            continue;
        matching->tried[offer] = true;
        int taker = taker_of(matching, offer);
        if (taker >= 0 && !find_offer(matching, taker))
            continue;
        matching->taken[want] = offer;
        return true;
    }
    return false;
}

bool machine_constraint_match(int wants, int offers,
                              bool (*fits)(const void *subject, int want, int offer),
                              const void *subject, int *taken)
{
    ASSERT(wants <= CONSTRAINT_ITEMS);
    bool *tried = calloc((size_t)offers + 1, sizeof(*tried));
    ASSERT(tried);
    struct matching matching = {offers, fits, subject, taken, tried, wants};
    bool all = true;
    for (int want = 0; want < wants; want++)
        taken[want] = -1;
    for (int want = 0; want < wants && all; want++) {
        memset(tried, 0, (size_t)offers * sizeof(*tried));
        all = find_offer(&matching, want);
    }
    free(tried);
    return all;
}

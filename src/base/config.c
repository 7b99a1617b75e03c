/* Configuration files: see config.h. Owner of libinih. */
#include "src/base/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/address.h"
#include "src/base/file.h"
#include "src/base/limits.h"

enum { MAX_KEYS = 128 };

struct load {
    const struct config_key *schema;
    int count;
    const char *path;
    char place[LIMIT_PATH + 16];
    const char *origin; /* where the value under work stands: "file", "--set", "environment" */
    struct arena *arena;
    char *into;
    bool seen[MAX_KEYS];
    const char *text; /* what is left of the file */
    int line;
    bool partial;
    struct error *err;
    enum error_code code;
};

static const struct config_key *find(const struct load *load, const char *section, const char *name)
{
    for (int i = 0; i < load->count; i++)
        if (!strcmp(load->schema[i].section, section) && !strcmp(load->schema[i].name, name))
            return &load->schema[i];
    return NULL;
}

static enum error_code expected(struct load *load, const struct config_key *key, const char *value,
                                const char *what)
{
    return error_set(load->err, ERR_BAD_INPUT, "%s: [%s] %s = %.80s: expected %s", load->origin,
                     key->section, key->name, value, what);
}

static bool parse_bool(const char *value, bool *yes)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (int i = 0; i < 8; i++) {
        if (!strcasecmp(value, words[i])) {
            *yes = i & 1;
            return true;
        }
    }
    return false;
}

static enum error_code set_int(struct load *load, const struct config_key *key, const char *value)
{
    char *end, what[64];
    errno = 0;
    long number = strtol(value, &end, 10);
    if (errno || end == value || *end || number < key->low || number > key->high) {
        snprintf(what, sizeof(what), "a number from %ld to %ld", key->low, key->high);
        return expected(load, key, value, what);
    }
    *(int *)(load->into + key->offset) = (int)number;
    return ERR_OK;
}

static enum error_code set_choice(struct load *load, const struct config_key *key,
                                  const char *value)
{
    char what[128] = "one of";
    for (int i = 0; i < 6 && key->choices[i]; i++) {
        if (!strcmp(key->choices[i], value)) {
            *(int *)(load->into + key->offset) = i;
            return ERR_OK;
        }
        size_t used = strlen(what);
        snprintf(what + used, sizeof(what) - used, " %s", key->choices[i]);
    }
    return expected(load, key, value, what);
}

static enum error_code set_value(struct load *load, const struct config_key *key, const char *value)
{
    ip4 ip;
    struct ip4_net net;
    switch (key->type) {
    case CONFIG_INT:
        return set_int(load, key, value);
    case CONFIG_CHOICE:
        return set_choice(load, key, value);
    case CONFIG_BOOL:
        return parse_bool(value, (bool *)(load->into + key->offset))
                   ? ERR_OK
                   : expected(load, key, value, "yes or no");
    case CONFIG_PATH:
        if (value[0] != '/' || strlen(value) >= LIMIT_PATH)
            return expected(load, key, value, "an absolute path");
        break;
    case CONFIG_IP:
        if (value[0] && !ip4_parse(value, &ip))
            return expected(load, key, value, "an IPv4 address");
        break;
    case CONFIG_NET:
        if (value[0] && !ip4_net_parse(value, &net))
            return expected(load, key, value, "an IPv4 address with prefix, such as 10.0.0.9/24");
        break;
    case CONFIG_TEXT:
        break;
    }
    *(const char **)(load->into + key->offset) = arena_strdup(load->arena, value);
    return ERR_OK;
}

/* One line for libinih, counted: Debian's build does not pass line numbers on. */
static char *next_line(char *line, int size, void *stream)
{
    struct load *load = stream;
    if (!*load->text || load->code)
        return NULL;
    load->line++;
    size_t length = strcspn(load->text, "\n");
    if (length + 2 > (size_t)size) {
        load->code = error_set(load->err, ERR_BAD_INPUT, "%s:%d: line longer than %d characters",
                               load->path, load->line, size - 2);
        return NULL;
    }
    memcpy(line, load->text, length);
    line[length] = '\0';
    load->text += length + (load->text[length] == '\n');
    return line;
}

/* libinih calls this for each "name = value"; 0 counts as an error there. */
static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    struct load *load = user;
    if (load->code)
        return 0;
    snprintf(load->place, sizeof(load->place), "%s:%d", load->path, load->line);
    load->origin = load->place;
    const struct config_key *key = find(load, section, name);
    if (!key && load->partial)
        return 1;
    if (!key)
        load->code = error_set(load->err, ERR_BAD_INPUT,
                               "%s: unknown key [%.40s] %.40s: see "
                               "--help-config for the keys",
                               load->origin, section, name);
    else if (load->seen[key - load->schema])
        load->code = error_set(load->err, ERR_BAD_INPUT, "%s: [%s] %s is given twice", load->origin,
                               section, name);
    else
        load->code = set_value(load, key, value ? value : "");
    if (key)
        load->seen[key - load->schema] = true;
    return load->code == ERR_OK;
}

static enum error_code load_file(struct load *load, bool must_exist)
{
    char *text;
    size_t size;
    struct arena *scratch = arena_new();
    enum error_code code =
        file_read(scratch, load->path, LIMIT_CONFIG_BYTES, &text, &size, load->err);
    if (code == ERR_NOT_FOUND && !must_exist) {
        code = ERR_OK;
    } else if (code == ERR_OK && strlen(text) != size) {
        code = error_set(load->err, ERR_BAD_INPUT, "%s: not a text file", load->path);
    } else if (code == ERR_OK) {
        load->text = text;
        int line = ini_parse_stream(next_line, load, on_pair, load);
        code = load->code;
        if (line > 0 && code == ERR_OK)
            code = error_set(load->err, ERR_BAD_INPUT,
                             "%s:%d: expected \"[section]\" or \"key = value\"", load->path, line);
    }
    arena_free(scratch);
    return code;
}

static enum error_code apply_set(struct load *load, const char *set)
{
    char copy[LIMIT_PATH];
    snprintf(copy, sizeof(copy), "%s", set);
    char *equals = strchr(copy, '='), *dot = strchr(copy, '.');
    if (!equals || !dot || dot > equals)
        return error_set(load->err, ERR_BAD_INPUT, "--set %.100s: expected section.key=value", set);
    *equals = *dot = '\0';
    const struct config_key *key = find(load, copy, dot + 1);
    if (!key)
        return error_set(load->err, ERR_BAD_INPUT, "--set %.100s: unknown key", set);
    load->origin = "--set";
    load->seen[key - load->schema] = true;
    return set_value(load, key, equals + 1);
}

static enum error_code apply_environment(struct load *load, const struct config_key *key)
{
    char name[96];
    int n = snprintf(name, sizeof(name), "GANTRY_%s_%s", key->section, key->name);
    ASSERT(n > 0 && (size_t)n < sizeof(name));
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    const char *value = getenv(name);
    if (!value)
        return ERR_OK;
    load->origin = name;
    load->seen[key - load->schema] = true;
    enum error_code code = set_value(load, key, value);
    load->origin = NULL;
    return code;
}

enum error_code config_load(const struct config_key *schema, int count,
                            const struct config_source *source, struct arena *arena, void *into,
                            struct error *err)
{
    ASSERT(count <= MAX_KEYS);
    struct load load = {.schema = schema,
                        .count = count,
                        .path = source->path,
                        .origin = "default",
                        .arena = arena,
                        .into = into,
                        .partial = source->partial,
                        .err = err};
    enum error_code code = ERR_OK;
    for (int i = 0; i < count && !code; i++)
        if (schema[i].fallback)
            code = set_value(&load, &schema[i], schema[i].fallback);
    ASSERT(!code); /* a wrong default is a bug */
    if (source->path)
        code = load_file(&load, source->must_exist);
    for (int i = 0; i < count && !code; i++)
        code = apply_environment(&load, &schema[i]);
    for (int i = 0; i < source->sets_count && !code; i++)
        code = apply_set(&load, source->sets[i]);
    for (int i = 0; i < count && !code; i++)
        if (!schema[i].fallback && !load.seen[i])
            code = error_set(err, ERR_BAD_INPUT, "%s: [%s] %s is missing: %s",
                             source->path ? source->path : "configuration", schema[i].section,
                             schema[i].name, schema[i].help);
    return code;
}

void config_print(const struct config_key *schema, int count)
{
    const char *section = "";
    for (int i = 0; i < count; i++) {
        if (strcmp(section, schema[i].section))
            printf("%s[%s]\n", i ? "\n" : "", schema[i].section);
        section = schema[i].section;
        printf("# %s\n", schema[i].help);
        if (schema[i].fallback)
            printf("#%s = %s\n", schema[i].name, schema[i].fallback);
        else
            printf("%s = \n", schema[i].name);
    }
}

/* Settings of the cluster: see setting.h. */
#include "src/region/setting.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/container.h"
#include "src/base/json_out.h"
#include "src/model/package_repository.h"
#include "src/model/power_driver.h"
#include "src/region/setting_table.h"

enum { VALUE_BYTES = 4096, IPMI_USER_BYTES = 16, IPMI_KEY_BYTES = 20 };

enum kind {
    TEXT,
    TEXT_OR_NULL,
    SECRET,
    BOOL,
    COUNT,
    PORT,
    URL,
    URL_OR_NULL,
    ARCHIVE,   /* of packages: a URL that apt reads as one */
    ADDRESSES, /* separated by spaces or commas; null = none */
    CHOICE,
    CHOICE_OR_EMPTY,
    DURATION,   /* "1h 15m 30s" */
    IPMI_USER,  /* of a BMC, as a commissioning script makes it */
    IPMI_KEY,   /* secret, too */
    IPMI_FLAGS, /* a list of the driver's workaround_flags; null = none */
};

struct setting {
    const char *name;
    enum kind kind;
    const char *fallback; /* JSON */
    const char *allowed;  /* words, NULL = all */
};

static const struct setting settings[] = {
#define X(name, kind, fallback, allowed) {#name, kind, fallback, allowed},
    SETTING_TABLE(X)
#undef X
};

static const struct setting *find(const char *name)
{
    if (!strcmp(name, "ntp_server"))
        name = "ntp_servers";
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        if (!strcmp(settings[i].name, name))
            return &settings[i];
    return NULL;
}

static enum error_code need(const char *name, const struct setting **setting, struct error *err)
{
    *setting = find(name);
    if (!*setting)
        return error_set(err, ERR_NOT_FOUND, "%.100s is not a valid config setting.", name);
    return ERR_OK;
}

bool setting_is_secret(const char *name)
{
    const struct setting *setting = find(name);
    return setting && (setting->kind == SECRET || setting->kind == IPMI_KEY);
}

enum error_code setting_json(struct db *db, const char *name, struct arena *arena,
                             const char **json, struct error *err)
{
    DB_STATEMENT(setting_read, "SELECT value FROM setting WHERE name = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const struct setting *setting;
    enum error_code code = need(name, &setting, err);
    if (!code)
        code = db_query(db, &setting_read, DB_PARAMS(setting->name), &rows, err);
    if (!code)
        *json = rows.count ? arena_strdup(arena, db_text(&rows, 0, 0)) : setting->fallback;
    return code;
}

static const char *text_of(const char *json, struct arena *arena)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    const char *text = json_is_string(value) ? arena_strdup(arena, json_string_value(value))
                       : json_is_null(value) ? NULL
                                             : json;
    json_decref(value);
    return text;
}

enum error_code setting_text(struct db *db, const char *name, struct arena *arena,
                             const char **text, struct error *err)
{
    const char *json;
    enum error_code code = setting_json(db, name, arena, &json, err);
    if (!code)
        *text = text_of(json, arena);
    return code;
}

enum error_code setting_chosen(struct db *db, const char *name, struct arena *arena,
                               const char **text, struct error *err)
{
    const char *json;
    enum error_code code = setting_json(db, name, arena, &json, err);
    if (!code)
        *text = json == find(name)->fallback ? NULL : text_of(json, arena);
    return code;
}

enum error_code setting_int(struct db *db, const char *name, struct arena *arena, int64_t *value,
                            struct error *err)
{
    const char *json;
    enum error_code code = setting_json(db, name, arena, &json, err);
    if (!code)
        *value = strtoll(json, NULL, 10);
    return code;
}

enum error_code setting_bool(struct db *db, const char *name, struct arena *arena, bool *value,
                             struct error *err)
{
    const char *json;
    enum error_code code = setting_json(db, name, arena, &json, err);
    if (!code)
        *value = !strcmp(json, "true");
    return code;
}

enum error_code setting_proxy(struct db *db, struct arena *arena, const char **proxy,
                              struct error *err)
{
    bool enabled = false;
    *proxy = NULL;
    enum error_code code = setting_bool(db, "enable_http_proxy", arena, &enabled, err);
    code = code ? code : setting_text(db, "http_proxy", arena, proxy, err);
    if (!enabled || (*proxy && !**proxy))
        *proxy = NULL;
    return code;
}

static bool is_word_of(const char *words, const char *value)
{
    size_t length = strlen(value);
    while (words && *(words += strspn(words, " "))) {
        size_t size = strcspn(words, " ");
        if (size == length && !strncmp(words, value, size))
            return true;
        words += size;
    }
    return false;
}

static bool is_url(const char *value)
{
    bool known = !strncmp(value, "http://", 7) || !strncmp(value, "https://", 8);
    return known && strlen(value) > 8 && !value[strcspn(value, " \t\r\n\"<>")];
}

static bool are_addresses(const char *value)
{
    char one[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    while (*(value += strspn(value, " ,"))) {
        size_t size = strcspn(value, " ,");
        if (size >= sizeof(one))
            return false;
        memcpy(one, value, size);
        one[size] = '\0';
        if (inet_pton(AF_INET, one, bytes) != 1 && inet_pton(AF_INET6, one, bytes) != 1)
            return false;
        value += size;
    }
    return true;
}

static bool is_duration(const char *value)
{
    if (!*value)
        return false;
    while (*(value += strspn(value, " "))) {
        size_t digits = strspn(value, "0123456789");
        if (!digits || digits > 6 || !value[digits] || !strchr("hms", value[digits]))
            return false;
        value += digits + 1;
    }
    return true;
}

/* What BMCs take, and what needs no quotes in the orders that make the user. */
static bool is_ipmi_user(const char *value)
{
    size_t size = strlen(value);
    return size && size <= IPMI_USER_BYTES && *value != '-' &&
           strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789._@-") == size;
}

static bool is_ipmi_key(const char *value)
{
    size_t size = 0;
    while (value[size] >= ' ' && value[size] <= '~')
        size++;
    return !value[size] && size <= IPMI_KEY_BYTES;
}

/* Words as a JSON list, or NULL with *why. */
static const char *read_ipmi_flags(const char *value, struct arena *arena, const char **why)
{
    const struct power_parameter *flags =
        power_driver_parameter(power_driver_find("ipmi"), "workaround_flags");
    __attribute__((cleanup(json_decrefp))) json_t *list = json_array();
    struct error err;
    while (*(value += strspn(value, " ,"))) {
        size_t size = strcspn(value, " ,");
        const char *word = arena_strndup(arena, value, size);
        if (power_parameter_check(flags, word, &err)) {
            *why = arena_strdup(arena, err.text);
            return NULL;
        }
        json_array_append_new(list, json_string(word));
        value += size;
    }
    char *text = json_dumps(list, JSON_COMPACT);
    const char *json = json_array_size(list) ? arena_strdup(arena, text) : "null";
    free(text);
    return json;
}

static const char *read_bool(const char *value)
{
    static const char *const words[][2] = {{"true", "false"}, {"yes", "no"}, {"on", "off"},
                                           {"t", "f"},        {"y", "n"},    {"1", "0"}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        for (int no = 0; no < 2; no++)
            if (!strcasecmp(value, words[i][no]))
                return no ? "false" : "true";
    return NULL;
}

static const char *quote(const char *value, struct arena *arena)
{
    json_t *text = json_string(value);
    if (!text) /* not UTF-8 */
        return NULL;
    const char *quoted = json_out_dump(arena, text);
    json_decref(text);
    return quoted;
}

static const char *read_number(const char *value, long long most, struct arena *arena)
{
    size_t digits = strspn(value, "0123456789");
    if (!digits || value[digits] || digits > 10 || strtoll(value, NULL, 10) > most)
        return NULL;
    return arena_printf(arena, "%lld", strtoll(value, NULL, 10));
}

/* The value as JSON, or NULL with *why. */
static const char *convert(const struct setting *setting, const char *value, struct arena *arena,
                           const char **why)
{
    bool good = true;
    bool nullable =
        setting->kind == TEXT_OR_NULL || setting->kind == URL_OR_NULL || setting->kind == ADDRESSES;
    if (!*value && nullable)
        return "null";
    switch (setting->kind) {
    case BOOL:
        *why = "Enter true or false.";
        return read_bool(value);
    case COUNT:
    case PORT:
        *why = "Enter a whole number.";
        if (setting->allowed && !is_word_of(setting->allowed, value))
            return NULL;
        return read_number(value, setting->kind == PORT ? 65535 : INT32_MAX, arena);
    case URL:
    case URL_OR_NULL:
        *why = "Enter a valid URL.";
        good = is_url(value);
        break;
    case ARCHIVE:
        *why = "Enter a valid repository URL.";
        good = package_repository_is_url(value);
        break;
    case ADDRESSES:
        *why = "Enter IP addresses, separated by spaces.";
        good = are_addresses(value);
        break;
    case CHOICE:
    case CHOICE_OR_EMPTY:
        *why = arena_printf(arena, "%.100s is not a valid choice. Valid choices: %s.", value,
                            setting->allowed);
        good = is_word_of(setting->allowed, value) || (setting->kind == CHOICE_OR_EMPTY && !*value);
        break;
    case DURATION:
        *why = "Enter a duration such as 1h 15m.";
        good = is_duration(value);
        break;
    case IPMI_USER:
        *why = "Enter 1 to 16 letters, digits and ._@-";
        good = is_ipmi_user(value);
        break;
    case IPMI_KEY:
        *why = "Enter at most 20 printable ASCII characters.";
        good = is_ipmi_key(value);
        break;
    case IPMI_FLAGS:
        return read_ipmi_flags(value, arena, why);
    case TEXT:
    case TEXT_OR_NULL:
    case SECRET:
        break;
    }
    return good ? quote(value, arena) : NULL;
}

enum error_code setting_set(struct db *db, const char *name, const char *value, struct arena *arena,
                            struct error *err)
{
    DB_STATEMENT(setting_write, "INSERT INTO setting (name, value) VALUES ($1, $2) "
                                "ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    const struct setting *setting;
    const char *why = "Enter text in UTF-8.";
    enum error_code code = need(name, &setting, err);
    if (code)
        return code;
    if (strlen(value) > VALUE_BYTES)
        return error_set(err, ERR_BAD_INPUT, "Ensure this value has at most %d characters.",
                         VALUE_BYTES);
    const char *json = convert(setting, value, arena, &why);
    if (!json)
        return error_set(err, ERR_BAD_INPUT, "%s", why);
    return db_query(db, &setting_write, DB_PARAMS(setting->name, json), NULL, err);
}

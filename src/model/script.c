/* Numbers and words of scripts: see script.h. */
#include "src/model/script.h"

#include <string.h>
#include <strings.h>

#include "src/base/container.h"
#include "src/base/error.h"

struct word {
    const char *text;
    int number;
};

static const struct word type_words[] = {
    {"commissioning", SCRIPT_COMMISSIONING},
    {"commission", SCRIPT_COMMISSIONING},
    {"0", SCRIPT_COMMISSIONING},
    {"testing", SCRIPT_TESTING},
    {"test", SCRIPT_TESTING},
    {"2", SCRIPT_TESTING},
    {"release", SCRIPT_RELEASE},
    {"3", SCRIPT_RELEASE},
};

static const struct word hardware_words[] = {
    {"node", SCRIPT_ON_NODE},       {"machine", SCRIPT_ON_NODE}, {"0", SCRIPT_ON_NODE},
    {"cpu", SCRIPT_ON_CPU},         {"1", SCRIPT_ON_CPU},        {"memory", SCRIPT_ON_MEMORY},
    {"ram", SCRIPT_ON_MEMORY},      {"2", SCRIPT_ON_MEMORY},     {"storage", SCRIPT_ON_STORAGE},
    {"disk", SCRIPT_ON_STORAGE},    {"ssd", SCRIPT_ON_STORAGE},  {"3", SCRIPT_ON_STORAGE},
    {"network", SCRIPT_ON_NETWORK}, {"net", SCRIPT_ON_NETWORK},  {"interface", SCRIPT_ON_NETWORK},
    {"4", SCRIPT_ON_NETWORK},       {"gpu", SCRIPT_ON_GPU},      {"5", SCRIPT_ON_GPU},
};

static const struct word parallel_words[] = {
    {"disabled", SCRIPT_ALONE},         {"none", SCRIPT_ALONE},         {"0", SCRIPT_ALONE},
    {"instance", SCRIPT_BESIDE_ITSELF}, {"name", SCRIPT_BESIDE_ITSELF}, {"1", SCRIPT_BESIDE_ITSELF},
    {"any", SCRIPT_BESIDE_ANY},         {"enabled", SCRIPT_BESIDE_ANY}, {"2", SCRIPT_BESIDE_ANY},
};

static const char *const type_names[] = {
#define X(identifier, number, name, run) [SCRIPT_##identifier] = (name),
    SCRIPT_TYPE_TABLE(X)
#undef X
};

static const char *const status_names[SCRIPT_STATUS_COUNT] = {
#define X(identifier, number, name, over, failed) [SCRIPT_##identifier] = (name),
    SCRIPT_STATUS_TABLE(X)
#undef X
};

static int number_of(const struct word *words, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(words[i].text, text))
            return words[i].number;
    return -1;
}

const char *script_status_name(int status)
{
    ASSERT(status >= -1 && status < SCRIPT_STATUS_COUNT);
    return status < 0 ? "Unknown" : status_names[status];
}

int script_type_parse(const char *word)
{
    return number_of(type_words, COUNT_OF(type_words), word);
}

int script_hardware_parse(const char *word)
{
    return number_of(hardware_words, COUNT_OF(hardware_words), word);
}

int script_parallel_parse(const char *word)
{
    return number_of(parallel_words, COUNT_OF(parallel_words), word);
}

const char *script_type_name(int type)
{
    ASSERT(type >= 0 && (size_t)type < COUNT_OF(type_names));
    return type_names[type];
}

bool script_name_ok(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(name);
    return size && size <= SCRIPT_NAME_BYTES && !name[strspn(name, allowed)] &&
           name[strspn(name, "0123456789")] && *name != '.' && *name != '-';
}

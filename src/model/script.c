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
    [SCRIPT_COMMISSIONING] = "Commissioning script",
    [SCRIPT_INSTALLATION] = "Installation log",
    [SCRIPT_TESTING] = "Testing script",
    [SCRIPT_RELEASE] = "Release script",
};

static const char *const run_names[] = {
    [SCRIPT_COMMISSIONING] = "Commissioning",
    [SCRIPT_INSTALLATION] = "Installation",
    [SCRIPT_TESTING] = "Testing",
    [SCRIPT_RELEASE] = "Release",
};

static const char *const hardware_names[] = {
    [SCRIPT_ON_NODE] = "Node",       [SCRIPT_ON_CPU] = "CPU",         [SCRIPT_ON_MEMORY] = "Memory",
    [SCRIPT_ON_STORAGE] = "Storage", [SCRIPT_ON_NETWORK] = "Network", [SCRIPT_ON_GPU] = "GPU",
};

static const char *const parallel_names[] = {
    [SCRIPT_ALONE] = "Disabled",
    [SCRIPT_BESIDE_ITSELF] = "Run along other instances of this script",
    [SCRIPT_BESIDE_ANY] = "Run along any other script",
};

static const struct {
    const char *name;
    bool over, failed;
} statuses[SCRIPT_STATUS_COUNT] = {
#define X(identifier, number, name, over, failed) \
    [SCRIPT_##identifier] = {(name), (over), (failed)},
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

static const char *name_of(const char *const *names, size_t count, int number)
{
    ASSERT(number >= 0 && (size_t)number < count);
    return names[number];
}

const char *script_status_name(int status)
{
    ASSERT(status >= 0 && status < SCRIPT_STATUS_COUNT);
    return statuses[status].name;
}

bool script_status_is_over(int status)
{
    ASSERT(status >= 0 && status < SCRIPT_STATUS_COUNT);
    return statuses[status].over;
}

bool script_status_is_failure(int status)
{
    ASSERT(status >= 0 && status < SCRIPT_STATUS_COUNT);
    return statuses[status].failed;
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
    return name_of(type_names, COUNT_OF(type_names), type);
}

const char *script_hardware_name(int hardware)
{
    return name_of(hardware_names, COUNT_OF(hardware_names), hardware);
}

const char *script_parallel_name(int parallel)
{
    return name_of(parallel_names, COUNT_OF(parallel_names), parallel);
}

const char *script_run_name(int type)
{
    return name_of(run_names, COUNT_OF(run_names), type);
}

bool script_name_ok(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(name);
    return size && size <= SCRIPT_NAME_BYTES && !name[strspn(name, allowed)] &&
           name[strspn(name, "0123456789")] && *name != '.' && *name != '-';
}

/* Storage configuration: see storage_plan.h. */
#include "src/agent/storage_plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"

#define SECTOR 512

struct parsing {
    const json_t *json; /* of the item */
    struct arena *arena;
    struct storage_plan *plan;
    struct storage_item *item;
    struct error *err;
};

static enum error_code bad(const struct parsing *parsing, const char *text)
{
    return error_set(parsing->err, ERR_BAD_INPUT, "storage: %.60s: %s",
                     parsing->item->id ? parsing->item->id : "an item", text);
}

/* Printable, without what a line of fstab or an argument could be broken with. */
static bool is_word(const char *text)
{
    for (; *text; text++)
        if (!isgraph((unsigned char)*text) || *text == '"' || *text == '\\')
            return false;
    return true;
}

static enum error_code read_text(struct parsing *parsing, const char *key, const char **text)
{
    const json_t *value = json_object_get(parsing->json, key);
    const char *found = json_string_value(value);
    *text = NULL;
    if (!value || json_is_null(value) || (found && !*found))
        return ERR_OK;
    bool spaces = !strcmp(key, "serial"); /* compared only */
    if (!found || strlen(found) != json_string_length(value) || strlen(found) > STORAGE_TEXT ||
        (!spaces && (!is_word(found) || *found == '-')))
        return error_set(parsing->err, ERR_BAD_INPUT, "storage: %.60s: %s is not acceptable",
                         parsing->item->id ? parsing->item->id : "an item", key);
    *text = arena_strdup(parsing->arena, found);
    return ERR_OK;
}

/* A number of bytes, or a text "512M", "536870912B". */
static bool parse_size(const json_t *value, uint64_t *bytes)
{
    static const char units[] = "BKMGT";
    if (json_is_integer(value)) {
        *bytes = (uint64_t)json_integer_value(value);
        return json_integer_value(value) > 0;
    }
    const char *text = json_string_value(value);
    char *end;
    errno = 0;
    unsigned long long number =
        text && isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
    if (!number || errno)
        return false;
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : units;
    if (!unit || (*end && end[1] && strcasecmp(end + 1, "B") != 0 && strcmp(end + 1, "iB") != 0))
        return false;
    int shift = 10 * (int)(unit - units);
    *bytes = number << shift;
    return *bytes >> shift == number;
}

static enum error_code read_size(struct parsing *parsing)
{
    const json_t *value = json_object_get(parsing->json, "size");
    uint64_t bytes = 0;
    if (!value || json_is_null(value) ||
        (json_is_string(value) && !strcmp(json_string_value(value), "-1")))
        return ERR_OK;
    if (!parse_size(value, &bytes) || bytes > INT64_MAX || bytes % SECTOR)
        return bad(parsing, "size: expected bytes, in whole sectors of 512");
    parsing->item->size_bytes = bytes;
    return ERR_OK;
}

static struct storage_item *find(const struct storage_plan *plan, const char *id)
{
    for (int i = 0; id && i < plan->count; i++)
        if (!strcmp(plan->items[i].id, id))
            return &plan->items[i];
    return NULL;
}

static bool is_volume(const struct storage_item *item)
{
    return item->type == STORAGE_DISK || item->type == STORAGE_PARTITION ||
           item->type == STORAGE_LOGICAL;
}

/* The item behind key, that stands before this one. */
static enum error_code read_on(struct parsing *parsing, const char *key)
{
    const char *id;
    enum error_code code = read_text(parsing, key, &id);
    if (code)
        return code;
    parsing->item->on = find(parsing->plan, id);
    return parsing->item->on ? ERR_OK
                             : error_set(parsing->err, ERR_BAD_INPUT,
                                         "storage: %.60s: %s names no item that stands before it",
                                         parsing->item->id, key);
}

static bool uses(const struct storage_item *item, const struct storage_item *volume)
{
    for (int k = 0; k < item->in_count; k++)
        if (item->in[k] == volume)
            return true;
    return item->on == volume;
}

/* What holds a file system, a group or partitions already holds nothing else. */
static bool is_used(const struct storage_plan *plan, const struct storage_item *volume)
{
    for (int i = 0; i < plan->count; i++)
        if (uses(&plan->items[i], volume))
            return true;
    return false;
}

static enum error_code read_disk(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    const char *table;
    enum error_code code = read_text(parsing, "ptable", &table);
    if (!code)
        code = read_text(parsing, "serial", &item->serial);
    if (!code)
        code = read_text(parsing, "path", &item->path);
    if (code)
        return code;
    if (table && strcmp(table, "gpt") != 0)
        return bad(parsing, "only partition tables of form gpt are made");
    if (!item->serial && !item->path)
        return bad(parsing, "neither serial nor path says which disk");
    item->grub_device = json_is_true(json_object_get(parsing->json, "grub_device"));
    return ERR_OK;
}

static bool is_flag(const char *flag)
{
    static const char *const flags[] = {"boot", "bios_grub", "swap", "lvm", "raid", "linux"};
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (!strcmp(flags[i], flag))
            return true;
    return false;
}

static enum error_code read_partition(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    enum error_code code = read_on(parsing, "device");
    if (!code)
        code = read_text(parsing, "flag", &item->flag);
    if (!code)
        code = read_size(parsing);
    if (code)
        return code;
    int last = 0;
    for (int i = 0; i < parsing->plan->count; i++) {
        const struct storage_item *other = &parsing->plan->items[i];
        if (!uses(other, item->on))
            continue;
        if (other->type != STORAGE_PARTITION)
            return bad(parsing, "its disk is used as a whole already");
        if (!other->size_bytes)
            return bad(parsing, "a partition before it takes the rest of the disk");
        last = other->number;
    }
    const json_t *given = json_object_get(parsing->json, "number");
    json_int_t number = given ? json_integer_value(given) : last + 1;
    if (item->on->type != STORAGE_DISK)
        return bad(parsing, "device is no disk");
    if ((given && !json_is_integer(given)) || number <= last || number > STORAGE_PARTITIONS)
        return bad(parsing, "number: expected one above that of the partition before");
    item->number = (int)number;
    if (item->flag && !is_flag(item->flag))
        return bad(parsing, "flag: unknown");
    return ERR_OK;
}

static bool is_fstype(const char *type)
{
    static const char *const types[] = {"ext2", "ext3", "ext4", "xfs", "fat32", "vfat", "swap"};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (!strcmp(types[i], type))
            return true;
    return false;
}

static enum error_code read_format(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    enum error_code code = read_on(parsing, "volume");
    if (!code)
        code = read_text(parsing, "fstype", &item->fstype);
    if (!code)
        code = read_text(parsing, "label", &item->label);
    if (!code)
        code = read_text(parsing, "uuid", &item->uuid);
    if (code)
        return code;
    if (!is_volume(item->on) || is_used(parsing->plan, item->on))
        return bad(parsing, "volume is none that is free");
    if (!item->fstype || !is_fstype(item->fstype))
        return bad(parsing, "fstype: expected ext2, ext3, ext4, xfs, fat32, vfat or swap");
    return ERR_OK;
}

/* "/boot/efi": absolute, no empty parts, no dots. */
static bool is_place(const char *path)
{
    size_t length = strlen(path);
    return path[0] == '/' && (length == 1 || path[length - 1] != '/') && !strstr(path, "//") &&
           !strstr(path, "/.");
}

static enum error_code read_mount(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    enum error_code code = read_text(parsing, "path", &item->path);
    if (!code)
        code = read_text(parsing, "options", &item->options);
    if (!code)
        code = read_text(parsing, "spec", &item->spec);
    if (!code)
        code = read_text(parsing, "fstype", &item->fstype);
    if (!code && !item->spec)
        code = read_on(parsing, "device");
    if (code)
        return code;
    bool swap = item->on && item->on->type == STORAGE_FORMAT && !strcmp(item->on->fstype, "swap");
    if (item->spec && (!item->fstype ||
                       (strcmp(item->fstype, "tmpfs") != 0 && strcmp(item->fstype, "ramfs") != 0)))
        return bad(parsing, "a mount without device is a tmpfs or a ramfs");
    if (item->on && item->on->type != STORAGE_FORMAT)
        return bad(parsing, "device is no format");
    if (item->on && is_used(parsing->plan, item->on))
        return bad(parsing, "its device is mounted already");
    if (swap)
        item->path = "none";
    else if (!item->path || !is_place(item->path))
        return bad(parsing, "path: expected an absolute one");
    else if (storage_plan_mount(parsing->plan, item->path))
        return bad(parsing, "something is mounted there already");
    return ERR_OK;
}

static enum error_code read_name(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    enum error_code code = read_text(parsing, "name", &item->name);
    if (code)
        return code;
    if (!item->name || *item->name == '.')
        return bad(parsing, "name: is missing, or begins with a dot");
    for (const char *p = item->name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("+_.-", *p))
            return bad(parsing, "name: expected letters, digits and +_.-");
    return ERR_OK;
}

static enum error_code read_volgroup(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    const json_t *devices = json_object_get(parsing->json, "devices"), *device;
    size_t i;
    enum error_code code = read_name(parsing);
    if (code)
        return code;
    if (!json_array_size(devices) || json_array_size(devices) > STORAGE_ITEMS)
        return bad(parsing, "devices: expected a list");
    struct storage_item **in =
        ARENA_ARRAY(parsing->arena, struct storage_item *, json_array_size(devices));
    json_array_foreach (devices, i, device) {
        struct storage_item *volume = find(parsing->plan, json_string_value(device));
        if (!volume || !is_volume(volume) || volume->type == STORAGE_LOGICAL ||
            is_used(parsing->plan, volume))
            return bad(parsing, "devices: one is no volume that is free");
        for (size_t k = 0; k < i; k++)
            if (in[k] == volume)
                return bad(parsing, "devices: one is named twice");
        in[i] = volume;
    }
    item->in = in;
    item->in_count = (int)json_array_size(devices);
    return ERR_OK;
}

static enum error_code read_logical(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    enum error_code code = read_on(parsing, "volgroup");
    if (!code)
        code = read_name(parsing);
    if (!code)
        code = read_size(parsing);
    if (code)
        return code;
    if (item->on->type != STORAGE_VOLGROUP)
        return bad(parsing, "volgroup is no lvm_volgroup");
    for (int i = 0; i < parsing->plan->count; i++)
        if (parsing->plan->items[i].on == item->on &&
            !strcmp(parsing->plan->items[i].name, item->name))
            return bad(parsing, "its group has a volume of this name already");
    return ERR_OK;
}

static const struct {
    const char *word;
    enum error_code (*read)(struct parsing *parsing);
} types[STORAGE_TYPES] = {
    [STORAGE_DISK] = {"disk", read_disk},
    [STORAGE_PARTITION] = {"partition", read_partition},
    [STORAGE_FORMAT] = {"format", read_format},
    [STORAGE_MOUNT] = {"mount", read_mount},
    [STORAGE_VOLGROUP] = {"lvm_volgroup", read_volgroup},
    [STORAGE_LOGICAL] = {"lvm_partition", read_logical},
};

static enum error_code read_item(struct parsing *parsing)
{
    struct storage_item *item = parsing->item;
    const char *type;
    *item = (struct storage_item){0};
    enum error_code code = read_text(parsing, "id", &item->id);
    if (!code)
        code = read_text(parsing, "type", &type);
    if (code)
        return code;
    if (!item->id || find(parsing->plan, item->id))
        return bad(parsing, "id is missing, or used twice");
    if (json_is_true(json_object_get(parsing->json, "preserve")))
        return bad(parsing, "preserve: nothing is kept here");
    for (int i = 0; type && i < STORAGE_TYPES; i++)
        if (!strcmp(types[i].word, type)) {
            item->type = (enum storage_type)i;
            return types[i].read(parsing);
        }
    return error_set(parsing->err, ERR_BAD_INPUT, "storage: %.60s: type %.40s is not made here",
                     item->id, type ? type : "(none)");
}

enum error_code storage_plan_parse(const json_t *json, struct arena *arena,
                                   struct storage_plan *plan, struct error *err)
{
    const json_t *config = json_object_get(json, "config"), *item;
    size_t i;
    *plan = (struct storage_plan){0};
    if (json_integer_value(json_object_get(json, "version")) != 1 || !json_is_array(config))
        return error_set(err, ERR_BAD_INPUT, "storage: expected version 1 with a list config");
    if (json_array_size(config) > STORAGE_ITEMS)
        return error_set(err, ERR_BAD_INPUT, "storage: more than %d items", STORAGE_ITEMS);
    plan->items = ARENA_ARRAY(arena, struct storage_item, json_array_size(config) + 1);
    json_array_foreach (config, i, item) {
        struct parsing parsing = {item, arena, plan, &plan->items[plan->count], err};
        enum error_code code = read_item(&parsing);
        if (code)
            return code;
        plan->count++;
    }
    if (!storage_plan_mount(plan, "/"))
        return error_set(err, ERR_BAD_INPUT, "storage: nothing is mounted at /");
    return ERR_OK;
}

struct storage_item *storage_plan_mount(const struct storage_plan *plan, const char *path)
{
    for (int i = 0; i < plan->count; i++)
        if (plan->items[i].type == STORAGE_MOUNT && !strcmp(plan->items[i].path, path))
            return &plan->items[i];
    return NULL;
}

/* How many letters of path a mount at place accounts for; 0 = it is not below it. */
static size_t covers(const char *place, const char *path)
{
    size_t length = strlen(place);
    if (length == 1 && *place == '/')
        return 1;
    return !strncmp(place, path, length) && (path[length] == '/' || !path[length]) ? length : 0;
}

struct storage_item *storage_plan_mount_of(const struct storage_plan *plan, const char *path)
{
    struct storage_item *best = NULL;
    size_t most = 0;
    for (int i = 0; i < plan->count; i++) {
        struct storage_item *item = &plan->items[i];
        size_t length = item->type == STORAGE_MOUNT ? covers(item->path, path) : 0;
        if (length <= most)
            continue;
        most = length;
        best = item;
    }
    return best;
}

static int compare_places(const void *a, const void *b)
{
    const struct storage_item *const *one = a, *const *other = b;
    return strcmp((*one)->path, (*other)->path);
}

int storage_plan_mounts(const struct storage_plan *plan, struct storage_item **mounts)
{
    int count = 0;
    for (int i = 0; i < plan->count; i++)
        if (plan->items[i].type == STORAGE_MOUNT)
            mounts[count++] = &plan->items[i];
    /* a parent is a beginning of its children's paths, so it sorts before them */
    qsort((void *)mounts, (size_t)count, sizeof(*mounts), compare_places);
    return count;
}

/*
 * Any bytes as a storage configuration: refused with a reason, or a plan that can be carried out
 * from its first item to its last. Who uses what is read a second time, out of the JSON itself.
 */
// rooms: agent
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "src/agent/storage_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* How often the configuration names id as what something else is made on. */
static int count_uses(const json_t *config, const char *id, const char *but_type)
{
    static const char *const keys[] = {"device", "volume"};
    const json_t *item, *device;
    size_t i, k;
    int uses = 0;
    json_array_foreach (config, i, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        if (!strcmp(type, but_type))
            continue;
        for (k = 0; k < 2; k++) {
            const char *name = json_string_value(json_object_get(item, keys[k]));
            const char *spec = json_string_value(json_object_get(item, "spec"));
            bool taken = !strcmp(type, k ? "format" : "partition") ||
                         (!k && !strcmp(type, "mount") && (!spec || !*spec));
            uses += taken && name && !strcmp(name, id);
        }
        if (!strcmp(type, "lvm_volgroup"))
            json_array_foreach (json_object_get(item, "devices"), k, device)
                uses += !strcmp(json_string_value(device), id);
    }
    return uses;
}

static void check_uses(const json_t *config, const struct storage_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        const char *id = plan->items[i].id;
        int others = count_uses(config, id, "partition"), all = count_uses(config, id, "");
        ASSERT(others <= 1);                  /* a file system, a group, or a mount of it */
        ASSERT(others == 0 || all == others); /* and partitions only of what is nothing else */
    }
}

static bool is_plain(const char *text)
{
    for (; text && *text; text++)
        if (!isgraph((unsigned char)*text) || *text == '"' || *text == '\\')
            return false;
    return true;
}

static void check_item(const struct storage_plan *plan, const struct storage_item *item)
{
    const char *const texts[] = {item->id,     item->path,    item->name, item->uuid, item->label,
                                 item->fstype, item->options, item->flag, item->spec};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        ASSERT(is_plain(texts[i]) && (!texts[i] || (*texts[i] && *texts[i] != '-')));
    ASSERT(!item->on || (item->on >= plan->items && item->on < item));
    for (int i = 0; i < item->in_count; i++)
        ASSERT(item->in[i] >= plan->items && item->in[i] < item);
    ASSERT(item->size_bytes <= INT64_MAX && item->size_bytes % 512 == 0);
    ASSERT(item->type != STORAGE_PARTITION || (item->on->type == STORAGE_DISK && item->number > 0 &&
                                               item->number <= STORAGE_PARTITIONS));
    ASSERT(item->type != STORAGE_DISK || item->serial || item->path);
    ASSERT(item->type != STORAGE_VOLGROUP || (item->name && item->in_count > 0));
    ASSERT(item->type != STORAGE_MOUNT || (item->path && (item->on || item->spec)));
    for (const struct storage_item *before = plan->items; before < item; before++) {
        ASSERT(strcmp(before->id, item->id) != 0);
        if (item->type == STORAGE_PARTITION && before->type == STORAGE_PARTITION &&
            before->on == item->on)
            ASSERT(before->number < item->number && before->size_bytes);
    }
}

/* Nothing is mounted before what it lies in. */
static void check_mounts(const struct storage_plan *plan)
{
    struct storage_item *mounts[STORAGE_ITEMS];
    int count = storage_plan_mounts(plan, mounts);
    ASSERT(count >= 1 && storage_plan_mount(plan, "/"));
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++) {
            size_t length = strlen(mounts[i]->path);
            const char *before = mounts[k]->path;
            ASSERT(length == 1
                       ? *before != '/'
                       : strncmp(before, mounts[i]->path, length) != 0 || before[length] != '/');
            ASSERT(!strcmp(mounts[i]->path, "none") ||
                   strcmp(mounts[i]->path, mounts[k]->path) != 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct storage_plan plan;
    struct error err = {0};
    json_t *json = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    struct arena *arena = arena_new();
    if (json && storage_plan_parse(json, arena, &plan, &err) == ERR_OK) {
        for (int i = 0; i < plan.count; i++)
            check_item(&plan, &plan.items[i]);
        check_uses(json_object_get(json, "config"), &plan);
        check_mounts(&plan);
    } else {
        ASSERT(!json || err.text[0]);
    }
    arena_free(arena);
    json_decref(json);
    return 0;
}

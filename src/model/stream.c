/* Lists of published images: see stream.h. */
#include "src/model/stream.h"

#include <jansson.h>
#include <string.h>

/* ---- texts ---- */

/* A value of an object that may be kept: printable and short. NULL when it is not. */
static const char *text_of(const json_t *object, const char *key, struct arena *arena)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (!text || json_string_length(value) > STREAM_TEXT ||
        strlen(text) != json_string_length(value))
        return NULL;
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return NULL;
    return arena_strdup(arena, text);
}

static const char *text_or(const json_t *object, const char *key, const char *fallback,
                           struct arena *arena)
{
    const char *text = text_of(object, key, arena);
    return text ? text : fallback;
}

/* Names become parts of paths, API names and SQL: letters, digits and a few marks. */
static bool is_name(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+:-";
    return text && *text && strlen(text) <= 100 && !text[strspn(text, allowed)];
}

bool stream_path_safe(const char *path)
{
    if (!*path || *path == '/' || strlen(path) > 512)
        return false;
    for (const char *at = path; *at;) {
        size_t size = strcspn(at, "/");
        if (!size || (size == 1 && *at == '.') || (size == 2 && !strncmp(at, "..", 2)))
            return false;
        at += size;
        at += *at == '/';
    }
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || strchr("\\?#%", *p))
            return false;
    return path[strlen(path) - 1] != '/';
}

static enum error_code load(const char *text, size_t size, const char *format, json_t **json,
                            struct error *err)
{
    json_error_t problem;
    *json = NULL;
    if (size > STREAM_BYTES)
        return error_set(err, ERR_TOO_LARGE, "a list of more than %d bytes", STREAM_BYTES);
    *json = json_loadb(text, size, 0, &problem);
    if (!*json)
        return error_set(err, ERR_BAD_INPUT, "line %d: %s", problem.line, problem.text);
    const char *said = json_string_value(json_object_get(*json, "format"));
    if (said && !strcmp(said, format))
        return ERR_OK;
    json_decref(*json);
    *json = NULL;
    return error_set(err, ERR_BAD_INPUT, "not of the format %s", format);
}

/* ---- the index ---- */

enum error_code stream_read_index(const char *text, size_t size, struct arena *arena,
                                  struct stream_index *index, struct error *err)
{
    json_t *json, *entry;
    const char *id;
    *index = (struct stream_index){.count = 0};
    enum error_code code = load(text, size, "index:1.0", &json, err);
    if (code)
        return code;
    json_object_foreach (json_object_get(json, "index"), id, entry) {
        const char *path = text_of(entry, "path", arena);
        const char *datatype = text_or(entry, "datatype", "", arena);
        if (!path || !strcmp(datatype, "image-ids"))
            continue;
        if (!stream_path_safe(path) || index->count == STREAM_LISTS) {
            code = error_set(err, ERR_BAD_INPUT, "more than %d lists, or one outside: %.100s",
                             STREAM_LISTS, path);
            break;
        }
        index->lists[index->count++] = (struct stream_list){arena_strdup(arena, id), path};
    }
    json_decref(json);
    return code;
}

/* ---- products ---- */

/* True: the item is of use. */
static bool read_item(const char *name, const json_t *json, struct arena *arena,
                      struct stream_item *item)
{
    const char *ftype = text_of(json, "ftype", arena);
    const json_t *size = json_object_get(json, "size");
    *item = (struct stream_item){
        .name = arena_strdup(arena, name),
        .type = ftype ? image_type_find(ftype) : NULL,
        .path = text_of(json, "path", arena),
        .sha256 = text_of(json, "sha256", arena),
        .size = json_is_integer(size) ? json_integer_value(size) : -1,
        .kernel_options = text_or(json, "kparams", "", arena),
    };
    return is_name(name) && item->type && item->path && item->size >= 0 && item->sha256 &&
           strlen(item->sha256) == 64 && strspn(item->sha256, "0123456789abcdef") == 64;
}

static enum error_code read_items(const json_t *items, struct arena *arena,
                                  struct stream_product *product, struct error *err)
{
    const char *name;
    json_t *json;
    struct stream_item item;
    product->items = ARENA_ARRAY(arena, struct stream_item, STREAM_ITEMS);
    json_object_foreach ((json_t *)items, name, json) {
        if (product->items_count == STREAM_ITEMS || !read_item(name, json, arena, &item))
            continue;
        if (!stream_path_safe(item.path))
            return error_set(err, ERR_BAD_INPUT, "%s: %.200s leads out of the source",
                             product->name, item.path);
        product->items[product->items_count++] = item;
    }
    return ERR_OK;
}

/* A kernel's flavour is part of the name, in front of "-edge", unless the name has it already. */
static const char *full_subarch(struct arena *arena, const char *subarch, const char *kflavor)
{
    size_t length = strlen(subarch);
    if (!kflavor || !strcmp(kflavor, "generic") || strstr(subarch, kflavor))
        return subarch;
    bool edge = length > 5 && !strcmp(subarch + length - 5, "-edge");
    return arena_printf(arena, "%.*s-%s%s", (int)(edge ? length - 5 : length), subarch, kflavor,
                        edge ? "-edge" : "");
}

static const json_t *newest_version(const json_t *product, struct arena *arena,
                                    const char **version)
{
    const char *key;
    json_t *json;
    const json_t *found = NULL;
    json_object_foreach (json_object_get(product, "versions"), key, json) {
        if (!is_name(key) || (found && strcmp(key, *version) <= 0))
            continue;
        *version = arena_strdup(arena, key);
        found = json;
    }
    return found;
}

/* Is this what the images of a machine are made of? A boot loader is not. */
static bool is_image(const struct stream_product *product)
{
    unsigned roles = 0;
    for (int i = 0; i < product->items_count; i++)
        roles |= 1U << product->items[i].type->role;
    bool boots = roles & 1U << IMAGE_KERNEL && roles & 1U << IMAGE_INITRD;
    return (boots && roles & (1U << IMAGE_SQUASHFS | 1U << IMAGE_ROOT)) || roles & 1U << IMAGE_ROOT;
}

static enum error_code read_product(const char *name, const json_t *json, struct arena *arena,
                                    struct stream_product *product, bool *usable, struct error *err)
{
    const char *subarch = text_or(json, "subarch", "generic", arena);
    *usable = false;
    *product = (struct stream_product){
        .name = arena_strndup(arena, name, strnlen(name, STREAM_TEXT)),
        .os = text_of(json, "os", arena),
        .release = text_of(json, "release", arena),
        .arch = text_of(json, "arch", arena),
        .subarches = text_or(json, "subarches", subarch, arena),
        .kflavor = text_of(json, "kflavor", arena),
        .label = text_or(json, "label", "release", arena),
        .title = text_or(json, "release_title", "", arena),
        .agent = json_is_true(json_object_get(json, "gantry_agent")),
    };
    product->subarch = full_subarch(arena, subarch, product->kflavor);
    const json_t *version = newest_version(json, arena, &product->version);
    if (!version || !is_name(product->os) || !is_name(product->release) ||
        !is_name(product->arch) || !is_name(product->subarch) || !is_name(product->label))
        return ERR_OK;
    enum error_code code = read_items(json_object_get(version, "items"), arena, product, err);
    *usable = !code && is_image(product);
    return code;
}

enum error_code stream_read_products(const char *text, size_t size, struct arena *arena,
                                     struct stream_products *products, struct error *err)
{
    json_t *json, *entry;
    const char *name;
    bool usable;
    enum error_code code = load(text, size, "products:1.0", &json, err);
    if (code)
        return code;
    json_t *list = json_object_get(json, "products");
    size_t count = json_object_size(list) + (size_t)products->count;
    struct stream_product *all = ARENA_ARRAY(arena, struct stream_product, count + 1);
    if (count > STREAM_PRODUCTS)
        code = error_set(err, ERR_TOO_LARGE, "more than %d products", STREAM_PRODUCTS);
    else if (products->count)
        memcpy(all, products->products, sizeof(*all) * (size_t)products->count);
    products->products = all;
    if (!code)
        json_object_foreach (list, name, entry) {
            code = read_product(name, entry, arena, &all[products->count], &usable, err);
            if (code)
                break;
            products->count += usable;
        }
    json_decref(json);
    return code;
}

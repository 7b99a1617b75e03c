/* What an import is to bring: see image_plan.h. */
#include "src/region/image_plan.h"

#include <string.h>

#include "src/region/image_sql.h"

enum { PRODUCT_COLUMNS = 11, ITEM_COLUMNS = 6 };

enum error_code image_plan_sources(struct db *db, struct arena *arena,
                                   struct image_source **sources, int *count, struct error *err)
{
    DB_STATEMENT(image_plan_used,
                 "SELECT id FROM boot_source b WHERE EXISTS (SELECT FROM boot_source_selection s "
                 "WHERE s.boot_source_id = b.id) OR EXISTS (SELECT FROM boot_resource r WHERE "
                 "r.boot_source_id = b.id)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct image_source *all = NULL;
    int all_count = 0;
    *count = 0;
    enum error_code code = image_source_load(db, arena, &all, &all_count, err);
    code = code ? code : db_query(db, &image_plan_used, DB_NO_PARAMS, &rows, err);
    *sources = ARENA_ARRAY(arena, struct image_source, (size_t)all_count + 1);
    for (int i = 0; i < all_count && !code; i++)
        for (int k = 0; k < rows.count; k++)
            if (db_int(&rows, k, 0) == all[i].id)
                (*sources)[(*count)++] = all[i];
    return code;
}

/* ---- products as columns ---- */

/* Rows of texts, to become SQL arrays. */
struct columns {
    const char **column[PRODUCT_COLUMNS];
    int width, count;
    struct arena *arena;
};

static void columns_init(struct columns *columns, int width, size_t rows, struct arena *arena)
{
    *columns = (struct columns){.width = width, .arena = arena};
    for (int c = 0; c < width; c++)
        columns->column[c] = ARENA_ARRAY(arena, const char *, rows + 1);
}

static void columns_add(struct columns *columns, const char *const *row)
{
    for (int c = 0; c < columns->width; c++)
        columns->column[c][columns->count] = row[c];
    columns->count++;
}

static int columns_params(const struct columns *columns, const char **values)
{
    for (int c = 0; c < columns->width; c++)
        values[c] = db_array(columns->arena, columns->column[c], columns->count);
    return columns->width;
}

static const char *kernel_options(const struct stream_product *product)
{
    for (int i = 0; i < product->items_count; i++)
        if (product->items[i].type->role == IMAGE_KERNEL)
            return product->items[i].kernel_options;
    return "";
}

static bool has_role(const struct stream_product *product, enum image_role role)
{
    for (int i = 0; i < product->items_count; i++)
        if (product->items[i].type->role == role)
            return true;
    return false;
}

/* Of a root that is there in two forms one is enough. */
static bool is_needed(const struct stream_product *product, const struct stream_item *item)
{
    return item->type->role != IMAGE_LOADER &&
           (strcmp(item->type->name, "root-image.gz") != 0 || !has_role(product, IMAGE_SQUASHFS));
}

static void fill_columns(const struct stream_products *list, struct columns *products,
                         struct columns *items, struct arena *arena)
{
    for (int i = 0; i < list->count; i++) {
        const struct stream_product *p = &list->products[i];
        const char *number = db_number(arena, i);
        columns_add(products,
                    (const char *const[]){number, p->os, p->release, p->arch, p->subarch,
                                          p->subarches, p->kflavor ? p->kflavor : "", p->label,
                                          p->title, p->version, p->agent ? "true" : "false"});
        for (int k = 0; k < p->items_count; k++)
            if (is_needed(p, &p->items[k]))
                columns_add(items,
                            (const char *const[]){number, p->items[k].name, p->items[k].type->name,
                                                  p->items[k].path, p->items[k].sha256,
                                                  db_number(arena, p->items[k].size)});
    }
}

enum error_code image_plan_apply(struct db *db, int64_t source_id,
                                 const struct stream_products *list, struct arena *arena,
                                 struct error *err)
{
    DB_STATEMENT(
        image_plan_write,
        "WITH p AS (SELECT * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], "
        "$6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], "
        "$12::boolean[], $13::text[]) AS p(n, os, release, arch, subarch, subarches, kflavor, "
        "label, title, version, agent, kernel_options)), "
        "chosen AS (SELECT DISTINCT ON (os, release, arch, subarch) p.* FROM p WHERE EXISTS ("
        "SELECT FROM boot_source_selection s WHERE s.boot_source_id = $1::bigint "
        "AND s.os = p.os AND s.release = p.release "
        "AND ('*' = ANY (s.arches) OR p.arch = ANY (s.arches)) "
        "AND ('*' = ANY (s.subarches) OR p.subarch = ANY (s.subarches)) "
        "AND ('*' = ANY (s.labels) OR p.label = ANY (s.labels))) "
        "ORDER BY os, release, arch, subarch, version DESC, label DESC), "
        "gone AS (DELETE FROM boot_resource r WHERE r.boot_source_id = $1::bigint AND NOT EXISTS ("
        "SELECT FROM chosen c WHERE (c.os, c.release, c.arch, c.subarch) = "
        "(r.os, r.release, r.arch, r.subarch))), "
        "kept AS (INSERT INTO boot_resource (boot_source_id, os, release, arch, subarch, "
        "subarches, kflavor, label, title, agent, kernel_options) SELECT $1::bigint, os, release, "
        "arch, subarch, subarches, nullif(kflavor, ''), label, title, agent, kernel_options "
        "FROM chosen ON CONFLICT (coalesce(boot_source_id, 0), os, release, arch, subarch) "
        "DO UPDATE SET subarches = excluded.subarches, kflavor = excluded.kflavor, "
        "label = excluded.label, title = excluded.title, agent = excluded.agent, "
        "kernel_options = excluded.kernel_options, updated = now() "
        "RETURNING id, os, release, arch, subarch), "
        "sets AS (INSERT INTO boot_resource_set (resource_id, version, label) "
        "SELECT k.id, c.version, c.label FROM kept k JOIN chosen c USING (os, release, arch, "
        "subarch) ON CONFLICT (resource_id, version) DO UPDATE SET label = excluded.label "
        "RETURNING id, resource_id) "
        "INSERT INTO boot_resource_file (set_id, filename, filetype, sha256, size, path) "
        "SELECT s.id, i.name, i.type, i.sha256, i.size, i.path FROM sets s "
        "JOIN kept k ON k.id = s.resource_id JOIN chosen c USING (os, release, arch, subarch) "
        "JOIN unnest($14::int[], $15::text[], $16::text[], $17::text[], $18::text[], "
        "$19::bigint[]) AS i(n, name, type, path, sha256, size) ON i.n = c.n "
        "ON CONFLICT (set_id, filename) DO UPDATE SET filetype = excluded.filetype, "
        "sha256 = excluded.sha256, size = excluded.size, path = excluded.path, received = 0 "
        "WHERE boot_resource_file.sha256 <> excluded.sha256");
    struct columns products, items;
    const char *values[1 + PRODUCT_COLUMNS + 1 + ITEM_COLUMNS];
    const char **options = ARENA_ARRAY(arena, const char *, (size_t)list->count + 1);
    size_t items_count = 0;
    for (int i = 0; i < list->count; i++) {
        items_count += (size_t)list->products[i].items_count;
        options[i] = kernel_options(&list->products[i]);
    }
    columns_init(&products, PRODUCT_COLUMNS, (size_t)list->count, arena);
    columns_init(&items, ITEM_COLUMNS, items_count, arena);
    fill_columns(list, &products, &items, arena);
    int used = 0;
    values[used++] = db_number(arena, source_id);
    used += columns_params(&products, values + used);
    values[used++] = db_array(arena, options, list->count);
    used += columns_params(&items, values + used);
    return db_query(db, &image_plan_write, (struct db_params){used, values}, NULL, err);
}

/* ---- files ---- */

enum error_code image_plan_missing(struct db *db, const char *region, struct arena *arena,
                                   struct image_plan_files *missing, struct error *err)
{
    DB_STATEMENT(
        image_plan_lacking,
        "SELECT f.sha256, max(f.size), min(r.boot_source_id), min(rtrim(b.url, '/') || '/' || "
        "f.path), (SELECT string_agg(c.region, ',') FROM blob_copy c WHERE c.sha256 = f.sha256) "
        "FROM boot_resource_file f JOIN boot_resource_set s ON s.id = f.set_id "
        "JOIN boot_resource r ON r.id = s.resource_id JOIN boot_source b "
        "ON b.id = r.boot_source_id WHERE f.path IS NOT NULL AND NOT EXISTS (SELECT FROM "
        "boot_resource_set n WHERE n.resource_id = s.resource_id AND n.version > s.version) "
        "AND NOT EXISTS (SELECT FROM blob_copy c WHERE c.sha256 = f.sha256 AND c.region = $1) "
        "GROUP BY f.sha256 ORDER BY 2");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &image_plan_lacking, DB_PARAMS(region), &rows, err);
    missing->count = rows.count;
    missing->files = ARENA_ARRAY(arena, struct image_plan_file, (size_t)rows.count + 1);
    for (int i = 0; i < rows.count; i++) {
        struct image_plan_file *file = &missing->files[i];
        file->sha256 = arena_strdup(arena, db_text(&rows, i, 0));
        file->size = db_int(&rows, i, 1);
        file->source_id = db_int(&rows, i, 2);
        file->url = arena_strdup(arena, db_text(&rows, i, 3));
        file->regions = blob_store_regions(db_text(&rows, i, 4), arena);
    }
    return code;
}

enum error_code image_plan_prune(struct db *db, struct error *err)
{
    DB_STATEMENT(image_plan_old,
                 "DELETE FROM boot_resource_set s WHERE EXISTS (SELECT FROM boot_resource_set n "
                 "WHERE n.resource_id = s.resource_id AND n.id > s.id AND n.version > s.version "
                 "AND " IMAGE_SET_WHOLE("n") ")");
    return db_query(db, &image_plan_old, DB_NO_PARAMS, NULL, err);
}

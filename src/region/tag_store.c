/* Tags as rows: see tag_store.h. */
#include "src/region/tag_store.h"

enum error_code tag_store_each(struct db *db, db_row_function *row, void *subject,
                               struct error *err)
{
    DB_STATEMENT(tag_list, "SELECT name, definition, comment, kernel_opts FROM tag ORDER BY name");
    return db_each(db, &tag_list, DB_NO_PARAMS, row, subject, err);
}

enum error_code tag_store_find(struct db *db, const char *name, struct arena *arena,
                               struct tag *tag, struct error *err)
{
    DB_STATEMENT(tag_find,
                 "SELECT id, name, definition, comment, kernel_opts FROM tag WHERE name = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &tag_find, DB_PARAMS(name), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Tag matches the given query.");
    *tag = (struct tag){
        .id = db_int(&rows, 0, 0),
        .name = arena_strdup(arena, db_text(&rows, 0, 1)),
        .definition = arena_strdup(arena, db_text(&rows, 0, 2)),
        .comment = arena_strdup(arena, db_text(&rows, 0, 3)),
        .kernel_opts = arena_strdup(arena, db_text(&rows, 0, 4)),
    };
    return ERR_OK;
}

enum error_code tag_store_create(struct db *db, struct tag *tag, struct error *err)
{
    DB_STATEMENT(tag_create, "INSERT INTO tag (name, comment, kernel_opts, definition) VALUES ($1, "
                             "coalesce($2, ''), coalesce($3, ''), coalesce($4, '')) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &tag_create,
                 DB_PARAMS(tag->name, tag->comment, tag->kernel_opts, tag->definition), &rows, err);
    if (!code)
        tag->id = db_int(&rows, 0, 0);
    return code;
}

enum error_code tag_store_update(struct db *db, const struct tag *tag, struct arena *arena,
                                 struct error *err)
{
    DB_STATEMENT(tag_update,
                 "UPDATE tag SET name = coalesce($2, name), comment = coalesce($3, comment), "
                 "kernel_opts = coalesce($4, kernel_opts), definition = coalesce($5, definition) "
                 "WHERE id = $1");
    return db_query(db, &tag_update,
                    DB_PARAMS(db_number(arena, tag->id), tag->name, tag->comment, tag->kernel_opts,
                              tag->definition),
                    NULL, err);
}

enum error_code tag_store_delete(struct db *db, int64_t id, struct arena *arena, struct error *err)
{
    DB_STATEMENT(tag_delete_row, "DELETE FROM tag WHERE id = $1");
    return db_query(db, &tag_delete_row, DB_PARAMS(db_number(arena, id)), NULL, err);
}

enum error_code tag_store_change_nodes(struct db *db, int64_t id, struct tag_change *change,
                                       struct arena *arena, struct error *err)
{
    DB_STATEMENT(tag_change_nodes,
                 "WITH added AS (INSERT INTO node_tag (node_id, tag_id) SELECT n.id, $1::bigint "
                 "FROM node n WHERE n.system_id = ANY ($2::text[]) "
                 "AND n.system_id <> ALL ($3::text[]) ON CONFLICT DO NOTHING RETURNING 1), "
                 "removed AS (DELETE FROM node_tag l USING node n WHERE l.tag_id = $1 "
                 "AND l.node_id = n.id AND n.system_id = ANY ($3::text[]) RETURNING 1) "
                 "SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM removed)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &tag_change_nodes,
                 DB_PARAMS(db_number(arena, id), change->add, change->remove), &rows, err);
    if (code)
        return code;
    change->added = db_int(&rows, 0, 0);
    change->removed = db_int(&rows, 0, 1);
    return ERR_OK;
}

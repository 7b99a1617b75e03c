/* Replies made of rows of JSON: see rows_reply.h. */
#include "src/region/rows_reply.h"

static enum error_code put_row(void *subject, const struct db_rows *rows, struct error *err)
{
    (void)err;
    json_out_raw(subject, NULL, db_text(rows, 0, 0));
    return ERR_OK;
}

enum error_code rows_reply_list(struct api_request *request, struct api_reply *reply,
                                const struct db_statement *statement, struct db_params params,
                                struct error *err)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_list(out, NULL);
    enum error_code code = db_each(request->db, statement, params, put_row, out, err);
    if (!code)
        json_out_close_list(out);
    return code;
}

enum error_code rows_reply_one(struct api_request *request, struct api_reply *reply,
                               const struct rows_one *one, struct db_params params,
                               struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, one->statement, params, &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No %s matches the given query.", one->model);
    json_out_raw(api_reply_json(reply), NULL, db_text(&rows, 0, 0));
    return ERR_OK;
}

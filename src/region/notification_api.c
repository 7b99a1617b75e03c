/* Notifications: the actions of notifications/. Source: MAAS API 2.0, notifications. */
#include <jansson.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/notification_text.h"
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"

enum { IDENT_BYTES = 40 };

#define NOTIFICATION_SQL                                                                        \
    "SELECT to_json(o) FROM (SELECT n.id, n.ident, " USER_JSON_SQL(                             \
        "a") " AS user, n.users, n.admins, n.message, n.context, n.category, n.dismissable, "   \
             "'/MAAS/api/2.0/notifications/' || n.id || '/' AS resource_uri FROM notification " \
             "n LEFT JOIN account a ON a.id = n.account_id WHERE "

/* Is it for the account $1, which is an administrator's or not ($2)? */
#define NOTIFICATION_FOR \
    "(n.account_id = $1 OR CASE WHEN $2::boolean THEN n.admins ELSE n.users END)"

struct notification {
    const char *ident, *message, *context, *category;
    const char *user; /* its number, or NULL */
    bool users, admins, dismissable;
};

static const struct field fields[] = {
    FIELD(struct notification, ident, FIELD_TEXT, FIELD_WRITE, "a name for programs"),
    FIELD(struct notification, message, FIELD_TEXT, FIELD_WRITE, "the text, with {names}"),
    FIELD(struct notification, context, FIELD_TEXT, FIELD_WRITE, "what the names stand for"),
    FIELD(struct notification, category, FIELD_TEXT, FIELD_WRITE, "error, warning, success, info"),
    FIELD(struct notification, user, FIELD_TEXT, FIELD_WRITE, "for whom"),
    FIELD(struct notification, users, FIELD_BOOL, FIELD_WRITE, "for all users"),
    FIELD(struct notification, admins, FIELD_BOOL, FIELD_WRITE, "for all administrators"),
    FIELD(struct notification, dismissable, FIELD_BOOL, FIELD_WRITE, "may be dismissed"),
};

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

/* The id of the path, or one that nothing has. */
static const char *path_id(const struct api_request *request)
{
    const char *id = field_form_id(api_path(request, "id"));
    return id ? id : "0";
}

/* ---- reading ---- */

enum error_code notifications_read(struct api_request *request, struct api_reply *reply,
                                   struct error *err)
{
    DB_STATEMENT(notification_list, NOTIFICATION_SQL NOTIFICATION_FOR
                 " AND NOT EXISTS (SELECT FROM notification_dismissal s WHERE s.notification_id = "
                 "n.id AND s.account_id = $1)) o ORDER BY o.id");
    return rows_reply_list(
        request, reply, &notification_list,
        DB_PARAMS(db_number(request->arena, request->user->id), truth(request->user->is_superuser)),
        err);
}

static enum error_code reply_one(struct api_request *request, struct api_reply *reply,
                                 const char *id, struct error *err)
{
    DB_STATEMENT(notification_one, NOTIFICATION_SQL "n.id = $1) o");
    struct rows_one one = {&notification_one, "Notification"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

/* There is one: is it for who asks, and may it be dismissed? */
static enum error_code look(struct api_request *request, bool *relevant, bool *dismissable,
                            struct error *err)
{
    DB_STATEMENT(notification_look,
                 "SELECT " NOTIFICATION_FOR ", n.dismissable FROM notification n WHERE n.id = $3");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &notification_look,
                                    DB_PARAMS(db_number(request->arena, request->user->id),
                                              truth(request->user->is_superuser), path_id(request)),
                                    &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Notification matches the given query.");
    *relevant = !code && db_bool(&rows, 0, 0);
    *dismissable = !code && db_bool(&rows, 0, 1);
    return code;
}

enum error_code notification_read(struct api_request *request, struct api_reply *reply,
                                  struct error *err)
{
    bool relevant, dismissable;
    enum error_code code = look(request, &relevant, &dismissable, err);
    if (!code && !relevant && !request->user->is_superuser)
        return error_set(err, ERR_FORBIDDEN, "This notification is for others.");
    return code ? code : reply_one(request, reply, path_id(request), err);
}

enum error_code notification_dismiss(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    DB_STATEMENT(notification_dismiss_row,
                 "INSERT INTO notification_dismissal (notification_id, account_id) VALUES ($1, $2) "
                 "ON CONFLICT DO NOTHING");
    bool relevant, dismissable;
    enum error_code code = look(request, &relevant, &dismissable, err);
    if (!code && !relevant)
        return error_set(err, ERR_FORBIDDEN, "This notification is for others.");
    if (!code && !dismissable)
        return error_set(err, ERR_BAD_INPUT, "This notification cannot be dismissed.");
    if (!code)
        code = db_query(request->db, &notification_dismiss_row,
                        DB_PARAMS(path_id(request), db_number(request->arena, request->user->id)),
                        NULL, err);
    if (!code)
        json_out_null(api_reply_json(reply), NULL);
    return code;
}

/* ---- writing ---- */

static void check_texts(struct api_request *request, struct api_reply *reply,
                        struct notification *said)
{
    static const char *const categories[] = {"error", "warning", "success", "info"};
    bool known = false;
    if (!*said->category)
        said->category = "info";
    if (!*said->context)
        said->context = "{}";
    for (size_t i = 0; i < COUNT_OF(categories); i++)
        known = known || !strcmp(categories[i], said->category);
    if (!known)
        api_field_error(reply, "category",
                        "Select a valid choice. %.64s is not one of the available choices.",
                        said->category);
    if (said->ident && strlen(said->ident) > IDENT_BYTES)
        api_field_error(reply, "ident", "Ensure this value has at most %d characters.",
                        IDENT_BYTES);
    __attribute__((cleanup(json_decrefp))) json_t *values = json_loads(said->context, 0, NULL);
    if (!json_is_object(values))
        api_field_error(reply, "context", "Context is not a mapping.");
    else if (field_form_need(reply, "message", said->message) &&
             !notification_text(said->message, values, request->arena))
        api_field_error(reply, "__all__", "Notification cannot be rendered.");
}

/* A number or a name; "" is nobody. */
static enum error_code find_user(struct api_request *request, struct api_reply *reply,
                                 const char **user, struct error *err)
{
    DB_STATEMENT(notification_user, "SELECT id FROM account WHERE id = $1::bigint OR username = $2 "
                                    "ORDER BY (id = $1::bigint) DESC NULLS LAST LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *said = *user;
    *user = NULL;
    if (!said || !*said)
        return ERR_OK;
    enum error_code code =
        db_query(request->db, &notification_user, DB_PARAMS(field_form_id(said), said), &rows, err);
    if (!code && rows.count)
        *user = arena_strdup(request->arena, db_text(&rows, 0, 0));
    else if (!code)
        api_field_error(reply, "user",
                        "Select a valid choice. That choice is not one of the available choices.");
    return code;
}

/* What the request says, over what is there; all of it is checked then. */
static enum error_code read_form(struct api_request *request, struct api_reply *reply,
                                 struct notification *said, struct error *err)
{
    struct field_form form = {fields, COUNT_OF(fields)};
    field_form_read(request, reply, &form, said);
    check_texts(request, reply, said);
    if (said->ident && !*said->ident)
        said->ident = NULL;
    enum error_code code = find_user(request, reply, &said->user, err);
    return code ? code : api_fields_valid(reply, err);
}

static enum error_code answer(struct api_request *request, struct api_reply *reply,
                              enum error_code code, const char *id, struct error *err)
{
    if (code == ERR_CONFLICT) {
        api_field_error(reply, "ident", "Notification with this Ident already exists.");
        return api_fields_valid(reply, err);
    }
    return code ? code : reply_one(request, reply, id, err);
}

enum error_code notifications_create(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    DB_STATEMENT(notification_create,
                 "INSERT INTO notification (ident, account_id, users, admins, message, context, "
                 "category, dismissable) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct notification said = {.context = "", .category = "", .dismissable = true};
    enum error_code code = read_form(request, reply, &said, err);
    if (code)
        return code;
    code = db_query(request->db, &notification_create,
                    DB_PARAMS(said.ident, said.user, truth(said.users), truth(said.admins),
                              said.message, said.context, said.category, truth(said.dismissable)),
                    &rows, err);
    return answer(request, reply, code, code ? NULL : db_text(&rows, 0, 0), err);
}

enum error_code notification_update(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(notification_load,
                 "SELECT ident, account_id AS user, users, admins, message, context, category, "
                 "dismissable FROM notification WHERE id = $1");
    DB_STATEMENT(notification_update_row,
                 "UPDATE notification SET ident = $2, account_id = $3, users = $4, admins = $5, "
                 "message = $6, context = $7, category = $8, dismissable = $9, updated = now() "
                 "WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *id = path_id(request);
    struct notification said = {0};
    enum error_code code = db_query(request->db, &notification_load, DB_PARAMS(id), &rows, err);
    if (!code && !rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Notification matches the given query.");
    if (code)
        return code;
    db_map(&rows, 0, fields, COUNT_OF(fields), &said, request->arena);
    code = read_form(request, reply, &said, err);
    if (code)
        return code;
    code = db_query(request->db, &notification_update_row,
                    DB_PARAMS(id, said.ident, said.user, truth(said.users), truth(said.admins),
                              said.message, said.context, said.category, truth(said.dismissable)),
                    NULL, err);
    return answer(request, reply, code, id, err);
}

enum error_code notification_delete(struct api_request *request, struct api_reply *reply,
                                    struct error *err)
{
    DB_STATEMENT(notification_remove, "DELETE FROM notification WHERE id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &notification_remove, DB_PARAMS(path_id(request)), &rows, err);
    if (!code && !rows.affected)
        return error_set(err, ERR_NOT_FOUND, "No Notification matches the given query.");
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}

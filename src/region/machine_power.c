/* Power drivers' parameters of machines: see machine_power.h. */
#include "src/region/machine_power.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/json_out.h"
#include "src/model/power_driver.h"

#define PREFIX "power_parameters_"
enum { JSON_BYTES = 16384 };

void machine_power_close(struct machine_power *power)
{
    json_decref(power->parameters);
    power->parameters = NULL;
}

static const char *purpose_of(struct arena *arena, const char *system_id)
{
    return arena_printf(arena, "power %s", system_id);
}

/* An object from text of our own making. */
static enum error_code merge_text(json_t *into, const char *text, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *object = json_loads(text, 0, NULL);
    if (!json_is_object(object))
        return error_set(err, ERR_CORRUPT, "power parameters are not an object");
    int rv = json_object_update(into, object);
    ASSERT(rv == 0);
    return ERR_OK;
}

enum error_code machine_power_row(const struct db_rows *rows, int row, const struct seal_ring *ring,
                                  struct arena *arena, struct machine_power *power,
                                  struct error *err)
{
    char *secrets = NULL;
    power->system_id = arena_strdup(arena, db_text(rows, row, 0));
    power->type = arena_strdup(arena, db_text(rows, row, 1));
    json_decref(power->parameters);
    power->parameters = json_object();
    enum error_code code = merge_text(power->parameters, db_text(rows, row, 2), err);
    if (!code && !db_is_null(rows, row, 3))
        code = seal_open(ring, purpose_of(arena, power->system_id), db_text(rows, row, 3), arena,
                         &secrets, err);
    if (!code && secrets)
        code = merge_text(power->parameters, secrets, err);
    return code ? error_wrap(err, "power of %s", power->system_id) : code;
}

enum error_code machine_power_load(struct db *db, const struct seal_ring *ring,
                                   const char *system_id, struct arena *arena,
                                   struct machine_power *power, struct error *err)
{
    DB_STATEMENT(machine_power_read, "SELECT " MACHINE_POWER_COLUMNS " "
                                     "FROM node WHERE system_id = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &machine_power_read, DB_PARAMS(system_id), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No Machine matches the given query.");
    return machine_power_row(&rows, 0, ring, arena, power, err);
}

static void set_text(struct api_reply *reply, struct machine_power *power, const char *name,
                     const char *text)
{
    power->changed = true;
    if (json_object_set_new(power->parameters, name, json_string(text)))
        api_field_error(reply, "power_parameters", "Not a text in UTF-8.");
}

static void take_type(struct api_request *request, struct api_reply *reply,
                      struct machine_power *power)
{
    const char *type = api_param(request, "power_type");
    if (!type || !strcmp(type, power->type))
        return;
    if (*type && !power_driver_find(type)) {
        api_field_error(reply, "power_type",
                        "Select a valid choice. %.64s is not one of the available choices.", type);
        return;
    }
    power->type = type;
    json_object_clear(power->parameters);
    power->changed = true;
}

static void take_parameters(struct api_request *request, struct api_reply *reply,
                            struct machine_power *power)
{
    const char *whole = api_param(request, "power_parameters");
    if (whole && *whole) {
        __attribute__((cleanup(json_decrefp))) json_t *object =
            strlen(whole) <= JSON_BYTES ? json_loads(whole, JSON_REJECT_DUPLICATES, NULL) : NULL;
        power->changed = true;
        if (json_is_object(object))
            power_driver_texts(object, power->parameters);
        else
            api_field_error(reply, "power_parameters", "Enter a JSON object.");
    }
    for (int i = 0; i < api_param_count(request); i++) {
        const char *name, *value;
        api_param_at(request, i, &name, &value);
        if (!strncmp(name, PREFIX, strlen(PREFIX)) && strcmp(name, PREFIX "skip_check"))
            set_text(reply, power, name + strlen(PREFIX), value);
    }
}

enum error_code machine_power_from_form(struct api_request *request, struct api_reply *reply,
                                        struct machine_power *power, struct error *err)
{
    bool skip_check = false;
    struct error wrong;
    enum error_code code = api_param_bool(request, PREFIX "skip_check", &skip_check, err);
    if (code)
        return code;
    if (!power->type)
        power->type = "";
    if (!power->parameters)
        power->parameters = json_object();
    take_type(request, reply, power);
    take_parameters(request, reply, power);
    const struct power_driver *driver = power_driver_find(power->type);
    if (power->changed && driver && !skip_check &&
        power_driver_check(driver, power->parameters, &wrong))
        api_field_error(reply, "power_parameters", "%s", wrong.text);
    return ERR_OK;
}

enum error_code machine_power_store(struct db *db, const struct seal_ring *ring,
                                    const struct machine_power *power, struct arena *arena,
                                    struct error *err)
{
    DB_STATEMENT(machine_power_write_row,
                 "UPDATE node SET power_type = $2, power_parameters = $3, power_secrets = $4, "
                 "power_state = CASE WHEN power_type = $2 THEN power_state ELSE 'unknown' END, "
                 "power_due = now(), power_failures = 0, power_seen = NULL, "
                 "updated = now() WHERE system_id = $1");
    const struct power_driver *driver = power_driver_find(power->type);
    json_t *open = json_object(), *secret = json_object();
    const char *name, *sealed = NULL;
    json_t *value;
    json_object_foreach (power->parameters, name, value) {
        const struct power_parameter *parameter =
            driver ? power_driver_parameter(driver, name) : NULL;
        if (parameter)
            json_object_set(parameter->secret ? secret : open, name, value);
    }
    if (json_object_size(secret))
        sealed = seal_close(ring, purpose_of(arena, power->system_id), json_out_dump(arena, secret),
                            arena);
    const char *plain = json_out_dump(arena, open);
    json_decref(open);
    json_decref(secret);
    return db_query(db, &machine_power_write_row,
                    DB_PARAMS(power->system_id, power->type, plain, sealed), NULL, err);
}

static void write_value(struct json_out *out, const char *key, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    ASSERT(text);
    json_out_raw(out, key, text);
    free(text);
}

static void write_members(const struct machine_power *power, struct json_out *out)
{
    const char *name;
    json_t *value;
    json_object_foreach (power->parameters, name, value)
        write_value(out, name, value);
    json_out_close_object(out);
}

void machine_power_write(const struct machine_power *power, struct json_out *out)
{
    json_out_open_object(out, NULL);
    write_members(power, out);
}

struct power_list {
    const struct seal_ring *ring;
    struct json_out *out;
    struct arena *arena;
};

static enum error_code write_row(void *subject, const struct db_rows *rows, struct error *err)
{
    const struct power_list *list = subject;
    __attribute__((cleanup(machine_power_close))) struct machine_power power = {0};
    enum error_code code = machine_power_row(rows, 0, list->ring, list->arena, &power, err);
    if (code)
        return code;
    json_out_open_object(list->out, power.system_id);
    write_members(&power, list->out);
    return ERR_OK;
}

enum error_code machine_power_write_all(struct db *db, const struct seal_ring *ring,
                                        const char *ids, struct json_out *out, struct arena *arena,
                                        struct error *err)
{
    DB_STATEMENT(machine_power_list, "SELECT " MACHINE_POWER_COLUMNS " "
                                     "FROM node WHERE id = ANY ($1::bigint[]) ORDER BY id");
    struct power_list list = {ring, out, arena};
    json_out_open_object(out, NULL);
    enum error_code code = db_each(db, &machine_power_list, DB_PARAMS(ids), write_row, &list, err);
    if (!code)
        json_out_close_object(out);
    return code;
}

/*
 * The status webhook: what cloud-init and installers report while they run, one JSON object each.
 * It becomes an event; milestones move the machine, files are kept with its current run.
 * Source: MAAS API 2.0, status webhook.
 */
#include <jansson.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/script.h"
#include "src/model/machine_status.h"
#include "src/region/event_store.h"
#include "src/region/http.h"
#include "src/region/machine_signal.h"
#include "src/region/metadata_store.h"
#include "src/region/routes.h"
#include "src/wire/digest.h"

enum { MESSAGE_BYTES = 1 << 20, FILES_MOST = 8 };

/* Steps that people are told of, besides the log of everything. */
static const struct {
    const char *name, *event;
} steps[] = {
    {"cmd-install/stage-partitioning", "CONFIGURING_STORAGE"},
    {"cmd-install/stage-extract", "INSTALLING_OS"},
    {"cmd-install/stage-curthooks", "CONFIGURING_OS"},
    {"cmd-install/stage-late", "REBOOTING"},
};

/* Required texts of the object. */
static enum error_code read_message(const json_t *body, struct machine_milestone *message,
                                    const char **origin, struct error *err)
{
    const struct {
        const char *key, **text;
    } needed[] = {{"event_type", &message->event_type},
                  {"origin", origin},
                  {"name", &message->name},
                  {"description", &message->description}};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        *needed[i].text = json_string_value(json_object_get(body, needed[i].key));
        if (!*needed[i].text)
            return error_set(err, ERR_BAD_INPUT, "Missing parameter in status message %s",
                             needed[i].key);
    }
    message->result = json_string_value(json_object_get(body, "result"));
    return ERR_OK;
}

static const char *step_event(const struct machine_milestone *message)
{
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        if (!strcmp(message->event_type, "start") && !strcmp(message->name, steps[i].name))
            return steps[i].event;
    return NULL;
}

static enum error_code note(struct api_request *request, const struct machine_milestone *message,
                            const char *origin, struct error *err)
{
    const char *step = step_event(message), *result = message->result;
    struct event event = {
        .type = "NODE_STATUS_EVENT",
        .system_id = request->system_id,
        .description = arena_printf(request->arena, "'%s' %s %s%s%s: %s", origin,
                                    message->event_type, message->name, result ? " " : "",
                                    result ? result : "", message->description),
    };
    struct event told = {.type = step, .system_id = request->system_id, .action = message->name};
    enum error_code code = event_add(request->db, &event, request->arena, err);
    return code || !step ? code : event_add(request->db, &told, request->arena, err);
}

/* One file, as the output of a script of its name. */
static enum error_code keep_file(struct api_request *request,
                                 const struct metadata_machine *machine, int set,
                                 const json_t *file, struct error *err)
{
    const char *path = json_string_value(json_object_get(file, "path"));
    const char *encoding = json_string_value(json_object_get(file, "encoding"));
    const char *content = json_string_value(json_object_get(file, "content"));
    size_t size = 0;
    if (!path || !content || !encoding || strcmp(encoding, "base64") != 0 ||
        json_object_get(file, "compression"))
        return error_set(err, ERR_BAD_INPUT, "A file has a path and content in base64.");
    const char *bytes = digest_base64_parse(request->arena, content, strlen(content), &size);
    if (!bytes || !*path || strlen(path) > 255)
        return error_set(err, ERR_BAD_INPUT, "The content of %.100s is not base64.", path);
    struct metadata_result result = {
        .name = path, .status = SCRIPT_PASSED, .runtime_s = -1, .output = {bytes, size}};
    return metadata_store_put_result(request->db, machine->id, set, &result, request->arena, err);
}

static enum error_code keep_files(struct api_request *request,
                                  const struct metadata_machine *machine, const json_t *body,
                                  struct error *err)
{
    const json_t *files = json_object_get(body, "files");
    int set = machine_status_results(machine->status);
    size_t i;
    json_t *file;
    enum error_code code = ERR_OK;
    if (json_array_size(files) > FILES_MOST)
        return error_set(err, ERR_BAD_INPUT, "A message has at most %d files.", FILES_MOST);
    json_array_foreach (files, i, file)
        if (!code && set >= 0)
            code = keep_file(request, machine, set, file, err);
    return code;
}

static enum error_code take(struct api_request *request, const json_t *body, struct error *err)
{
    struct machine_life life = {request->db, request->arena, http_settings(request->http)->ring,
                                NULL};
    struct machine_milestone message;
    struct metadata_machine machine;
    const char *origin;
    enum error_code code = read_message(body, &message, &origin, err);
    if (!code)
        code = metadata_store_find(request->db, request->system_id, NULL, request->arena, &machine,
                                   err);
    if (!code)
        code = note(request, &message, origin, err);
    if (!code)
        code = keep_files(request, &machine, body, err);
    return code ? code : machine_signal_milestone(&life, &machine.life, &message, err);
}

enum error_code page_metadata_status(struct api_request *request, struct api_reply *reply,
                                     struct error *err)
{
    const struct route_match *route = request->route;
    __attribute__((cleanup(json_decrefp))) json_t *body = NULL;
    size_t size;
    const char *bytes = api_body(request, &size);
    if (route->rest_count != 1)
        return error_set(err, ERR_NOT_FOUND, "Not Found");
    if (!request->system_id)
        return error_set(err, ERR_UNAUTHORIZED, "Authorization Error: Not authenticated.");
    if (strcmp(request->system_id, route->rest[0]))
        return error_set(err, ERR_FORBIDDEN, "This is the key of another machine.");
    if (size > MESSAGE_BYTES)
        return error_set(err, ERR_TOO_LARGE, "A status message has at most %d bytes.",
                         MESSAGE_BYTES);
    body = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(body))
        return error_set(err, ERR_BAD_INPUT, "Status payload is not valid JSON");
    enum error_code code = take(request, body, err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}

/* Signals of machines: see metadata_signal.h. Source: MAAS API 2.0, metadata, op=signal. */
#include "src/region/metadata_signal.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/model/machine_status.h"
#include "src/model/script.h"
#include "src/region/event_store.h"
#include "src/region/hardware_report.h"
#include "src/region/hardware_store.h"
#include "src/region/http.h"
#include "src/region/machine_signal.h"
#include "src/region/metadata_power.h"
#include "src/region/script_hardware.h"
#include "src/region/script_run.h"
#include "src/region/script_set.h"
#include "src/region/tag_rule.h"

#define LSHW "maas-lshw"

enum { OUTPUT_BYTES = 1 << 20, ERROR_BYTES = 1000 };

static const struct {
    const char *word;
    int script_status; /* of a script that has not ended */
} statuses[] = {
    {"WORKING", SCRIPT_RUNNING},       {"OK", SCRIPT_RUNNING},
    {"FAILED", SCRIPT_RUNNING},        {"COMMISSIONING", SCRIPT_RUNNING},
    {"TESTING", SCRIPT_RUNNING},       {"RELEASING", SCRIPT_RUNNING},
    {"INSTALLING", SCRIPT_INSTALLING}, {"APPLYING_NETCONF", SCRIPT_APPLYING_NETCONF},
    {"TIMEDOUT", SCRIPT_TIMED_OUT},
};

static enum error_code read_status(const struct api_request *request, const char **status,
                                   int *script_status, struct error *err)
{
    enum error_code code = api_need(request, "status", status, err);
    if (code)
        return code;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (strcmp(statuses[i].word, *status))
            continue;
        *script_status = statuses[i].script_status;
        return ERR_OK;
    }
    return error_set(err, ERR_BAD_INPUT, "Unknown commissioning status: '%.64s'", *status);
}

/* Where the output of a file part belongs: NAME, NAME.out, NAME.err, NAME.yaml; NULL = nowhere. */
static struct metadata_output *place_of(struct metadata_result *result, const char *file)
{
    size_t size = strlen(result->name);
    if (strncmp(file, result->name, size))
        return NULL;
    file += size;
    return !*file                   ? &result->output
           : !strcmp(file, ".out")  ? &result->stdout_bytes
           : !strcmp(file, ".err")  ? &result->stderr_bytes
           : !strcmp(file, ".yaml") ? &result->result
                                    : NULL;
}

static bool is_script_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/')
            return false;
    return *name && strlen(name) <= 255;
}

static enum error_code read_files(const struct api_request *request, struct metadata_result *result,
                                  struct error *err)
{
    for (int i = 0; i < api_file_count(request); i++) {
        const struct api_file *file = api_file_at(request, i);
        struct metadata_output *place = place_of(result, file->name);
        if (!place)
            return error_set(err, ERR_BAD_INPUT, "File %.100s does not belong to script %.100s.",
                             file->name, result->name);
        if (file->size > OUTPUT_BYTES)
            return error_set(err, ERR_TOO_LARGE, "File %.100s has more than %d bytes.", file->name,
                             OUTPUT_BYTES);
        *place = (struct metadata_output){file->bytes, file->size};
    }
    return ERR_OK;
}

/* exit_status has two older names. */
static enum error_code read_exit_status(const struct api_request *request,
                                        struct metadata_result *result, struct error *err)
{
    static const char *const names[] = {"exit_status", "script_result", "result"};
    for (size_t i = 0; i < COUNT_OF(names) && !result->has_exit_status; i++) {
        const char *text = api_param(request, names[i]);
        result->has_exit_status = text && *text;
        enum error_code code = api_param_int(request, names[i], &result->exit_status, err);
        if (code)
            return code;
    }
    if (result->exit_status < -1000 || result->exit_status > 1000)
        return error_set(err, ERR_BAD_INPUT, "Invalid exit_status: out of range");
    return ERR_OK;
}

static enum error_code read_result(const struct api_request *request, int script_status,
                                   struct metadata_result *result, struct error *err)
{
    const char *runtime = api_param(request, "runtime");
    char *end = NULL;
    *result = (struct metadata_result){.name = api_param(request, "name"), .runtime_s = -1};
    if (!result->name && api_file_count(request))
        result->name = api_file_at(request, 0)->name;
    if (!result->name)
        return ERR_OK;
    if (!is_script_name(result->name))
        return error_set(err, ERR_BAD_INPUT, "Invalid name: not a script's");
    if (runtime && *runtime) {
        result->runtime_s = strtod(runtime, &end);
        if (*end || !isfinite(result->runtime_s) || result->runtime_s < 0 ||
            result->runtime_s > 1e8)
            return error_set(err, ERR_BAD_INPUT, "Invalid runtime: expected seconds");
    }
    enum error_code code = read_exit_status(request, result, err);
    if (!code)
        code = api_param_int(request, "script_result_id", &result->id, err);
    if (!code && result->id < 0)
        code = error_set(err, ERR_BAD_INPUT, "Invalid script_result_id: not an id");
    if (!code)
        code = read_files(request, result, err);
    result->status = !result->has_exit_status     ? script_status
                     : result->exit_status == 0   ? SCRIPT_PASSED
                     : result->exit_status == 124 ? SCRIPT_TIMED_OUT
                                                  : SCRIPT_FAILED;
    return code;
}

static enum error_code take_inventory(struct api_request *request,
                                      const struct metadata_machine *machine,
                                      const struct metadata_output *output, struct error *err)
{
    __attribute__((cleanup(json_decrefp))) json_t *report = NULL;
    const char *summary = NULL;
    int64_t tests = 0;
    enum error_code code = hardware_report_parse(output->bytes, output->size, &report, err);
    if (!code)
        code = hardware_store_put(request->db, machine->id, report, request->arena, &summary, err);
    if (!code) /* tests that take all disks or interfaces learn which there are */
        code = script_set_current(request->db, machine->id, SCRIPT_TESTING, request->arena, &tests,
                                  err);
    if (!code)
        code = script_set_expand(request->db, tests, request->arena, err);
    if (code)
        return code;
    struct event event = {
        .type = "NODE_INVENTORY", .system_id = machine->system_id, .description = summary};
    return event_add(request->db, &event, request->arena, err);
}

static enum error_code take_result(struct api_request *request,
                                   const struct metadata_machine *machine,
                                   const struct metadata_result *result, struct error *err)
{
    int set = machine_status_results(machine->life.status);
    bool is_inventory =
        set == SCRIPT_COMMISSIONING && !strcmp(result->name, HARDWARE_REPORT_SCRIPT);
    if (set < 0)
        return ERR_OK;
    enum error_code code =
        metadata_store_put_result(request->db, machine->id, set, result, request->arena, err);
    if (!code && is_inventory && result->status == SCRIPT_PASSED && result->output.bytes)
        code = take_inventory(request, machine, &result->output, err);
    if (!code && set == SCRIPT_COMMISSIONING && !strcmp(result->name, LSHW) &&
        result->status == SCRIPT_PASSED)
        code = tag_rule_apply_to_node(request->db, machine->id, request->arena, err);
    if (!code && set == SCRIPT_COMMISSIONING)
        code = script_hardware_skip(request->db, machine->id, request->arena, err);
    return code;
}

/* A New machine that was seen only tells its hardware, once. */
static enum error_code take_enlisting(struct api_request *request,
                                      const struct metadata_machine *machine, const char *status,
                                      const char *error, struct error *err)
{
    enum error_code code = metadata_store_signal(request->db, machine->id, error,
                                                 !strcmp(status, "OK"), request->arena, err);
    if (code || strcmp(status, "FAILED") != 0)
        return code;
    struct event event = {
        .type = "NODE_INVENTORY_FAILED", .system_id = machine->system_id, .description = error};
    return event_add(request->db, &event, request->arena, err);
}

/* What went wrong is said by tools of all kinds: it is heard, cut where a character ends, and what
 * is no text is passed by. */
static const char *clean_error(const char *error, struct arena *arena)
{
    size_t size = strnlen(error, ERROR_BYTES);
    while (size && error[size] && ((unsigned char)error[size] & 0xc0) == 0x80)
        size--;
    char *text = arena_strndup(arena, error, size);
    __attribute__((cleanup(json_decrefp))) json_t *sound = json_string(text);
    for (char *p = text; !sound && *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return text;
}

enum error_code metadata_signal_take(struct api_request *request,
                                     const struct metadata_machine *machine, struct error *err)
{
    const char *status = NULL, *error = api_param(request, "error");
    struct metadata_result result;
    struct machine moved = machine->life;
    struct machine_life life = {request->db, request->arena, http_settings(request->http)->ring,
                                NULL};
    int script_status = 0;
    enum error_code code = read_status(request, &status, &script_status, err);
    if (!code)
        code = read_result(request, script_status, &result, err);
    bool is_new = machine->status == MACHINE_NEW;
    /* once its hardware is known it has nothing to report, until it is commissioned */
    if (code || (is_new && machine->enlisted && strcmp(status, "COMMISSIONING") != 0))
        return code;
    if (error)
        error = clean_error(error, request->arena);
    if (result.name)
        code = take_result(request, machine, &result, err);
    if (!code && machine->status == MACHINE_COMMISSIONING)
        code = metadata_power_take(request, machine, err);
    if (!code && (is_new || machine->status == MACHINE_COMMISSIONING))
        code = take_enlisting(request, machine, status, error, err);
    return code ? code : machine_signal(&life, &moved, status, error, err);
}

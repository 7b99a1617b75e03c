/* Staying with a machine until it is done: see machine_wait.h. */
#include "src/cli/machine_wait.h"

#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/cli/api_run.h"
#include "src/model/machine_status.h"

enum { LOOK_US = 1000000, PATIENCE_S = 120 };

static const char *text_of(const json_t *machine, const char *key)
{
    const char *text = json_string_value(json_object_get(machine, key));
    return text ? text : "";
}

static int status_of(const json_t *machine)
{
    const json_t *status = json_object_get(machine, "status");
    json_int_t number = json_is_integer(status) ? json_integer_value(status) : -1;
    return number >= 0 && number < MACHINE_STATUS_COUNT ? (int)number : -1;
}

static enum error_code read_machine(struct cli *cli, const struct profile *profile,
                                    json_t **machine, struct error *err)
{
    struct api_request_bytes bytes = {
        .method = "GET",
        .url = arena_printf(cli->arena, "%smachines/%s/", profile->url,
                            text_of(*machine, "system_id")),
    };
    struct api_run_answer answer;
    enum error_code code = api_run_call(cli, profile, &bytes, &answer, err);
    if (code)
        return code;
    json_t *read = json_loadb(answer.body, answer.body_size, 0, NULL);
    if (status_of(read) < 0) {
        json_decref(read);
        return error_set(err, ERR_CORRUPT, "the answer is no machine");
    }
    json_decref(*machine);
    *machine = read;
    return ERR_OK;
}

/* Only what has changed is told. */
static void tell(const json_t *machine, uint64_t began_ns, char told[256])
{
    char now[256];
    snprintf(now, sizeof(now), "%s: %s", text_of(machine, "status_name"),
             text_of(machine, "status_message"));
    if (!strcmp(now, told))
        return;
    strcpy(told, now);
    fprintf(stderr, "%5.0f s  %s  %s\n", (double)(clock_boot_ns() - began_ns) / 1e9,
            text_of(machine, "hostname"), now);
}

static bool goes_on(const json_t *machine)
{
    return machine_status_failed(status_of(machine)) >= 0;
}

/* It ended as a failure: also one that it was in before, for then nothing has come of it. */
static bool has_failed(int status)
{
    for (int passing = 0; passing < MACHINE_STATUS_COUNT; passing++)
        if (machine_status_failed(passing) == status)
            return true;
    return false;
}

enum error_code machine_wait(struct cli *cli, const struct profile *profile, json_t **machine,
                             struct error *err)
{
    char told[256] = "";
    uint64_t began_ns = clock_boot_ns(), heard_ns = began_ns;
    if (!*text_of(*machine, "system_id") || status_of(*machine) < 0)
        return error_set(err, ERR_BAD_INPUT, "--wait is for actions on one machine");
    tell(*machine, began_ns, told);
    while (goes_on(*machine)) {
        usleep(LOOK_US);
        enum error_code code = read_machine(cli, profile, machine, err);
        bool patient = clock_boot_ns() - heard_ns < PATIENCE_S * CLOCK_S;
        if (code && !(error_retryable(code) && patient))
            return code;
        if (code)
            continue;
        heard_ns = clock_boot_ns();
        tell(*machine, began_ns, told);
    }
    if (!has_failed(status_of(*machine)))
        return ERR_OK;
    return error_set(err, ERR_INTERNAL, "%s: %s: %.300s", text_of(*machine, "hostname"),
                     text_of(*machine, "status_name"), text_of(*machine, "error_description"));
}

/* What a request says of a machine: see machine_form.h. Source: MAAS API 2.0, machines create. */
#include "src/region/machine_form.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"
#include "src/model/machine_name.h"

#define NOT_A_CHOICE "Select a valid choice. That choice is not one of the available choices."

static const char *const architectures[] = {
    "amd64/generic",  "i386/generic",  "arm64/generic",   "arm64/xgene-uboot",
    "armhf/highbank", "armhf/generic", "ppc64el/generic", "s390x/generic",
};

static const char *given(const struct api_request *request, const char *name)
{
    const char *text = api_param(request, name);
    return text && *text ? text : NULL;
}

static void read_architecture(struct api_request *request, struct api_reply *reply, bool is_new,
                              struct machine_form *form)
{
    const char *text = given(request, "architecture");
    const char *subarchitecture = given(request, "subarchitecture");
    if (!text) {
        if (is_new)
            api_field_error(reply, "architecture", "This field is required.");
        return;
    }
    if (!strchr(text, '/'))
        text = arena_printf(request->arena, "%.64s/%.64s", text,
                            subarchitecture ? subarchitecture : "generic");
    for (size_t i = 0; i < COUNT_OF(architectures); i++)
        if (!strcmp(architectures[i], text))
            form->architecture = architectures[i];
    if (form->architecture)
        return;
    const char *list = "";
    for (size_t i = 0; i < COUNT_OF(architectures); i++)
        list = arena_printf(request->arena, "%s%s'%s'", list, *list ? ", " : "", architectures[i]);
    api_field_error(reply, "architecture",
                    "'%.130s' is not a valid architecture. It should be one of: %s.", text, list);
}

static void add_mac(struct api_reply *reply, struct arena *arena, const char *word,
                    struct machine_form *form)
{
    struct mac mac;
    if (!mac_parse(word, &mac)) {
        api_field_error(reply, "mac_addresses", "'%.64s' is not a valid MAC address.", word);
        return;
    }
    const char *text = mac_format(mac, arena_alloc(arena, MAC_TEXT));
    for (int i = 0; i < form->macs_count; i++)
        if (!strcmp(form->macs[i], text))
            return;
    if (form->macs_count < MACHINE_MACS)
        form->macs[form->macs_count++] = text;
    else
        api_field_error(reply, "mac_addresses", "A node has at most %d.", MACHINE_MACS);
}

static void read_macs(struct api_request *request, struct api_reply *reply,
                      struct machine_form *form)
{
    int count;
    const char *const *values = api_param_list(request, "mac_addresses", &count);
    for (int i = 0; i < count; i++) {
        for (const char *at = values[i]; *(at += strspn(at, ", ")); at += strcspn(at, ", "))
            add_mac(reply, request->arena, arena_strndup(request->arena, at, strcspn(at, ", ")),
                    form);
    }
    if (!form->macs_count && !reply->field_errors)
        api_field_error(reply, "mac_addresses", "This field is required.");
}

static void read_hostname(struct api_request *request, struct api_reply *reply,
                          struct machine_form *form)
{
    const char *text = given(request, "hostname");
    if (!text)
        return;
    char *lower = arena_strdup(request->arena, text);
    for (char *p = lower; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    form->hostname = lower;
    if (!machine_name_is_hostname(lower))
        api_field_error(reply, "hostname", "DNS name contains an invalid label: '%.64s'.", text);
}

const char *machine_form_number(struct api_request *request, struct api_reply *reply,
                                const char *name, int64_t most, bool suffix)
{
    static const char letters[] = "KMGT";
    const char *text = given(request, name);
    char *end = NULL;
    if (!text)
        return NULL;
    int64_t number = isdigit((unsigned char)text[0]) ? strtoll(text, &end, 10) : -1;
    const char *letter = end && *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
    if (suffix && letter && !end[1]) {
        for (const char *p = letters; p <= letter && number <= most; p++)
            number *= 1000;
        end++;
    }
    if (number >= 0 && number <= most && end && !*end)
        return db_number(request->arena, number);
    api_field_error(reply, name, "Enter a whole number.");
    return NULL;
}

static void read_texts(struct api_request *request, struct api_reply *reply,
                       struct machine_form *form)
{
    form->description = api_param(request, "description");
    if (form->description && strlen(form->description) > 4096)
        api_field_error(reply, "description", "Ensure this value has at most 4096 characters.");
    form->min_hwe_kernel = api_param(request, "min_hwe_kernel");
    if (form->min_hwe_kernel && *form->min_hwe_kernel && strncmp(form->min_hwe_kernel, "ga-", 3) &&
        strncmp(form->min_hwe_kernel, "hwe-", 4))
        api_field_error(reply, "min_hwe_kernel",
                        "'%.64s' must be in the form of ga-<release> or "
                        "hwe-<release>.",
                        form->min_hwe_kernel);
}

/* What an agent tells when it enlists its machine. */
static void read_enlistment(struct api_request *request, struct api_reply *reply,
                            struct machine_form *form)
{
    static const char *const methods[][2] = {
        {"bios", "pxe"}, {"pxe", "pxe"}, {"uefi", "uefi"}, {"ipxe", "ipxe"}};
    const char *method = given(request, "boot_method");
    const char *uuid = given(request, "hardware_uuid");
    for (size_t i = 0; i < COUNT_OF(methods) && method; i++)
        if (!strcmp(methods[i][0], method))
            form->boot_method = methods[i][1];
    if (method && !form->boot_method)
        api_field_error(reply, "boot_method", NOT_A_CHOICE);
    if (uuid && (strlen(uuid) != 36 || uuid[strspn(uuid, "0123456789abcdefABCDEF-")]))
        api_field_error(reply, "hardware_uuid", "Enter a valid UUID.");
    else if (uuid) {
        char *lower = arena_strdup(request->arena, uuid);
        for (char *p = lower; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        form->hardware_uuid = lower;
    }
}

/* Names, or numbers, of what it belongs to; one statement for all three. */
static enum error_code read_places(struct api_request *request, struct api_reply *reply,
                                   struct machine_form *form, struct error *err)
{
    DB_STATEMENT(
        machine_form_places,
        "SELECT (SELECT id FROM domain WHERE name = $1 OR id::text = $1 LIMIT 1), "
        "(SELECT id FROM zone WHERE name = $2 OR id::text = $2 ORDER BY name <> $2 LIMIT 1), "
        "(SELECT id FROM resource_pool WHERE name = $3 OR id::text = $3 "
        "ORDER BY name <> $3 LIMIT 1)");
    static const char *const names[] = {"domain", "zone", "pool"};
    const char **into[] = {&form->domain_id, &form->zone_id, &form->pool_id};
    const char *words[] = {given(request, names[0]), given(request, names[1]),
                           given(request, names[2])};
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    if (!words[0] && !words[1] && !words[2])
        return ERR_OK;
    enum error_code code = db_query(request->db, &machine_form_places,
                                    DB_PARAMS(words[0], words[1], words[2]), &rows, err);
    for (int i = 0; i < 3 && !code; i++) {
        *into[i] = arena_strdup(request->arena, db_text(&rows, 0, i));
        if (words[i] && !*into[i])
            api_field_error(reply, names[i], NOT_A_CHOICE);
    }
    return code;
}

enum error_code machine_form_read(struct api_request *request, struct api_reply *reply, bool is_new,
                                  struct machine_form *form, struct error *err)
{
    *form = (struct machine_form){0};
    read_architecture(request, reply, is_new, form);
    read_hostname(request, reply, form);
    read_texts(request, reply, form);
    form->cpu_count = machine_form_number(request, reply, "cpu_count", 65536, false);
    form->memory = machine_form_number(request, reply, "memory", 1LL << 40, false);
    form->swap_size = machine_form_number(request, reply, "swap_size", 1LL << 50, true);
    if (is_new) {
        read_macs(request, reply, form);
        read_enlistment(request, reply, form);
    }
    return read_places(request, reply, form, err);
}

enum error_code machine_form_read_device(struct api_request *request, struct api_reply *reply,
                                         bool is_new, struct machine_form *form, struct error *err)
{
    *form = (struct machine_form){.is_device = true};
    read_hostname(request, reply, form);
    read_texts(request, reply, form);
    form->min_hwe_kernel = NULL;
    if (is_new)
        read_macs(request, reply, form);
    enum error_code code = read_places(request, reply, form, err);
    form->pool_id = NULL;
    return code;
}

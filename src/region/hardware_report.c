/* Inventories, checked: see hardware_report.h. Source: docs/inventory.md. */
#include "src/region/hardware_report.h"

#include <stdio.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"

enum { TEXT_BYTES = 255, VERSION = 1, CPUS = 4096 };

enum type { TEXT, BOOL, INT, MAC, CPUS_LIST, NAME, PCI_PLACE, HEX };
enum { MUST = 0, MAY = 1 }; /* be null */

struct rule {
    const char *key;
    enum type type;
    int may;
    json_int_t low, high; /* INT; of HEX high is the number of digits */
};

#define MUCH ((json_int_t)1 << 60)

static const struct rule top_rules[] = {
    {"agent_version", TEXT, MUST}, {"architecture", TEXT, MUST}, {"kernel_release", TEXT, MUST},
    {"boot_method", TEXT, MUST},   {"secure_boot", BOOL, MAY},
};
static const struct rule system_rules[] = {
    {"vendor", TEXT, MAY}, {"product", TEXT, MAY}, {"version", TEXT, MAY}, {"serial", TEXT, MAY},
    {"sku", TEXT, MAY},    {"family", TEXT, MAY},  {"uuid", TEXT, MAY},
};
static const struct rule mainboard_rules[] = {
    {"vendor", TEXT, MAY}, {"product", TEXT, MAY}, {"version", TEXT, MAY}, {"serial", TEXT, MAY}};
static const struct rule chassis_rules[] = {{"vendor", TEXT, MAY},
                                            {"type", INT, MAY, 0, 255},
                                            {"version", TEXT, MAY},
                                            {"serial", TEXT, MAY}};
static const struct rule firmware_rules[] = {
    {"vendor", TEXT, MAY}, {"version", TEXT, MAY}, {"date", TEXT, MAY}};
static const struct rule cpu_rules[] = {{"model", TEXT, MAY},
                                        {"sockets", INT, MAY, 0, 65536},
                                        {"cores", INT, MAY, 0, 65536},
                                        {"threads", INT, MAY, 0, 65536},
                                        {"max_mhz", INT, MAY, 0, 1000000}};
static const struct rule memory_rules[] = {{"installed_bytes", INT, MAY, 0, MUCH},
                                           {"usable_bytes", INT, MAY, 0, MUCH}};
static const struct rule numa_rules[] = {
    {"index", INT, MUST, 0, 65535}, {"memory_bytes", INT, MAY, 0, MUCH}, {"cpus", CPUS_LIST, MUST}};
static const struct rule disk_rules[] = {
    {"name", TEXT, MUST},
    {"model", TEXT, MAY},
    {"serial", TEXT, MAY},
    {"vendor", TEXT, MAY},
    {"firmware_version", TEXT, MAY},
    {"size_bytes", INT, MUST, 1, MUCH},
    {"block_size", INT, MUST, 1, 1 << 24},
    {"rotational", BOOL, MUST},
    {"removable", BOOL, MUST},
    {"read_only", BOOL, MUST},
    {"id_path", TEXT, MAY},
    {"address", TEXT, MAY},
    {"numa_node", INT, MAY, 0, 65535},
};
static const struct rule interface_rules[] = {
    {"name", NAME, MUST},          {"mac", MAC, MUST},
    {"boot", BOOL, MUST},          {"driver", TEXT, MAY},
    {"link", BOOL, MAY},           {"speed_mbps", INT, MAY, 0, 100000000},
    {"mtu", INT, MAY, 0, 1 << 24}, {"vendor", TEXT, MAY},
    {"product", TEXT, MAY},        {"firmware_version", TEXT, MAY},
    {"address", TEXT, MAY},        {"numa_node", INT, MAY, 0, 65535},
};
static const struct rule pci_rules[] = {
    {"address", PCI_PLACE, MUST},   {"class", HEX, MUST, 0, 6},
    {"vendor_id", HEX, MUST, 0, 4}, {"product_id", HEX, MUST, 0, 4},
    {"vendor", TEXT, MAY},          {"product", TEXT, MAY},
    {"driver", TEXT, MAY},          {"numa_node", INT, MAY, 0, 65535},
};
static const struct rule usb_rules[] = {
    {"address", TEXT, MUST},
    {"bus_number", INT, MAY, 0, 65535},
    {"device_number", INT, MAY, 0, 65535},
    {"class", TEXT, MAY},
    {"vendor_id", HEX, MAY, 0, 4},
    {"product_id", HEX, MAY, 0, 4},
    {"vendor", TEXT, MAY},
    {"product", TEXT, MAY},
    {"serial", TEXT, MAY},
};

/* Sections: objects, or lists of at most `most` of them whose `once` keys differ. */
static const struct section {
    const char *key;
    const struct rule *rules;
    size_t rules_count;
    size_t most; /* 0 = an object */
    const char *once[2];
} sections[] = {
    {"system", system_rules, COUNT_OF(system_rules), 0, {NULL}},
    {"mainboard", mainboard_rules, COUNT_OF(mainboard_rules), 0, {NULL}},
    {"chassis", chassis_rules, COUNT_OF(chassis_rules), 0, {NULL}},
    {"firmware", firmware_rules, COUNT_OF(firmware_rules), 0, {NULL}},
    {"cpu", cpu_rules, COUNT_OF(cpu_rules), 0, {NULL}},
    {"memory", memory_rules, COUNT_OF(memory_rules), 0, {NULL}},
    {"numa", numa_rules, COUNT_OF(numa_rules), 64, {"index"}},
    {"disks", disk_rules, COUNT_OF(disk_rules), 256, {"name"}},
    {"interfaces", interface_rules, COUNT_OF(interface_rules), 256, {"name", "mac"}},
    {"pci", pci_rules, COUNT_OF(pci_rules), 1024, {NULL}},
    {"usb", usb_rules, COUNT_OF(usb_rules), 1024, {NULL}},
};

static bool is_text(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (!text || !size || size > TEXT_BYTES)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

static bool is_cpus(const json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) > CPUS)
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *cpu = json_array_get(value, i);
        json_int_t number = json_integer_value(cpu);
        if (!json_is_integer(cpu) || number < 0 || number > 65535)
            return false;
    }
    return true;
}

static bool is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

/* "0000:00:04.0"; a domain may have up to eight digits. */
static bool is_pci_place(const char *text)
{
    size_t domain = strspn(text, "0123456789abcdef");
    const char *rest = text + domain;
    return domain >= 4 && domain <= 8 && strlen(rest) == 8 && rest[0] == ':' && rest[3] == ':' &&
           rest[6] == '.' && strspn(rest + 1, "0123456789abcdef") == 2 &&
           strspn(rest + 4, "0123456789abcdef") == 2 && rest[7] >= '0' && rest[7] <= '7';
}

static bool follows(const struct rule *rule, const json_t *value)
{
    struct mac mac;
    json_int_t number = json_integer_value(value);
    switch (rule->type) {
    case TEXT:
        return is_text(value);
    case BOOL:
        return json_is_boolean(value);
    case INT:
        return json_is_integer(value) && number >= rule->low && number <= rule->high;
    case MAC:
        return is_text(value) && mac_parse(json_string_value(value), &mac);
    case CPUS_LIST:
        return is_cpus(value);
    case NAME: /* "~..." are names of ours, while others change places: hardware_store */
        return is_text(value) && *json_string_value(value) != '~';
    case PCI_PLACE:
        return is_text(value) && is_pci_place(json_string_value(value));
    case HEX:
        return is_text(value) && is_hex(json_string_value(value), (size_t)rule->high);
    }
    return false;
}

static enum error_code check_rules(const json_t *object, const struct rule *rules, size_t count,
                                   struct error *err)
{
    static const char *const wanted[] = {"a text of at most 255 bytes without control characters",
                                         "true or false",
                                         "a whole number in its range",
                                         "a MAC address",
                                         "a list of CPU numbers",
                                         "a name",
                                         "an address as 0000:00:04.0",
                                         "hexadecimal digits"};
    if (!json_is_object(object))
        return error_set(err, ERR_BAD_INPUT, "expected an object");
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, rules[i].key);
        if (rules[i].may && json_is_null(value))
            continue;
        if (!value || !follows(&rules[i], value))
            return error_set(err, ERR_BAD_INPUT, "%s: expected %s%s", rules[i].key,
                             wanted[rules[i].type], rules[i].may ? ", or null" : "");
    }
    return ERR_OK;
}

static enum error_code check_once(const json_t *list, size_t index, const char *key,
                                  struct error *err)
{
    const json_t *value = json_object_get(json_array_get(list, index), key);
    for (size_t i = 0; i < index; i++)
        if (json_equal(json_object_get(json_array_get(list, i), key), value))
            return error_set(err, ERR_BAD_INPUT, "%s: as that of number %zu", key, i);
    return ERR_OK;
}

static enum error_code check_list(const json_t *list, const struct section *section,
                                  struct error *err)
{
    if (!json_is_array(list) || json_array_size(list) > section->most)
        return error_set(err, ERR_BAD_INPUT, "%s: expected a list of at most %zu", section->key,
                         section->most);
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum error_code code =
            check_rules(json_array_get(list, i), section->rules, section->rules_count, err);
        for (size_t k = 0; k < COUNT_OF(section->once) && section->once[k] && !code; k++)
            code = check_once(list, i, section->once[k], err);
        if (code)
            return error_wrap(err, "%s[%zu]", section->key, i);
    }
    return ERR_OK;
}

/* MACs in one form, so that two writings of one are found out. */
static void lower_macs(json_t *report)
{
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(report, "interfaces"), index, item) {
        struct mac mac;
        char text[MAC_TEXT];
        const char *given = json_string_value(json_object_get(item, "mac"));
        if (given && mac_parse(given, &mac))
            json_object_set_new(item, "mac", json_string(mac_format(mac, text)));
    }
}

static enum error_code check_boot(const json_t *report, struct error *err)
{
    const char *method = json_string_value(json_object_get(report, "boot_method"));
    size_t index, count = 0;
    json_t *item;
    json_array_foreach (json_object_get(report, "interfaces"), index, item)
        count += json_is_true(json_object_get(item, "boot"));
    if (count > 1)
        return error_set(err, ERR_BAD_INPUT, "interfaces: %zu are the boot interface", count);
    if (strcmp(method, "bios") && strcmp(method, "uefi"))
        return error_set(err, ERR_BAD_INPUT, "boot_method: expected bios or uefi");
    return ERR_OK;
}

static enum error_code check(const json_t *report, struct error *err)
{
    const json_t *version = json_object_get(report, "inventory_version");
    if (!json_is_integer(version) || json_integer_value(version) < 1 ||
        json_integer_value(version) > VERSION)
        return error_set(err, ERR_BAD_INPUT, "inventory_version: expected %d", VERSION);
    enum error_code code = check_rules(report, top_rules, COUNT_OF(top_rules), err);
    for (size_t i = 0; i < COUNT_OF(sections) && !code; i++) {
        const json_t *section = json_object_get(report, sections[i].key);
        if (sections[i].most) {
            code = check_list(section, &sections[i], err);
            continue;
        }
        code = check_rules(section, sections[i].rules, sections[i].rules_count, err);
        if (code)
            return error_wrap(err, "%s", sections[i].key);
    }
    return code ? code : check_boot(report, err);
}

enum error_code hardware_report_parse(const char *text, size_t size, json_t **report,
                                      struct error *err)
{
    json_error_t where;
    *report = NULL;
    if (size > HARDWARE_REPORT_BYTES)
        return error_set(err, ERR_TOO_LARGE, "inventory: more than %d bytes",
                         HARDWARE_REPORT_BYTES);
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (!json)
        return error_set(err, ERR_BAD_INPUT, "inventory: line %d: %s", where.line, where.text);
    lower_macs(json);
    enum error_code code = check(json, err);
    if (code) {
        json_decref(json);
        return error_wrap(err, "inventory");
    }
    *report = json;
    return ERR_OK;
}

/* The table of power drivers: see power_driver.h. Source: MAAS 3.4's describe_power_types. */
#include "src/model/power_driver.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"

enum { LONGEST = 255, IPMI_USER = 16, IPMI_PASSWORD = 20, IPMI_KG = 20, FLAGS_MAX = 16 };

static const struct power_choice ipmi_interfaces[] = {
    {"LAN", "LAN [IPMI 1.5]"},
    {"LAN_2_0", "LAN_2_0 [IPMI 2.0]"},
};

static const struct power_choice boot_types[] = {
    {"auto", "Automatic"},
    {"legacy", "Legacy boot"},
    {"efi", "EFI boot"},
};

static const struct power_choice cipher_suites[] = {
    {"17", "17 - HMAC-SHA256::HMAC_SHA256_128::AES-CBC-128"},
    {"3", "3 - HMAC-SHA1::HMAC-SHA1-96::AES-CBC-128"},
    {"", "default of the tool"},
    {"8", "8 - HMAC-MD5::HMAC-MD5-128::AES-CBC-128"},
    {"12", "12 - HMAC-MD5::MD5-128::AES-CBC-128"},
};

static const struct power_choice privilege_levels[] = {
    {"USER", "User"},
    {"OPERATOR", "Operator"},
    {"ADMIN", "Administrator"},
};

static const struct power_choice workaround_flags[] = {
    {"opensesspriv", "Opensesspriv"},
    {"authcap", "Authcap"},
    {"idzero", "Idzero"},
    {"unexpectedauth", "Unexpectedauth"},
    {"forcepermsg", "Forcepermsg"},
    {"endianseq", "Endianseq"},
    {"intel20", "Intel20"},
    {"supermicro20", "Supermicro20"},
    {"sun20", "Sun20"},
    {"nochecksumcheck", "Nochecksumcheck"},
    {"integritycheckvalue", "Integritycheckvalue"},
    {"ipmiping", "Ipmiping"},
    {"", "None"},
};

#define CHOICES(table) .choices = (table), .choices_count = (int)COUNT_OF(table)

static const struct power_parameter ipmi[] = {
    {"power_driver", "Power driver", POWER_CHOICE, .required = true, .of_bmc = true,
     .fallback = "LAN_2_0", CHOICES(ipmi_interfaces)},
    {"power_boot_type", "Power boot type", POWER_CHOICE, .fallback = "auto", CHOICES(boot_types)},
    {"power_address", "IP address", POWER_IP_ADDRESS, .required = true, .of_bmc = true,
     .fallback = ""},
    {"power_port", "UDP port", POWER_PORT, .of_bmc = true, .fallback = "623"},
    {"power_user", "Power user", POWER_STRING, .of_bmc = true, .fallback = "",
     .longest = IPMI_USER},
    {"power_pass", "Power password", POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = "",
     .longest = IPMI_PASSWORD},
    {"mac_address", "Power MAC", POWER_MAC_ADDRESS, .fallback = ""},
    {"k_g", "K_g BMC key", POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = "",
     .longest = IPMI_KG},
    {"cipher_suite_id", "Cipher Suite ID", POWER_CHOICE, .of_bmc = true, .fallback = "3",
     CHOICES(cipher_suites)},
    {"privilege_level", "Privilege Level", POWER_CHOICE, .of_bmc = true, .fallback = "OPERATOR",
     CHOICES(privilege_levels)},
    {"workaround_flags", "Workaround Flags", POWER_MULTIPLE_CHOICE, .of_bmc = true,
     .fallback = "opensesspriv", CHOICES(workaround_flags)},
};

const struct power_driver power_drivers[] = {
    {"ipmi", "IPMI", true, ipmi, (int)COUNT_OF(ipmi)},
    {"manual", "Manual", false, NULL, 0},
};
const int power_drivers_count = (int)COUNT_OF(power_drivers);

static const char *const type_words[] = {
    [POWER_STRING] = "string",         [POWER_PASSWORD] = "password",
    [POWER_CHOICE] = "choice",         [POWER_MULTIPLE_CHOICE] = "multiple_choice",
    [POWER_IP_ADDRESS] = "ip_address", [POWER_MAC_ADDRESS] = "mac_address",
    [POWER_PORT] = "string",
};

const struct power_driver *power_driver_find(const char *name)
{
    for (int i = 0; i < power_drivers_count; i++)
        if (!strcmp(power_drivers[i].name, name))
            return &power_drivers[i];
    return NULL;
}

const struct power_parameter *power_driver_parameter(const struct power_driver *driver,
                                                     const char *name)
{
    for (int i = 0; i < driver->parameters_count; i++)
        if (!strcmp(driver->parameters[i].name, name))
            return &driver->parameters[i];
    return NULL;
}

static void write_parameter(const struct power_parameter *parameter, struct json_out *out)
{
    json_out_open_object(out, NULL);
    json_out_text(out, "name", parameter->name);
    json_out_text(out, "label", parameter->label);
    json_out_bool(out, "required", parameter->required);
    json_out_text(out, "field_type", type_words[parameter->type]);
    json_out_open_list(out, "choices");
    for (int i = 0; i < parameter->choices_count; i++) {
        json_out_open_list(out, NULL);
        json_out_text(out, NULL, parameter->choices[i].value);
        json_out_text(out, NULL, parameter->choices[i].label);
        json_out_close_list(out);
    }
    json_out_close_list(out);
    if (parameter->type == POWER_MULTIPLE_CHOICE) {
        json_out_open_list(out, "default");
        if (*parameter->fallback)
            json_out_text(out, NULL, parameter->fallback);
        json_out_close_list(out);
    } else {
        json_out_text(out, "default", parameter->fallback);
    }
    json_out_text(out, "scope", parameter->of_bmc ? "bmc" : "node");
    json_out_bool(out, "secret", parameter->secret);
    json_out_close_object(out);
}

void power_driver_write_json(const struct power_driver *driver, struct json_out *out)
{
    json_out_open_object(out, NULL);
    json_out_text(out, "driver_type", "power");
    json_out_text(out, "name", driver->name);
    json_out_text(out, "description", driver->description);
    json_out_bool(out, "chassis", false);
    json_out_bool(out, "can_probe", false);
    json_out_bool(out, "queryable", driver->queryable);
    json_out_open_list(out, "missing_packages");
    json_out_close_list(out);
    json_out_open_list(out, "fields");
    for (int i = 0; i < driver->parameters_count; i++)
        write_parameter(&driver->parameters[i], out);
    json_out_close_list(out);
    json_out_close_object(out);
}

static bool is_choice(const struct power_parameter *parameter, const char *text)
{
    for (int i = 0; i < parameter->choices_count; i++)
        if (!strcmp(parameter->choices[i].value, text))
            return true;
    return false;
}

static bool is_port(const char *text)
{
    return strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text) && *text != '0' &&
           strtol(text, NULL, 10) <= 65535;
}

/* What ends up in argv must not look like an option, what ends up in a line must not break it. */
static bool is_clean(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return *text != '-';
}

static enum error_code check_form(const struct power_parameter *parameter, const char *text,
                                  struct error *err)
{
    struct mac mac;
    ip4 ip;
    switch (parameter->type) {
    case POWER_CHOICE:
    case POWER_MULTIPLE_CHOICE:
        return is_choice(parameter, text)
                   ? ERR_OK
                   : error_set(err, ERR_BAD_INPUT,
                               "Select a valid choice. %.60s is not one of the available choices.",
                               text);
    case POWER_MAC_ADDRESS:
        return mac_parse(text, &mac)
                   ? ERR_OK
                   : error_set(err, ERR_BAD_INPUT, "'%.60s' is not a valid MAC address.", text);
    case POWER_IP_ADDRESS:
        return ip4_parse(text, &ip) ? ERR_OK
                                    : error_set(err, ERR_BAD_INPUT, "Enter a valid IPv4 address.");
    case POWER_PORT:
        return is_port(text) ? ERR_OK
                             : error_set(err, ERR_BAD_INPUT, "Enter a port from 1 to 65535.");
    case POWER_PASSWORD:
        return ERR_OK;
    case POWER_STRING:
        break;
    }
    return is_clean(text) ? ERR_OK
                          : error_set(err, ERR_BAD_INPUT,
                                      "Must not begin with a dash or hold control characters.");
}

enum error_code power_parameter_check(const struct power_parameter *parameter, const char *text,
                                      struct error *err)
{
    size_t longest = parameter->longest ? (size_t)parameter->longest : LONGEST;
    if (!*text)
        return parameter->required ? error_set(err, ERR_BAD_INPUT, "This field is required.")
                                   : ERR_OK;
    if (strlen(text) > longest)
        return error_set(err, ERR_BAD_INPUT,
                         "Ensure this value has at most %zu characters (it has %zu).", longest,
                         strlen(text));
    return check_form(parameter, text, err);
}

static enum error_code check_flags(const struct power_parameter *parameter, json_t *list,
                                   struct error *err)
{
    size_t i;
    json_t *element;
    if (json_array_size(list) > FLAGS_MAX)
        return error_set(err, ERR_BAD_INPUT, "Too many values.");
    json_array_foreach (list, i, element) {
        const char *text = json_string_value(element);
        if (!text)
            return error_set(err, ERR_BAD_INPUT, "Enter a list of values.");
        enum error_code code = power_parameter_check(parameter, text, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static enum error_code check_one(const struct power_parameter *parameter, json_t *value,
                                 struct error *err)
{
    char number[32];
    if (!value || json_is_null(value))
        return *parameter->fallback ? ERR_OK : power_parameter_check(parameter, "", err);
    if (json_is_array(value) && parameter->type == POWER_MULTIPLE_CHOICE)
        return check_flags(parameter, value, err);
    if (json_is_string(value))
        return power_parameter_check(parameter, json_string_value(value), err);
    if (!json_is_integer(value))
        return error_set(err, ERR_BAD_INPUT, "Enter a text.");
    snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
    return power_parameter_check(parameter, number, err);
}

enum error_code power_driver_check(const struct power_driver *driver, json_t *parameters,
                                   struct error *err)
{
    if (!json_is_object(parameters))
        return error_set(err, ERR_BAD_INPUT, "power parameters: expected an object");
    for (int i = 0; i < driver->parameters_count; i++) {
        const struct power_parameter *parameter = &driver->parameters[i];
        json_t *value = json_object_get(parameters, parameter->name);
        struct error why;
        enum error_code code = check_one(parameter, value, &why);
        if (code)
            return error_set(err, code, "%s: %.400s", parameter->name, why.text);
    }
    return ERR_OK;
}

const char *power_driver_text(const struct power_driver *driver, json_t *parameters,
                              const char *name)
{
    const struct power_parameter *parameter = power_driver_parameter(driver, name);
    ASSERT(parameter);
    const char *text = json_string_value(json_object_get(parameters, name));
    return text ? text : parameter->fallback;
}

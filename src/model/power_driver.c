/* What holds of power drivers and their parameters: see power_driver.h. */
#include "src/model/power_driver.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/container.h"

enum { LONGEST = 255, FLAGS_MAX = 16 };

static const char *const type_words[] = {
    [POWER_STRING] = "string",
    [POWER_PASSWORD] = "password",
    [POWER_CHOICE] = "choice",
    [POWER_MULTIPLE_CHOICE] = "multiple_choice",
    [POWER_IP_ADDRESS] = "ip_address",
    [POWER_MAC_ADDRESS] = "mac_address",
    [POWER_PORT] = "string",
    [POWER_NUMBER] = "string",
    [POWER_HOST] = "string",
    [POWER_URL] = "string",
    [POWER_PATTERN] = "string",
    [POWER_LIBVIRT] = "string",
    [POWER_PEM] = "string",
    [POWER_PEER] = "string",
    [POWER_LABEL] = "string",
    [POWER_BRIDGE] = "string",
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
    json_out_bool(out, "chassis", driver->chassis);
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

static bool is_number(const char *text)
{
    return strlen(text) <= 4 && strspn(text, "0123456789") == strlen(text);
}

/* What ends up in argv must not look like an option, what ends up in a line must not break it. */
static bool is_clean(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return *text != '-';
}

/* HOST or HOST:PORT up to the end or a slash; *end behind it. An IPv6 address stands in []. */
static bool is_authority(const char *text, const char **end)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t size = *text == '[' ? strspn(text + 1, "0123456789abcdefABCDEF:.") : strspn(text, names);
    char port[8];
    if (!size || *text == '-' || (*text == '[' && text[size + 1] != ']'))
        return false;
    text += *text == '[' ? size + 2 : size;
    if (*text == ':') {
        size = strspn(++text, "0123456789");
        snprintf(port, sizeof(port), "%.*s", size < 7 ? (int)size : 7, text);
        if (!size || !is_port(port))
            return false;
        text += size;
    }
    *end = text;
    return true;
}

static const char *behind_scheme(const char *text)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (!strncmp(text, schemes[i], strlen(schemes[i])))
            return text + strlen(schemes[i]);
    return NULL;
}

static bool is_host(const char *text)
{
    const char *rest = behind_scheme(text), *end;
    return is_authority(rest ? rest : text, &end) && (!*end || (rest && !strcmp(end, "/")));
}

static bool is_peer(const char *text)
{
    const char *end;
    return is_authority(text, &end) && !*end;
}

/* A user in it would be told by every error text. */
static bool is_url(const char *text)
{
    const char *rest = behind_scheme(text), *end;
    if (!rest || !is_authority(rest, &end) || (*end && !strchr("/?", *end)))
        return false;
    for (; *end; end++)
        if (*end <= ' ' || *end == 0x7f)
            return false;
    return true;
}

/* {} and back references can take all memory or time there is. */
static bool is_pattern(const char *text)
{
    regex_t regex;
    for (const char *p = strchr(text, '\\'); p; p = strchr(p + 1 + (p[1] != '\0'), '\\'))
        if (p[1] >= '1' && p[1] <= '9')
            return false;
    if (strchr(text, '{') || regcomp(&regex, text, REG_EXTENDED | REG_NOSUB))
        return false;
    regfree(&regex);
    return true;
}

/* Parameters could name a program that is to be run. */
static bool is_libvirt(const char *text)
{
    const char *rest = strstr(text, "://");
    if (!rest || rest == text || *text == '-' || rest[3] == '-')
        return false;
    return strspn(text,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._@:/[]") ==
           strlen(text);
}

static bool is_pem(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((*p < ' ' && *p != '\n' && *p != '\r') || *p == 0x7f)
            return false;
    return !strncmp(text, "-----BEGIN ", strlen("-----BEGIN "));
}

/* It becomes a word on the command line of a shell that is not ours. */
static bool is_label(const char *text)
{
    return *text != '-' && *text != ' ' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._- ") ==
               strlen(text);
}

/* Pairs of an option and a byte. */
static bool is_bridge(const char *text)
{
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        char *end;
        if (text[0] != '-' || !text[1] || !strchr("BTbtm", text[1]) || text[2] != ' ')
            return false;
        text += 2 + strspn(text + 2, " ");
        if (*text < '0' || *text > '9' || strtoul(text, &end, 0) > 255 || (*end && *end != ' '))
            return false;
        text = end;
    }
    return true;
}

/* Types that need no more than a yes or no. */
static const struct {
    enum power_parameter_type type;
    bool (*good)(const char *text);
    const char *wrong;
} forms[] = {
    {POWER_PORT, is_port, "Enter a port from 1 to 65535."},
    {POWER_NUMBER, is_number, "Enter a whole number from 0 to 9999."},
    {POWER_PEER, is_peer, "Enter a host or HOST:PORT."},
    {POWER_HOST, is_host, "Enter a host, HOST:PORT or https://HOST:PORT."},
    {POWER_URL, is_url, "Enter a http or https URL without user and password."},
    {POWER_PATTERN, is_pattern,
     "Enter a POSIX extended regular expression without {} and back references."},
    {POWER_LIBVIRT, is_libvirt, "Enter a libvirt URI without parameters."},
    {POWER_PEM, is_pem, "Enter a PEM text."},
    {POWER_LABEL, is_label, "Enter letters, digits, spaces and ._- only."},
    {POWER_BRIDGE, is_bridge, "Enter options as -B 0 -T 0x88 -b 7 -t 0x72 -m 0x20."},
    {POWER_STRING, is_clean, "Must not begin with a dash or hold control characters."},
};

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
    case POWER_PASSWORD:
        return ERR_OK;
    default:
        break;
    }
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (forms[i].type == parameter->type)
            return forms[i].good(text) ? ERR_OK
                                       : error_set(err, ERR_BAD_INPUT, "%s", forms[i].wrong);
    return ERR_OK;
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

static enum error_code check_all(const struct power_driver *driver, json_t *parameters,
                                 bool of_bmc_only, struct error *err)
{
    if (!json_is_object(parameters))
        return error_set(err, ERR_BAD_INPUT, "power parameters: expected an object");
    for (int i = 0; i < driver->parameters_count; i++) {
        const struct power_parameter *parameter = &driver->parameters[i];
        json_t *value = json_object_get(parameters, parameter->name);
        struct error why;
        if (of_bmc_only && !parameter->of_bmc)
            continue;
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

bool power_driver_host(const struct power_driver *driver, json_t *parameters, char *host,
                       size_t room)
{
    *host = '\0';
    if (!driver->address)
        return true;
    const char *text = power_driver_text(driver, parameters, driver->address);
    const char *rest = strstr(text, "://");
    text = rest ? rest + 3 : text;
    const char *user = memchr(text, '@', strcspn(text, "/?"));
    text = user ? user + 1 : text;
    size_t size = *text == '[' ? strcspn(++text, "]") : strcspn(text, ":/?");
    if (size >= room)
        return false;
    memcpy(host, text, size);
    host[size] = '\0';
    return true;
}

void power_driver_texts(json_t *object, json_t *into)
{
    const char *name;
    json_t *value;
    json_object_foreach (object, name, value)
        if (json_is_integer(value))
            json_object_set_new(into, name,
                                json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
        else
            json_object_set(into, name, value);
}

enum error_code power_driver_check(const struct power_driver *driver, json_t *parameters,
                                   struct error *err)
{
    return check_all(driver, parameters, false, err);
}

enum error_code power_driver_check_bmc(const struct power_driver *driver, json_t *parameters,
                                       struct error *err)
{
    return check_all(driver, parameters, true, err);
}

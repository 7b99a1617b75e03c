/* Prints what an API action answered: see api_output.h. */
#include "src/cli/api_output.h"

#include <ctype.h>
#include <string.h>

#include "src/base/container.h"
#include "src/cli/status.h"
#include "src/cli/table.h"
#include "src/model/notification_text.h"

enum { CELL_CHARACTERS = 40, GENERIC_COLUMNS = 7 };

/* The columns of a subject's table: members, or "member.member" of what is nested. */
static const struct {
    const char *subject;
    const char *columns[TABLE_COLUMNS];
} known[] = {
    {"machine",
     {"system_id", "hostname", "status_name", "power_state", "cpu_count", "memory", "architecture",
      "zone.name", "owner"}},
    {"node", {"system_id", "hostname", "node_type_name", "status_name", "zone.name"}},
    {"device", {"system_id", "hostname", "zone.name", "owner"}},
    {"region-controller", {"system_id", "hostname", "ip_addresses", "version", "zone.name"}},
    {"rack-controller", {"system_id", "hostname", "ip_addresses", "version", "zone.name"}},
    {"tag", {"name", "comment", "definition", "kernel_opts"}},
    {"zone", {"id", "name", "description"}},
    {"resource-pool", {"id", "name", "description"}},
    {"space", {"id", "name", "description", "vlans"}},
    {"fabric", {"id", "name", "class_type", "vlans"}},
    {"vlan",
     {"id", "vid", "name", "fabric", "space", "dhcp_on", "primary_rack", "secondary_rack", "mtu"}},
    {"subnet", {"id", "cidr", "name", "vlan.fabric", "vlan.vid", "gateway_ip", "managed"}},
    {"iprange", {"id", "type", "start_ip", "end_ip", "subnet.cidr", "comment"}},
    {"reserved-ip", {"id", "ip", "mac_address", "subnet.cidr", "comment"}},
    {"static-route", {"id", "source.cidr", "destination.cidr", "gateway_ip", "metric"}},
    {"sshkey", {"id", "keysource", "key"}},
    {"notification", {"id", "category", "message", "user.username", "users", "admins"}},
    {"user", {"username", "email", "is_superuser", "is_local"}},
    {"event", {"id", "created", "level", "hostname", "type", "description"}},
    {"interface", {"id", "name", "type", "mac_address", "enabled"}},
    {"block-device", {"id", "name", "type", "model", "size", "used_for"}},
    {"boot-resource", {"id", "name", "architecture", "type"}},
    {"file", {"filename", "anon_resource_uri"}},
    {"domain", {"id", "name", "authoritative", "is_default", "ttl"}},
    {"node-device",
     {"id", "bus_name", "pci_address", "hardware_type_name", "vendor_id", "product_id",
      "vendor_name", "product_name", "commissioning_driver"}},
    {"node-result", {"id", "node.system_id", "name", "result_type", "script_result", "created"}},
};

static const json_t *member(const json_t *object, const char *path)
{
    char name[64];
    for (;;) {
        size_t length = strcspn(path, ".");
        if (length >= sizeof(name))
            return NULL;
        memcpy(name, path, length);
        name[length] = '\0';
        object = json_object_get(object, name);
        if (!path[length])
            return object;
        path += length + 1;
    }
}

/** Text for one cell: lists as their count or their texts, objects by their name. */
static const char *cell(const json_t *value, struct arena *arena)
{
    if (json_is_object(value)) {
        const json_t *name = json_object_get(value, "name");
        return status_text(name ? name : json_object_get(value, "id"), arena);
    }
    if (!json_is_array(value))
        return status_text(value, arena);
    const char *text = "";
    size_t index;
    json_t *item;
    json_array_foreach (value, index, item)
        text = arena_printf(arena, "%s%s%s", text, *text ? "," : "", cell(item, arena));
    return text;
}

static const char *cut(const char *text, struct arena *arena)
{
    size_t length = strlen(text), at = CELL_CHARACTERS;
    if (length <= at)
        return text;
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return arena_printf(arena, "%.*s...", (int)at, text);
}

/* What is there to be copied is shown whole: API keys. */
static const char *fit(const char *column, const char *text, struct arena *arena)
{
    return strcmp(column, "token") ? cut(text, arena) : text;
}

static int choose_columns(const char *subject, const json_t *first, const char **columns)
{
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (!strcmp(known[i].subject, subject))
            while (count < TABLE_COLUMNS && known[i].columns[count]) {
                columns[count] = known[i].columns[count];
                count++;
            }
    if (count)
        return count;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)first, name, value) {
        if (count == GENERIC_COLUMNS)
            break;
        if (!json_is_object(value) && !json_is_array(value) && strcmp(name, "resource_uri"))
            columns[count++] = name;
    }
    return count;
}

static void print_list(struct cli *cli, const char *subject, const json_t *list, FILE *out)
{
    const char *columns[TABLE_COLUMNS], *cells[TABLE_COLUMNS];
    int count = choose_columns(subject, json_array_get(list, 0), columns);
    for (int i = 0; i < count; i++) {
        char *heading = arena_strdup(cli->arena, columns[i]);
        for (char *p = heading; *p; p++)
            if (*p == '.' || *p == '_')
                *p = ' ';
        cells[i] = heading;
    }
    struct table table;
    table_init(&table, cli->arena, cells, count);
    size_t index;
    json_t *row;
    json_array_foreach ((json_t *)list, index, row) {
        for (int i = 0; i < count; i++)
            cells[i] = fit(columns[i], cell(member(row, columns[i]), cli->arena), cli->arena);
        table_add(&table, cells);
    }
    table_print(&table, out);
}

static void print_object(struct cli *cli, const json_t *object, FILE *out)
{
    int width = 0;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)object, name, value)
        if ((int)strlen(name) > width)
            width = (int)strlen(name);
    json_object_foreach ((json_t *)object, name, value) {
        const char *text = cell(value, cli->arena);
        fprintf(out, "%-*s  ", width, name);
        for (const char *p = *text ? text : "-"; *p; p++) {
            putc(*p == '\n' || !iscntrl((unsigned char)*p) ? *p : '?', out);
            if (*p == '\n' && p[1])
                fprintf(out, "%*s", width + 2, "");
        }
        putc('\n', out);
    }
}

static bool is_table(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* The rows of one page of a long list: {"events": [...], "count": ..., "next_uri": ...}. */
static const json_t *page_rows(const json_t *value)
{
    const json_t *rows = NULL;
    const char *name;
    json_t *one;
    if (!json_object_get(value, "next_uri"))
        return NULL;
    json_object_foreach ((json_t *)value, name, one)
        if (json_is_array(one))
            rows = one;
    return rows;
}

static void print_values(struct cli *cli, const json_t *list, FILE *out)
{
    size_t index;
    json_t *item;
    json_array_foreach ((json_t *)list, index, item)
        fprintf(out, "%s\n", status_text(item, cli->arena));
    if (json_array_size(list) == 0)
        fprintf(stderr, "none\n");
}

/* A notification is a text and what its {names} stand for: people see the text. */
static void fill_in_names(struct cli *cli, json_t *row)
{
    const char *message = json_string_value(json_object_get(row, "message"));
    const char *text =
        message ? notification_text(message, json_object_get(row, "context"), cli->arena) : NULL;
    if (text)
        json_object_set_new(row, "message", json_string(text));
}

static void fill_in_all_names(struct cli *cli, json_t *value)
{
    size_t index;
    json_t *row;
    if (json_is_object(value))
        fill_in_names(cli, value);
    json_array_foreach (value, index, row)
        fill_in_names(cli, row);
}

void api_output_print(struct cli *cli, const char *subject, json_t *value, FILE *out)
{
    const json_t *rows = page_rows(value);
    if (cli->json) {
        json_dumpf(value, out, JSON_INDENT(2) | JSON_ENCODE_ANY);
        putc('\n', out);
        return;
    }
    if (!strcmp(subject, "notification"))
        fill_in_all_names(cli, value);
    const json_t *shown = rows ? rows : value;
    if (is_table(shown))
        print_list(cli, subject, shown, out);
    else if (json_is_object(shown))
        print_object(cli, shown, out);
    else if (json_is_array(shown))
        print_values(cli, shown, out);
    else
        fprintf(out, "%s\n", status_text(shown, cli->arena));
}

const char *api_output_error(struct arena *arena, const char *body)
{
    json_t *fields = json_loads(body, 0, NULL);
    const char *text = "", *field;
    json_t *messages, *message;
    json_object_foreach (fields, field, messages) {
        size_t index;
        json_array_foreach (messages, index, message) {
            const char *one = status_text(message, arena);
            bool general = !strcmp(field, "__all__");
            text = arena_printf(arena, "%s%s%s%s%s", text, *text ? "; " : "", general ? "" : field,
                                general ? "" : ": ", one);
        }
        if (!json_is_array(messages))
            text = arena_printf(arena, "%s%s%s: %s", text, *text ? "; " : "", field,
                                status_text(messages, arena));
    }
    json_decref(fields);
    if (*text)
        return text;
    char *plain = arena_strndup(arena, body, strnlen(body, 400));
    for (char *p = plain; *p; p++)
        if (iscntrl((unsigned char)*p))
            *p = ' ';
    size_t length = strlen(plain);
    while (length && plain[length - 1] == ' ')
        plain[--length] = '\0';
    return *plain ? plain : "no text";
}

enum error_code api_output_code(int http_status)
{
    switch (http_status) {
    case 401:
        return ERR_UNAUTHORIZED;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 405:
        return ERR_NOT_ALLOWED;
    case 409:
        return ERR_CONFLICT;
    case 410:
        return ERR_GONE;
    case 413:
        return ERR_TOO_LARGE;
    case 502:
    case 503:
        return ERR_UNAVAILABLE;
    case 504:
        return ERR_TIMEOUT;
    default:
        return http_status >= 400 && http_status < 500 ? ERR_BAD_INPUT : ERR_INTERNAL;
    }
}

/* `gantry status` for people: see status.h. */
#include "src/cli/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/cli/table.h"

const char *status_text(const json_t *value, struct arena *arena)
{
    if (json_is_string(value))
        return arena_strdup(arena, json_string_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    if (!value || json_is_null(value))
        return "";
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *copy = arena_strdup(arena, text ? text : "");
    free(text);
    return copy;
}

static const char *age(const json_t *milliseconds, struct arena *arena)
{
    if (!json_is_integer(milliseconds))
        return "";
    int64_t ms = json_integer_value(milliseconds);
    if (ms < 1000)
        return arena_printf(arena, "%" PRId64 " ms ago", ms);
    if (ms < 120 * 1000)
        return arena_printf(arena, "%" PRId64 " s ago", ms / 1000);
    return arena_printf(arena, "%" PRId64 " min ago", ms / 60000);
}

static const char *bytes(const json_t *count, struct arena *arena)
{
    if (!json_is_integer(count))
        return "";
    double value = (double)json_integer_value(count);
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < COUNT_OF(units); unit++)
        value /= 1024;
    return arena_printf(arena, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/** What a cell is made from: a member of the row's object, and how it is written. */
struct column {
    const char *heading, *member;
    const char *(*write)(const json_t *value, struct arena *arena);
};

static const struct column member_columns[] = {
    {"member", "name", status_text},         {"address", "address", status_text},
    {"reachable", "reachable", status_text}, {"raft", "raft_role", status_text},
    {"index", "raft_index", status_text},    {"postgresql", "pg_role", status_text},
    {"lsn", "pg_lsn", status_text},          {"lag", "pg_lag_bytes", bytes},
    {"seen", "last_seen_ms", age},
};

static const struct column vip_columns[] = {
    {"vip", "address", status_text},
    {"interface", "interface", status_text},
    {"holder", "holder", status_text},
    {"guard", "guard", status_text},
};

static const struct column rack_columns[] = {
    {"rack", "name", status_text},
    {"region", "region", status_text},
    {"vlans", "vlans", status_text},
    {"seen", "last_seen_ms", age},
};

static void print_rows(struct cli *cli, json_t *rows, const struct column *columns, int count,
                       FILE *out)
{
    if (json_array_size(rows) == 0)
        return;
    const char *cells[TABLE_COLUMNS];
    for (int i = 0; i < count; i++)
        cells[i] = columns[i].heading;
    struct table table;
    table_init(&table, cli->arena, cells, count);
    size_t index;
    json_t *row;
    json_array_foreach (rows, index, row) {
        for (int i = 0; i < count; i++)
            cells[i] = columns[i].write(json_object_get(row, columns[i].member), cli->arena);
        table_add(&table, cells);
    }
    putc('\n', out);
    table_print(&table, out);
}

void status_print(struct cli *cli, json_t *report, FILE *out)
{
    const char *verdict = json_string_value(json_object_get(report, "verdict"));
    const char *advice = json_string_value(json_object_get(report, "advice"));
    json_t *cluster = json_object_get(report, "cluster");
    json_t *primary = json_object_get(report, "primary");
    fprintf(out, "%s%s%s\n", verdict ? verdict : "unknown", advice && *advice ? ": " : "",
            advice ? advice : "");
    if (json_is_object(cluster))
        fprintf(out, "cluster %s (%s), term %s\n",
                status_text(json_object_get(cluster, "name"), cli->arena),
                json_is_true(json_object_get(cluster, "quorum")) ? "quorum" : "no quorum",
                status_text(json_object_get(cluster, "term"), cli->arena));
    if (json_is_object(primary))
        fprintf(out, "primary %s, epoch %s, %s\n",
                status_text(json_object_get(primary, "name"), cli->arena),
                status_text(json_object_get(primary, "epoch"), cli->arena),
                status_text(json_object_get(primary, "phase"), cli->arena));
    print_rows(cli, json_object_get(report, "members"), member_columns,
               (int)COUNT_OF(member_columns), out);
    print_rows(cli, json_object_get(report, "vips"), vip_columns, (int)COUNT_OF(vip_columns), out);
    print_rows(cli, json_object_get(report, "racks"), rack_columns, (int)COUNT_OF(rack_columns),
               out);
}

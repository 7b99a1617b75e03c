/* The settings of BMCs for a script: see script_bmc.h. */
#include "src/region/script_bmc.h"

#include <jansson.h>
#include <string.h>

#include "src/base/error.h"

/* As one word of a shell, whatever is in it. */
static const char *quote(const char *text, struct arena *arena)
{
    char *quoted = arena_alloc(arena, 4 * strlen(text) + 3), *end = quoted;
    *end++ = '\'';
    for (; *text; text++)
        if (*text == '\'')
            end = stpcpy(end, "'\\''");
        else
            *end++ = *text;
    *end++ = '\'';
    *end = '\0';
    return quoted;
}

static const char *words_of(const json_t *list, struct arena *arena)
{
    const char *words = "";
    size_t i;
    json_t *word;
    json_array_foreach (list, i, word)
        words = arena_printf(arena, "%s%s%s", words, *words ? " " : "", json_string_value(word));
    return words;
}

enum error_code script_bmc_settings(struct db *db, struct arena *arena, const char **lines,
                                    struct error *err)
{
    DB_STATEMENT(script_bmc_chosen,
                 "SELECT name, value FROM setting WHERE name LIKE 'maas\\_auto\\_ipmi\\_%' "
                 "ORDER BY name");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &script_bmc_chosen, DB_NO_PARAMS, &rows, err);
    *lines = "";
    for (int i = 0; !code && i < rows.count; i++) {
        __attribute__((cleanup(json_decrefp))) json_t *value =
            json_loads(db_text(&rows, i, 1), JSON_DECODE_ANY, NULL);
        const char *text =
            json_is_string(value) ? json_string_value(value) : words_of(value, arena);
        *lines = arena_printf(arena, "%s%s=%s\n", *lines, db_text(&rows, i, 0), quote(text, arena));
    }
    return code;
}

const char *script_bmc_text(const char *text, const char *lines, struct arena *arena, size_t *size)
{
    static const char end[] = "# --- End MAAS 1.0 script metadata ---\n";
    const char *body = strstr(text, end);
    ASSERT(body); /* the script comes with the program */
    body += strlen(end);
    const char *whole = arena_printf(arena, "%.*s%s%s", (int)(body - text), text, lines, body);
    *size = strlen(whole);
    return whole;
}

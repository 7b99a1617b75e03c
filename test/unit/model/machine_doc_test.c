/*
 * docs/machines.md shows the tables of actions and moves as they are. To write them anew:
 * build/debug/test_model_machine_doc_test print
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/file.h"
#include "src/model/machine_action.h"

#define DOC "docs/machines.md"

static const char *statuses_of(const struct machine_action *action, struct arena *arena)
{
    const char *all = "", *but = "";
    int ways = 0;
    for (int status = 0; status < MACHINE_STATUS_COUNT; status++) {
        bool in = machine_action_from(action, status);
        const char **list = in ? &all : &but;
        ways += in;
        *list =
            arena_printf(arena, "%s%s%s", *list, **list ? ", " : "", machine_status_name(status));
    }
    if (ways == MACHINE_STATUS_COUNT)
        return "all";
    return ways > MACHINE_STATUS_COUNT / 2 ? arena_printf(arena, "all but %s", but) : all;
}

static const char *tables(struct arena *arena)
{
    const char *text = "## Actions\n\n| action | who | in |\n|---|---|---|\n";
    for (int kind = 0; kind < MACHINE_ACTION_COUNT; kind++) {
        const struct machine_action *action = machine_action_of((enum machine_action_kind)kind);
        const char *who = action->needs_admin ? "administrators" : "its owner, administrators";
        if (kind == MACHINE_ACTION_ALLOCATE)
            who = "every user";
        if (kind == MACHINE_ACTION_DEPLOY)
            who = "its owner, administrators; every user in Ready";
        text =
            arena_printf(arena, "%s| `%s` | %s | %s%s |\n", text, action->name, who,
                         statuses_of(action, arena), action->takes_locked ? "; also locked" : "");
    }
    text = arena_printf(arena, "%s\n## Moves\n\n| from | to | why |\n|---|---|---|\n", text);
    for (int i = 0; i < machine_status_fsm.moves_count; i++) {
        const struct fsm_move *move = &machine_status_fsm.moves[i];
        text = arena_printf(arena, "%s| %s | %s | %s |\n", text, machine_status_name(move->from),
                            machine_status_name(move->to), move->why);
    }
    return text;
}

static void the_document_has_the_tables(void **state)
{
    char *bytes;
    size_t size;
    struct error err = {0};
    struct arena *arena = arena_new();
    (void)state;
    assert_int_equal(file_read(arena, DOC, 1 << 20, &bytes, &size, &err), ERR_OK);
    const char *at = strstr(bytes, "## Actions");
    assert_non_null(at);
    assert_string_equal(at, tables(arena));
    arena_free(arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_document_has_the_tables)};
    if (argc == 2 && !strcmp(argv[1], "print")) {
        struct arena *arena = arena_new();
        fputs(tables(arena), stdout);
        arena_free(arena);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Words to rows of the action table. The rows themselves grow; these hold for all of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/cli/api_subject.h"

static void test_names_of_subjects(void **unused)
{
    (void)unused;
    static const char *const pairs[][2] = {
        {"MachinesHandler", "machine"},
        {"MachineHandler", "machine"},
        {"BootResourcesHandler", "boot-resource"},
        {"PackageRepositoriesHandler", "package-repository"},
        {"IPAddressesHandler", "ipaddress"},
        {"SSHKeysHandler", "sshkey"},
        {"MaasHandler", "maas"},
        {"VersionHandler", "version"},
        {"AccountHandler", "account"},
        {"VlansHandler", "vlan"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        assert_string_equal(api_subject_name(pairs[i][0], arena), pairs[i][1]);
    arena_free(arena);
}

static void test_parts_of_a_path(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct api_subject_parts parts;
    api_subject_parts("version/", arena, &parts);
    assert_int_equal(parts.count, 0);
    api_subject_parts("nodes/{system_id}/interfaces/{id}/", arena, &parts);
    assert_int_equal(parts.count, 2);
    assert_string_equal(parts.names[0], "system_id");
    assert_string_equal(parts.names[1], "id");
    arena_free(arena);
}

static void test_verbs(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct api_action action = {.handler_name = "MachinesHandler", .name = "read"};
    assert_string_equal(api_subject_verb(&action, arena), "list");
    action.handler_name = "MachineHandler";
    assert_string_equal(api_subject_verb(&action, arena), "read");
    action.name = "power_on";
    assert_string_equal(api_subject_verb(&action, arena), "power-on");
    arena_free(arena);
}

static void test_every_row_can_be_reached(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    assert_true(api_actions_count > 0);
    for (int i = 0; i < api_actions_count; i++) {
        const struct api_action *row = &api_actions[i], *found = NULL;
        const char *subject = api_subject_name(row->handler_name, arena);
        struct api_subject_parts parts;
        api_subject_parts(api_handler_find(row->handler_name)->path, arena, &parts);
        assert_true(api_subject_exists(subject));
        assert_int_equal(api_subject_find(subject, api_subject_verb(row, arena), parts.count, arena,
                                          &found, NULL),
                         ERR_OK);
        assert_ptr_equal(found, row);
    }
    arena_free(arena);
}

static void test_read_is_the_single_thing(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    static const char *const subjects[][2] = {
        {"machine", "MachineHandler"}, {"machines", "MachinesHandler"}, {"vlan", "VlanHandler"}};
    for (int i = 0; i < 3; i++) {
        const struct api_action *found = NULL;
        assert_int_equal(api_subject_find(subjects[i][0], "read", 0, arena, &found, NULL), ERR_OK);
        assert_string_equal(found->handler_name, subjects[i][1]);
    }
    arena_free(arena);
}

static void test_unknown_action_names_what_there_is(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    const struct api_action *found;
    struct error err = {0};
    assert_false(api_subject_exists("spaceship"));
    assert_int_equal(api_subject_find("version", "fly", 0, arena, &found, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "read"));
    arena_free(arena);
}

static void test_subjects_are_sorted_and_unique(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    int count, actions = 0;
    const char **subjects = api_subject_all(arena, &count);
    for (int i = 0; i < count; i++) {
        int here;
        if (i)
            assert_true(strcmp(subjects[i - 1], subjects[i]) < 0);
        api_subject_actions(subjects[i], arena, &here);
        assert_true(here > 0);
        actions += here;
    }
    assert_int_equal(actions, api_actions_count);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_subjects),
        cmocka_unit_test(test_parts_of_a_path),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_every_row_can_be_reached),
        cmocka_unit_test(test_read_is_the_single_thing),
        cmocka_unit_test(test_unknown_action_names_what_there_is),
        cmocka_unit_test(test_subjects_are_sorted_and_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

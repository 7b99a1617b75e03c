/* Inventories: the example of the document is good, and each change to it is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/container.h"
#include "src/region/hardware_report.h"

/* The first ```json block of docs/inventory.md. */
static char *example(void)
{
    static char text[16384];
    FILE *file = fopen("docs/inventory.md", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    char *start = strstr(text, "```json\n");
    assert_non_null(start);
    start += strlen("```json\n");
    char *end = strstr(start, "```");
    assert_non_null(end);
    *end = '\0';
    return start;
}

static void the_example_of_the_document(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *report = NULL;
    const char *text = example();
    assert_int_equal(hardware_report_parse(text, strlen(text), &report, &err), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(report, "disks")), 1);
    json_decref(report);
}

/* One text in the example replaced by another. */
static enum error_code parse_changed(const char *from, const char *to, struct error *err)
{
    static char changed[16384];
    json_t *report = NULL;
    const char *text = example(), *at = strstr(text, from);
    assert_non_null(at);
    snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    enum error_code code = hardware_report_parse(changed, strlen(changed), &report, err);
    json_decref(report);
    return code;
}

static void changes_are_seen(void **state)
{
    (void)state;
    static const char *const changes[][3] = {
        {"\"inventory_version\": 1", "\"inventory_version\": 2", "inventory_version"},
        {"\"size_bytes\": 4294967296", "\"size_bytes\": null", "disks[0]: size_bytes"},
        {"\"threads\": 2", "\"threads\": -2", "cpu: threads"},
        {"\"mac\": \"52:54:00:00:00:01\"", "\"mac\": \"52:54:00\"", "interfaces[0]: mac"},
        {"\"cpus\": [0, 1]", "\"cpus\": [0, \"1\"]", "numa[0]: cpus"},
        {"\"vendor_id\": \"1af4\"", "\"vendor_id\": \"1AF4\"", "pci[0]: vendor_id"},
        {"\"class\": \"020000\"", "\"class\": \"02\"", "pci[0]: class"},
        {"\"bus_number\": 1", "\"bus_number\": -1", "usb[0]: bus_number"},
        {"\"boot_method\": \"bios\"", "\"boot_method\": \"tape\"", "boot_method"},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        struct error err = {0};
        assert_int_equal(parse_changed(changes[i][0], changes[i][1], &err), ERR_BAD_INPUT);
        assert_non_null(strstr(err.text, changes[i][2]));
    }
    struct error err = {0};
    assert_int_equal(
        parse_changed("\"inventory_version\": 1", "\"new_key\": 5, \"inventory_version\": 1", &err),
        ERR_OK);
}

static void too_much(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *report = NULL;
    char *text = malloc(HARDWARE_REPORT_BYTES + 1);
    assert_non_null(text);
    memset(text, ' ', HARDWARE_REPORT_BYTES + 1);
    assert_int_equal(hardware_report_parse(text, HARDWARE_REPORT_BYTES + 1, &report, &err),
                     ERR_TOO_LARGE);
    assert_int_equal(hardware_report_parse(text, HARDWARE_REPORT_BYTES, &report, &err),
                     ERR_BAD_INPUT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_document),
        cmocka_unit_test(changes_are_seen),
        cmocka_unit_test(too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

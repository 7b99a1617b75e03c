/* Layouts: what becomes of a disk, for each firmware. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/model/storage_layout.h"

static struct storage_layout layout;
static struct error err;

static int before(void **unused)
{
    (void)unused;
    layout = (struct storage_layout){
        .name = "flat", .disk = "vda", .serial = "disk0", .size_bytes = (8ULL << 30) + 12345};
    memset(&err, 0, sizeof(err));
    return 0;
}

/* Types in their order, and the bytes that the sized partitions take. */
static void check(const char *types, uint64_t used_mib)
{
    json_t *storage, *item;
    size_t i;
    char found[256] = "";
    json_int_t bytes = 0;
    assert_int_equal(storage_layout_make(&layout, &storage, &err), ERR_OK);
    assert_int_equal(json_integer_value(json_object_get(storage, "version")), 1);
    json_array_foreach (json_object_get(storage, "config"), i, item) {
        strcat(strcat(found, i ? " " : ""), json_string_value(json_object_get(item, "type")));
        bytes += json_integer_value(json_object_get(item, "size"));
    }
    json_decref(storage);
    assert_string_equal(found, types);
    assert_int_equal(bytes, used_mib << 20);
}

static void flat_and_lvm(void **unused)
{
    (void)unused;
    /* one MiB stays free at each end */
    check("disk partition partition format mount", 8192 - 2);
    layout.uefi = true;
    check("disk partition format mount partition format mount", 8192 - 2);
    layout.name = "lvm";
    check("disk partition format mount partition lvm_volgroup lvm_partition format mount",
          8192 - 2);
}

static void sizes_and_names(void **unused)
{
    (void)unused;
    layout.root_bytes = 4ULL << 30;
    check("disk partition partition format mount", 4096 + 1);
    layout.name = "lvm";
    layout.volume_bytes = 2ULL << 30;
    layout.group = "data", layout.volume = "root";
    check("disk partition partition lvm_volgroup lvm_partition format mount", 4096 + 1 + 2048);
    json_t *storage;
    assert_int_equal(storage_layout_make(&layout, &storage, &err), ERR_OK);
    json_t *logical = json_array_get(json_object_get(storage, "config"), 4);
    assert_string_equal(json_string_value(json_object_get(logical, "volgroup")), "data");
    assert_string_equal(json_string_value(json_object_get(logical, "name")), "root");
    json_decref(storage);
    layout.volume_bytes = 4ULL << 30; /* the group needs some of it */
    assert_int_equal(storage_layout_make(&layout, &storage, &err), ERR_CONFLICT);
    layout.volume_bytes = 0;
    layout.root_bytes = 8ULL << 30; /* so does what it boots from */
    assert_int_equal(storage_layout_make(&layout, &storage, &err), ERR_CONFLICT);
    layout.root_bytes = 1;
    assert_int_equal(storage_layout_make(&layout, &storage, &err), ERR_CONFLICT);
}

static void refusals(void **unused)
{
    json_t *storage;
    (void)unused;
    layout.name = "vmfs6";
    assert_int_equal(storage_layout_make(&layout, &storage, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "'vmfs6'"));
    layout.name = "flat";
    layout.size_bytes = 1 << 30;
    assert_int_equal(storage_layout_make(&layout, &storage, &err), ERR_CONFLICT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(flat_and_lvm, before),
        cmocka_unit_test_setup(sizes_and_names, before),
        cmocka_unit_test_setup(refusals, before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

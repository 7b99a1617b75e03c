/* src/model/image_type.c: names, uploads, lists. */
// rooms: model
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/model/image_type.h"

static void test_names_are_unique(void **unused)
{
    (void)unused;
    for (int i = 0; i < image_types_count; i++) {
        const struct image_type *type = &image_types[i];
        assert_ptr_equal(image_type_find(type->name), type);
        if (type->upload)
            assert_ptr_equal(image_type_of_upload(type->upload), type);
        for (int k = 0; k < i; k++)
            assert_true(type->role != image_types[k].role || type->rank != image_types[k].rank);
    }
    assert_null(image_type_find("manifest"));
    assert_null(image_type_of_upload("iso"));
}

static void test_uploads(void **unused)
{
    (void)unused;
    const char *const rows[][2] = {
        {"tgz", "root-tgz"},      {"tbz", "root-tbz"},          {"txz", "root-txz"},
        {"ddtgz", "root-dd"},     {"ddtbz", "root-dd.tar.bz2"}, {"ddtxz", "root-dd.tar.xz"},
        {"ddtar", "root-dd.tar"}, {"ddbz2", "root-dd.bz2"},     {"ddgz", "root-dd.gz"},
        {"ddxz", "root-dd.xz"},   {"ddraw", "root-dd.raw"},     {"squashfs", "squashfs"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_string_equal(image_type_of_upload(rows[i][0])->name, rows[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_uploads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

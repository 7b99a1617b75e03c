/* Texts come out clean, lists in order, links without their folders. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/tree.h"
#include "test/lib/test_tree.h"

static void texts_are_clean(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    assert_string_equal(tree_clean(arena, "  a b \t\x01 c  \nsecond"), "a b  c");
    assert_null(tree_clean(arena, " \t \n x"));
    assert_null(tree_clean(arena, NULL));
    assert_string_equal(tree_clean(arena, "K\xc3\xa4se \xff\xc3(\xed\xa0\x80\xc2\x85"),
                        "K\xc3\xa4se (");
    char long_text[400];
    memset(long_text, 'a', sizeof(long_text));
    memcpy(long_text + 254, "\xc3\xa4", 2); /* would end at byte 256 */
    long_text[399] = '\0';
    assert_int_equal(strlen(tree_clean(arena, long_text)), 254);
    arena_free(arena);
}

static void lists(void **unused)
{
    (void)unused;
    int numbers[4];
    assert_int_equal(tree_list("0-1,8\n", numbers, 4), 3);
    assert_int_equal(numbers[2], 8);
    assert_int_equal(tree_list("0-4294967296000", numbers, 4), 0);
    assert_int_equal(tree_list("0-99", numbers, 4), 4);
    assert_int_equal(tree_list("\n", numbers, 4), 0);
    assert_int_equal(tree_list(NULL, numbers, 4), 0);
}

static void files_and_links(void **unused)
{
    (void)unused;
    struct test_tree files;
    test_tree_open(&files, "test/unit/agent/trees/bios_vm.txt");
    struct tree tree = {arena_new(), files.folder};
    int64_t number;
    assert_true(tree_number(&tree, &number, "/sys/bus/pci/devices/0000:00:02.0/vendor"));
    assert_int_equal(number, 0x1af4);
    assert_true(tree_number(&tree, &number, "/sys/class/net/eth0/speed"));
    assert_int_equal(number, -1);
    assert_false(tree_number(&tree, &number, "/sys/class/net/eth0/address"));
    assert_string_equal(tree_link(&tree, "/sys/class/net/%s/device", "eth0"), "virtio0");
    assert_null(tree_link(&tree, "/sys/class/net/eth0/address"));
    assert_string_equal(tree_real(&tree, "/sys/block/vda"),
                        "/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda");
    assert_null(tree_real(&tree, "/sys/block/none"));
    assert_null(tree_text(&tree, "/sys/class/dmi/id/product_sku"));
    int count;
    const char *const *names = tree_names(&tree, "/sys/block", &count);
    assert_int_equal(count, 3);
    assert_string_equal(names[2], "vda");
    arena_free(tree.arena);
    test_tree_close(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_clean),
        cmocka_unit_test(lists),
        cmocka_unit_test(files_and_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

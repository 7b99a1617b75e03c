/* src/model/stream.c: the newest version of what can be used, and nothing outside of the source. */
// rooms: model
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/model/stream.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ITEM(name, ftype, path)                                                           \
    "\"" name "\": {\"ftype\": \"" ftype "\", \"path\": \"" path "\", \"sha256\": \"" SHA \
    "\", \"size\": 7}"
#define KERNEL \
    ITEM("boot-kernel", "boot-kernel", "a/k") ", " ITEM("boot-initrd", "boot-initrd", "a/i")

static struct arena *arena;
static struct stream_products products;
static struct stream_index list;
static struct error err;

static int set_up(void **unused)
{
    (void)unused;
    arena = arena_new();
    products = (struct stream_products){0};
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    arena_free(arena);
    return 0;
}

static enum error_code read_products(const char *inner)
{
    const char *text =
        arena_printf(arena, "{\"format\": \"products:1.0\", \"products\": {%s}}", inner);
    return stream_read_products(text, strlen(text), arena, &products, &err);
}

/* One product with these properties and items. */
static enum error_code read_one(const char *properties, const char *items)
{
    products = (struct stream_products){0};
    return read_products(
        arena_printf(arena,
                     "\"p\": {\"os\": \"ubuntu\", \"release\": \"noble\", \"arch\": \"amd64\", %s, "
                     "\"versions\": {\"20250101\": {\"items\": {%s}}}}",
                     properties, items));
}

static void test_newest_version(void **unused)
{
    (void)unused;
    const char *text =
        "\"p\": {\"os\": \"debian\", \"release\": \"bookworm\", \"arch\": \"amd64\", "
        "\"release_title\": \"12\", \"gantry_agent\": true, \"versions\": {"
        "\"20260301\": {\"items\": {" KERNEL ", " ITEM("squashfs", "squashfs", "new/s") ", " ITEM(
            "x", "unheard-of", "y") "}},"
                                    "\"20260228\": {\"items\": {" ITEM("squashfs", "squashfs",
                                                                       "old/s") "}}}}";
    assert_int_equal(read_products(text), ERR_OK);
    assert_int_equal(products.count, 1);
    const struct stream_product *product = products.products;
    assert_string_equal(product->version, "20260301");
    assert_string_equal(product->os, "debian");
    assert_string_equal(product->subarch, "generic");
    assert_string_equal(product->subarches, "generic");
    assert_string_equal(product->title, "12");
    assert_true(product->agent);
    assert_int_equal(product->items_count, 3);
    assert_string_equal(product->items[2].path, "new/s");
    assert_int_equal(product->items[2].size, 7);
    assert_int_equal(product->items[2].type->role, IMAGE_SQUASHFS);
    /* a second list adds to the first */
    assert_int_equal(
        read_products("\"q\": {\"os\": \"x\", \"release\": \"y\", \"arch\": \"z\", "
                      "\"versions\": {\"1\": {\"items\": {" ITEM("r", "root-tgz", "r") "}}}}"),
        ERR_OK);
    assert_int_equal(products.count, 2);
    assert_string_equal(products.products[0].os, "debian");
    assert_string_equal(products.products[1].os, "x");
}

static void test_flavour_is_part_of_the_name(void **unused)
{
    (void)unused;
    const struct {
        const char *properties, *subarch;
    } rows[] = {
        {"\"subarch\": \"ga-24.04\", \"kflavor\": \"generic\"", "ga-24.04"},
        {"\"subarch\": \"hwe-24.04\", \"kflavor\": \"lowlatency\"", "hwe-24.04-lowlatency"},
        {"\"subarch\": \"hwe-24.04-edge\", \"kflavor\": \"lowlatency\"",
         "hwe-24.04-lowlatency-edge"},
        {"\"subarch\": \"xgene-uboot\", \"kflavor\": \"xgene-uboot\"", "xgene-uboot"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(read_one(rows[i].properties, KERNEL ", " ITEM("s", "squashfs", "s")),
                         ERR_OK);
        assert_string_equal(products.products[0].subarch, rows[i].subarch);
    }
}

static void test_left_out(void **unused)
{
    (void)unused;
    /* boot loaders, a kernel alone, names that are none, nothing to fetch */
    assert_int_equal(read_one("\"label\": \"stable\"", ITEM("x", "archive.tar.xz", "x")), ERR_OK);
    assert_int_equal(products.count, 0);
    assert_int_equal(read_one("\"label\": \"stable\"", KERNEL), ERR_OK);
    assert_int_equal(products.count, 0);
    assert_int_equal(read_one("\"label\": \"a/b\"", ITEM("x", "root-tgz", "x")), ERR_OK);
    assert_int_equal(products.count, 0);
    assert_int_equal(read_one("\"subarch\": \"\"", ITEM("x", "root-tgz", "x")), ERR_OK);
    assert_int_equal(products.count, 0);
    assert_int_equal(read_one("\"label\": \"stable\"", ITEM("x", "root-tgz", "x")), ERR_OK);
    assert_int_equal(products.count, 1);
}

static void test_nothing_outside_of_the_source(void **unused)
{
    (void)unused;
    const char *const bad[] = {"../x",  "/x",     "a/../x", "a//x", "a/",       "",   ".",
                               "a/./x", "a\\\\x", "x?y",    "x#y",  "%2e%2e/x", "a b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(read_one("\"label\": \"l\"",
                                  arena_printf(arena,
                                               "\"r\": {\"ftype\": \"root-tgz\", \"path\": \"%s\", "
                                               "\"sha256\": \"" SHA "\", \"size\": 7}",
                                               bad[i])),
                         ERR_BAD_INPUT);
    assert_true(stream_path_safe("noble/amd64/20250101/ga-24.04/generic/boot-kernel"));
    assert_true(stream_path_safe("streams/v1/com.ubuntu.maas:stable:v3:download.sjson"));
}

static enum error_code read_list(const char *text)
{
    return stream_read_index(text, strlen(text), arena, &list, &err);
}

static void test_index(void **unused)
{
    (void)unused;
    assert_int_equal(
        read_list("{\"format\": \"index:1.0\", \"index\": {"
                  "\"a\": {\"datatype\": \"image-downloads\", \"path\": \"streams/v1/a.sjson\"}, "
                  "\"b\": {\"datatype\": \"image-ids\", \"path\": \"streams/v1/b.sjson\"}}}"),
        ERR_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.lists[0].path, "streams/v1/a.sjson");
    assert_int_equal(
        read_list("{\"format\": \"index:1.0\", \"index\": {\"a\": {\"path\": \"../a\"}}}"),
        ERR_BAD_INPUT);
    assert_int_equal(read_list("{\"format\": \"products:1.0\", \"index\": {}}"), ERR_BAD_INPUT);
    assert_int_equal(read_list("{\"format\": \"index:1.0\""), ERR_BAD_INPUT);
    assert_int_equal(read_list("[]"), ERR_BAD_INPUT);
    assert_int_equal(read_products("\"p\": 7, \"q\": {\"versions\": 1}"), ERR_OK);
    assert_int_equal(products.count, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_newest_version), T(test_flavour_is_part_of_the_name),
        T(test_left_out),       T(test_nothing_outside_of_the_source),
        T(test_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

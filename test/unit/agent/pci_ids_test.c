/* Names out of the PCI id list: vendors, products, what stands between them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/pci_ids.h"
#include "src/base/container.h"

static void fill(const char *list, struct pci_ids_row *rows, int count, struct arena *arena)
{
    pci_ids_fill(list, strlen(list), arena, rows, count);
}

static void names(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct pci_ids_row rows[] = {{0x1af4, 0x1000, NULL, NULL},
                                 {0x8086, 0x1572, NULL, NULL},
                                 {0x1af4, 0x9999, NULL, NULL},
                                 {0x1af4, 0x1000, NULL, NULL},
                                 {0x0200, 0x0000, NULL, NULL}};
    fill("# comment\n\n0e11  Compaq\n\t1000  Not this\n1af4  Red Hat, Inc. \n"
         "\t1000  Virtio network device\n\t\t1af4 0001  A board\n\t1001  Virtio block device\n"
         "8086  Intel Corporation\n\t1572  Ethernet Controller X710\nC 02  Network controller\n"
         "0200  Behind the classes\n",
         rows, COUNT_OF(rows), arena);
    assert_string_equal(rows[0].vendor, "Red Hat, Inc.");
    assert_string_equal(rows[0].product, "Virtio network device");
    assert_string_equal(rows[1].vendor, "Intel Corporation");
    assert_string_equal(rows[1].product, "Ethernet Controller X710");
    assert_string_equal(rows[2].vendor, "Red Hat, Inc.");
    assert_null(rows[2].product);
    assert_string_equal(rows[3].product, "Virtio network device");
    assert_null(rows[4].vendor);
    arena_free(arena);
}

static void lists_that_are_none(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct pci_ids_row row = {0x1af4, 0x1000, NULL, NULL};
    const char *const lists[] = {"",
                                 "\n\t\n",
                                 "\t1000  Product first",
                                 "1af4",
                                 "1af4 Red",
                                 "1afg  Red",
                                 "1af4  ",
                                 "\t1af4  Red",
                                 "<html>1af4  Red",
                                 "version https://git-lfs",
                                 "1af4  \x01\x02\n"};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        fill(lists[i], &row, 1, arena);
        assert_null(row.vendor);
        assert_null(row.product);
    }
    fill("1af4  R", &row, 1, arena); /* no line end */
    assert_string_equal(row.vendor, "R");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(lists_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

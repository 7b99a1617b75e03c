/* Memory modules of SMBIOS tables, whole and torn; fillers of firmware vendors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/smbios.h"

#define MIB ((uint64_t)1 << 20)

enum { DEVICE_BYTES = 0x2a };

/* A memory device without strings behind bytes; returns the size of the table then. */
static size_t add_device(uint8_t *bytes, size_t at, unsigned size, unsigned extended)
{
    uint8_t *device = bytes + at;
    memset(device, 0, DEVICE_BYTES + 2);
    device[0] = 17;
    device[1] = DEVICE_BYTES;
    device[0x0c] = (uint8_t)size;
    device[0x0d] = (uint8_t)(size >> 8);
    device[0x12] = 0x1a; /* DDR4 */
    for (int i = 0; i < 4; i++)
        device[0x1c + i] = (uint8_t)(extended >> (8 * i));
    device[0x28] = 3; /* DRAM */
    return at + DEVICE_BYTES + 2;
}

static void sizes(void **unused)
{
    (void)unused;
    uint8_t table[1024];
    size_t size = add_device(table, 0, 16384, 0);
    assert_int_equal(smbios_memory_bytes(table, size), 16384 * MIB);
    size = add_device(table, size, 0x7fff, 131072); /* 128 GiB do not fit into 15 bits */
    assert_int_equal(smbios_memory_bytes(table, size), (16384 + 131072) * MIB);
    size = add_device(table, size, 0, 0);            /* empty slot */
    size = add_device(table, size, 0xffff, 0);       /* unknown */
    size = add_device(table, size, 0x8000 | 512, 0); /* KiB */
    assert_int_equal(smbios_memory_bytes(table, size), (16384 + 131072) * MIB + 512 * 1024);
}

static void what_is_no_main_memory(void **unused)
{
    (void)unused;
    uint8_t table[256];
    for (uint8_t kind = 0x08; kind <= 0x0c; kind++) {
        size_t size = add_device(table, 0, 16, 0);
        table[0x12] = kind;
        assert_int_equal(smbios_memory_bytes(table, size), 0);
    }
    for (uint8_t technology = 4; technology <= 7; technology++) {
        size_t size = add_device(table, 0, 16, 0);
        table[0x28] = technology;
        assert_int_equal(smbios_memory_bytes(table, size), 0);
    }
}

static void strings_and_the_end(void **unused)
{
    (void)unused;
    uint8_t table[256] = {1,  4,    0,   0, 'A', 0,
                          17, 0x2a, 'B', 0, 0}; /* strings that look like a head */
    size_t size = add_device(table, 11, 8, 0);
    assert_int_equal(smbios_memory_bytes(table, size), 8 * MIB);
    memcpy(table + size, (uint8_t[]){127, 4, 0, 0, 0, 0}, 6);
    size_t end = add_device(table, size + 6, 8, 0);
    assert_int_equal(smbios_memory_bytes(table, end),
                     8 * MIB); /* what follows the end does not count */
}

static void torn_tables(void **unused)
{
    (void)unused;
    uint8_t table[256];
    size_t size = add_device(table, 0, 8, 0);
    for (size_t cut = 0; cut < DEVICE_BYTES; cut++)
        assert_int_equal(smbios_memory_bytes(table, cut), 0);
    assert_int_equal(smbios_memory_bytes(table, size - 1), 8 * MIB);
    table[1] = 3; /* a length that does not hold its own head */
    assert_int_equal(smbios_memory_bytes(table, size), 0);
    table[1] = 0x0d; /* ends inside of the size */
    assert_int_equal(smbios_memory_bytes(table, size), 0);
}

static void fillers(void **unused)
{
    (void)unused;
    assert_true(smbios_is_filler("To Be Filled By O.E.M."));
    assert_true(smbios_is_filler("default STRING"));
    assert_true(smbios_is_filler("0000000"));
    assert_true(smbios_is_filler("xxx"));
    assert_false(smbios_is_filler("00001"));
    assert_false(smbios_is_filler("PowerEdge R640"));
    assert_false(smbios_is_filler("X11"));
    assert_false(smbios_is_filler("None of it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),       cmocka_unit_test(what_is_no_main_memory),
        cmocka_unit_test(torn_tables), cmocka_unit_test(strings_and_the_end),
        cmocka_unit_test(fillers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

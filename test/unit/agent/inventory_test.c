/* Recorded trees become the JSON of docs/inventory.md. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "src/agent/inventory.h"
#include "test/lib/test_tree.h"

static struct test_tree files;
static struct arena *arena;
static struct inventory inventory;
static json_t *top;

static void load(const char *name, const char *boot_mac)
{
    char path[128];
    struct mac mac;
    struct spool spool;
    arena = arena_new();
    snprintf(path, sizeof(path), "test/unit/agent/trees/%s.txt", name);
    test_tree_open(&files, path);
    struct tree tree = {arena, files.folder};
    inventory_read(&tree, boot_mac && mac_parse(boot_mac, &mac) ? &mac : NULL, &inventory);
    spool_init(&spool);
    assert_int_equal(inventory_json(&inventory, &spool), 0);
    top = json_loadb(spool.bytes, spool.used, 0, NULL);
    assert_non_null(top);
    spool_close(&spool);
}

static void unload(void)
{
    json_decref(top);
    test_tree_close(&files);
    arena_free(arena);
}

/* The value at "cpu.threads" or "disks.0.name", compared with JSON text. */
static void is(const char *place, const char *expected)
{
    char path[128], *rest = path;
    snprintf(path, sizeof(path), "%s", place);
    json_t *value = top;
    for (char *part; (part = strsep(&rest, "."));)
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(part))
                                     : json_object_get(value, part);
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (!text || strcmp(text, expected) != 0)
        fail_msg("%s is %s, not %s", place, text ? text : "missing", expected);
    free(text);
}

static void bios_vm(void **unused)
{
    (void)unused;
    load("bios_vm", "52:54:00:00:00:01");
    is("inventory_version", "1");
    is("kernel_release", "\"6.1.0-44-cloud-amd64\"");
    is("boot_method", "\"bios\"");
    is("secure_boot", "null");
    is("system", "{\"vendor\":\"QEMU\",\"product\":\"Standard PC (Q35 + ICH9, 2009)\",\"version\":"
                 "\"pc-q35-7.2\",\"serial\":null,\"sku\":null,\"family\":null,"
                 "\"uuid\":\"b3f0a9a0-6f0f-4e0e-9d53-8d1f4f8b2f10\"}");
    is("mainboard", "{\"vendor\":null,\"product\":null,\"version\":null,\"serial\":null}");
    is("chassis", "{\"vendor\":\"QEMU\",\"type\":1,\"version\":\"pc-q35-7.2\",\"serial\":null}");
    is("cpu", "{\"model\":\"QEMU TCG CPU version 2.5+\",\"sockets\":1,\"cores\":2,\"threads\":2,"
              "\"max_mhz\":2400}");
    is("memory", "{\"installed_bytes\":1073741824,\"usable_bytes\":1009909760}");
    is("numa", "[{\"index\":0,\"memory_bytes\":1009909760,\"cpus\":[0,1]}]");
    is("disks", "[{\"name\":\"vda\",\"model\":null,\"serial\":\"disk0\",\"vendor\":null,"
                "\"firmware_version\":null,\"size_bytes\":4294967296,\"block_size\":512,"
                "\"rotational\":true,\"removable\":false,\"read_only\":false,"
                "\"id_path\":\"/dev/disk/by-id/virtio-disk0\",\"address\":\"0000:00:04.0\","
                "\"numa_node\":0}]");
    is("interfaces", "[{\"name\":\"eth0\",\"mac\":\"52:54:00:00:00:01\",\"boot\":true,"
                     "\"driver\":\"virtio_net\",\"link\":true,\"speed_mbps\":null,\"mtu\":1500,"
                     "\"vendor\":\"Red Hat, Inc.\",\"product\":\"Virtio network device\","
                     "\"firmware_version\":null,\"address\":\"0000:00:02.0\",\"numa_node\":0}]");
    is("pci.0", "{\"address\":\"0000:00:02.0\",\"class\":\"020000\",\"vendor_id\":\"1af4\","
                "\"product_id\":\"1000\",\"vendor\":\"Red Hat, Inc.\","
                "\"product\":\"Virtio network device\",\"driver\":\"virtio-pci\",\"numa_node\":0}");
    is("pci.2.driver", "null");
    is("usb", "[{\"address\":\"1-1\",\"bus_number\":1,\"device_number\":2,\"class\":\"00\","
              "\"vendor_id\":\"0627\",\"product_id\":\"0001\",\"vendor\":\"QEMU\","
              "\"product\":\"QEMU USB Tablet\",\"serial\":null}]");
    assert_int_equal(json_array_size(json_object_get(top, "pci")), 3);
    unload();
}

static void numa_server(void **unused)
{
    (void)unused;
    load("numa_server", NULL);
    is("boot_method", "\"uefi\"");
    is("secure_boot", "true");
    is("system.family", "null");
    is("system.serial", "\"ABC1234\"");
    is("chassis.serial", "null");
    is("cpu.sockets", "2");
    is("cpu.cores", "2");
    is("cpu.threads", "4");
    is("cpu.max_mhz", "2400");
    is("memory.installed_bytes", "137436856320"); /* 98304 + 32766 MiB */
    is("numa", "[{\"index\":0,\"memory_bytes\":100798562304,\"cpus\":[0,2]},"
               "{\"index\":1,\"memory_bytes\":101425758208,\"cpus\":[1,3]}]");
    is("disks.0.name", "\"nvme0n1\"");
    is("disks.0.model", "\"SAMSUNG MZQLB960HAJR-00007\"");
    is("disks.0.firmware_version", "\"EDA5402Q\"");
    is("disks.0.block_size", "4096");
    is("disks.0.id_path", "\"/dev/disk/by-id/nvme-SAMSUNG_MZQLB960HAJR-00007_S437NX0M800123\"");
    is("disks.0.address", "\"10000:01:00.0\"");
    is("disks.0.numa_node", "1");
    is("disks.1.name", "\"sda\"");
    is("disks.1.vendor", "\"SEAGATE\"");
    is("disks.1.serial", "\"WFK12345\"");
    is("disks.1.id_path", "\"/dev/disk/by-id/wwn-0x5000c500a1b2c3d7\"");
    is("disks.1.numa_node", "1");
    assert_int_equal(json_array_size(json_object_get(top, "disks")), 2);
    is("interfaces.0.mac", "\"f8:f2:1e:00:00:10\"");
    is("interfaces.0.speed_mbps", "10000");
    is("interfaces.0.boot", "false");
    is("interfaces.0.driver", "\"i40e\"");
    is("interfaces.0.vendor", "null"); /* no list here */
    is("interfaces.1.link", "false");
    is("interfaces.1.mtu", "null");
    is("interfaces.1.address", "\"0000:18:00.1\"");
    assert_int_equal(json_array_size(json_object_get(top, "interfaces")), 2);
    unload();
}

static void silent_machine(void **unused)
{
    (void)unused;
    load("silent", NULL);
    is("kernel_release", "null");
    is("system", "{\"vendor\":null,\"product\":null,\"version\":null,\"serial\":null,\"sku\":null,"
                 "\"family\":null,\"uuid\":null}");
    is("chassis.type", "null");
    is("cpu", "{\"model\":null,\"sockets\":null,\"cores\":1,\"threads\":1,\"max_mhz\":null}");
    is("memory", "{\"installed_bytes\":512000000,\"usable_bytes\":512000000}");
    is("numa", "[{\"index\":0,\"memory_bytes\":512000000,\"cpus\":[0]}]");
    is("disks", "[]");
    is("interfaces", "[]");
    is("pci", "[]");
    is("usb", "[]");
    unload();
}

static void too_large_loses_devices_only(void **unused)
{
    (void)unused;
    load("bios_vm", NULL);
    char long_text[TREE_TEXT_BYTES + 1];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    inventory.pci_count = inventory.usb_count = INVENTORY_BUS;
    for (int i = 0; i < INVENTORY_BUS; i++) {
        inventory.usb[i].address = inventory.usb[i].vendor = inventory.usb[i].serial = long_text;
        inventory.pci[i].address = "0000:00:02.0";
        inventory.pci[i].class = "020000";
    }
    struct spool spool;
    spool_init(&spool);
    assert_true(inventory_json(&inventory, &spool) > 0);
    assert_true(spool_size(&spool) <= INVENTORY_BYTES);
    json_t *small = json_loadb(spool.bytes, spool.used, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(small, "pci")), INVENTORY_BUS);
    assert_int_equal(json_array_size(json_object_get(small, "disks")), 1);
    json_decref(small);
    spool_close(&spool);
    unload();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bios_vm),
        cmocka_unit_test(numa_server),
        cmocka_unit_test(silent_machine),
        cmocka_unit_test(too_large_loses_devices_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

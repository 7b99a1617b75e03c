/* src/agent/disk_links.c: the names lead to the disks, and to nothing else. */
// rooms: agent
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/agent/disk_links.h"
#include "src/base/file.h"

static char root[32];

static int set_up(void **unused)
{
    (void)unused;
    strcpy(root, "/tmp/gantry-links-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **unused)
{
    (void)unused;
    return file_remove_tree(root, NULL);
}

/* Where a link of this name leads; "" = there is none. */
static const char *target_of(const char *name)
{
    static char target[64];
    char path[128];
    snprintf(path, sizeof(path), "%s/dev/disk/by-id/%s", root, name);
    ssize_t size = readlink(path, target, sizeof(target) - 1);
    target[size < 0 ? 0 : size] = '\0';
    return target;
}

static void test_links(void **unused)
{
    (void)unused;
    struct inventory_disk disks[] = {
        {.name = "vda", .id_path = "/dev/disk/by-id/virtio-one"},
        {.name = "vdb"},
        {.name = "sda", .id_path = "/dev/disk/by-id/wwn-0x5000"},
        {.name = "sdb", .id_path = "/dev/disk/by-id/wwn-0x5000"}, /* another path to it */
        {.name = "sdc", .id_path = "/dev/disk/by-id/../../../up"},
        {.name = "sdd", .id_path = "/dev/disk/by-id/"},
        {.name = "sde", .id_path = "/dev/sde"},
    };
    struct inventory inventory = {.disks = disks, .disks_count = 7};
    for (int times = 0; times < 2; times++)
        disk_links_make(&inventory, root);
    assert_string_equal(target_of("virtio-one"), "../../vda");
    assert_string_equal(target_of("wwn-0x5000"), "../../sda");
    assert_string_equal(target_of("../../../up"), "");
    char path[64];
    snprintf(path, sizeof(path), "%s/dev/sde", root);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* src/rack/boot_answer.c: what is accepted, and what each loader is told. */
// rooms: rack
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/rack/boot_answer.h"

static struct boot_answer_place place;
static struct arena *arena;
static struct boot_answer answer;
static struct error err;

#define COMMAND_LINE                                                 \
    "cloud-config-url=http://10.77.0.21:5240/MAAS/metadata/?op=get " \
    "root=squash:http://10.77.0.21:5248/images/root.squashfs BOOTIF=01-52-54-00-00-00-01 "

#define AGAIN ":again\nsleep 3\nimgfree ||\ndhcp netX && chain --replace ${filename} || reboot\n"

static enum error_code read_answer(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    enum error_code code = boot_answer_read(json, arena, &answer, &err);
    json_decref(json);
    return code;
}

static const char *write_answer(enum boot_loader loader)
{
    struct spool text;
    spool_init(&text);
    enum error_code code = boot_answer_write(&answer, loader, &place, &text, &err);
    const char *copy = code ? NULL : arena_strndup(arena, text.bytes, text.used);
    spool_close(&text);
    return copy;
}

static void enlist(const char *options)
{
    const char *text = arena_printf(
        arena,
        "{\"purpose\": \"enlist\", \"kernel\": \"vmlinuz\", \"initrd\": \"initrd.gz\", "
        "\"root\": \"root.squashfs\", \"preseed\": \"/MAAS/metadata/?op=get\", \"options\": "
        "\"%s\"}",
        options);
    assert_int_equal(read_answer(text), ERR_OK);
}

static void test_reading(void **unused)
{
    (void)unused;
    enlist("a b");
    assert_int_equal(answer.purpose, BOOT_ENLIST);
    assert_false(answer.keep);
    assert_string_equal(answer.options, "a b");
    assert_int_equal(read_answer("{\"purpose\": \"local\", \"keep\": true, \"root\": null}"),
                     ERR_OK);
    assert_true(answer.keep);
    assert_string_equal(answer.options, "");
    const char *const bad[] = {
        "{}",
        "{\"purpose\": \"dance\"}",
        "{\"purpose\": 1}",
        "{\"purpose\": \"enlist\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"k\"}",
        "{\"purpose\": \"enlist\", \"kernel\": 5, \"initrd\": \"i\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"../k\", \"initrd\": \"i\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"/k\", \"initrd\": \"i\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"k x\", \"initrd\": \"i\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"\", \"initrd\": \"i\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"k\", \"initrd\": \"i\", \"options\": \"a\\nb\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"k\", \"initrd\": \"i\", \"options\": \"\\u00e4\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"k\", \"initrd\": \"i\", \"preseed\": \"x\"}",
        "{\"purpose\": \"enlist\", \"kernel\": \"k\", \"initrd\": \"i\", \"preseed\": \"/a b\"}",
        "[]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(read_answer(bad[i]), ERR_BAD_INPUT);
}

static void test_ephemeral(void **unused)
{
    (void)unused;
    enlist("console=ttyS0 cc:{'datasource_list': ['MAAS']}end_cc");
    assert_string_equal(
        write_answer(BOOT_IPXE),
        "#!ipxe\n"
        "kernel http://10.77.0.21:5248/images/vmlinuz initrd=initrd " COMMAND_LINE
        "console=ttyS0 cc:{'datasource_list': ['MAAS']}end_cc || goto again\n"
        "initrd --name initrd http://10.77.0.21:5248/images/initrd.gz || goto again\n"
        "boot ||\n" AGAIN);
    assert_string_equal(write_answer(BOOT_PXELINUX),
                        "DEFAULT gantry\nPROMPT 0\nTIMEOUT 1\nLABEL gantry\n"
                        "    KERNEL images/vmlinuz\n    INITRD images/initrd.gz\n"
                        "    APPEND " COMMAND_LINE
                        "console=ttyS0 cc:{'datasource_list': ['MAAS']}end_cc\n    IPAPPEND 0\n");
    assert_string_equal(
        write_answer(BOOT_GRUB),
        "set timeout=0\n"
        "if linux /images/vmlinuz "
        "cloud-config-url=http://10.77.0.21:5240/MAAS/metadata/\\?op=get "
        "root=squash:http://10.77.0.21:5248/images/root.squashfs BOOTIF=01-52-54-00-00-00-01 "
        "console=ttyS0 cc:\\{datasource_list: \\[MAAS\\]\\}end_cc; then\n"
        "    if initrd /images/initrd.gz; then\n        boot\n    fi\nfi\nsleep 3\nreboot\n");
}

static void test_imported(void **unused)
{
    (void)unused;
    assert_int_equal(read_answer("{\"purpose\": \"commissioning\", \"kernel\": \"blobs/aa\", "
                                 "\"initrd\": \"blobs/bb\", \"root\": \"blobs/cc\"}"),
                     ERR_OK);
    assert_string_equal(write_answer(BOOT_IPXE),
                        "#!ipxe\nkernel http://10.77.0.21:5248/blobs/aa initrd=initrd "
                        "root=squash:http://10.77.0.21:5248/blobs/cc BOOTIF=01-52-54-00-00-00-01 "
                        "|| goto again\n"
                        "initrd --name initrd http://10.77.0.21:5248/blobs/bb || goto again\n"
                        "boot ||\n" AGAIN);
    const char *text = write_answer(BOOT_PXELINUX);
    assert_non_null(strstr(text, "    KERNEL blobs/aa\n    INITRD blobs/bb\n"));
    text = write_answer(BOOT_GRUB);
    assert_non_null(strstr(text, "linux /blobs/aa root="));
    assert_non_null(strstr(text, "if initrd /blobs/bb; then\n"));
}

static void test_no_way_out(void **unused)
{
    (void)unused;
    enlist("a; reboot $(x) `y` $HOME | & < > #");
    const char *text = write_answer(BOOT_GRUB);
    assert_non_null(
        strstr(text, " a\\; reboot \\$\\(x\\) \\`y\\` \\$HOME \\| \\& \\< \\> \\#; then\n"));
    assert_non_null(write_answer(BOOT_IPXE)); /* there only whole words are operators */
    const char *const unsayable[] = {"a ; b", "a && b", "a || b", "a ${b}", ";"};
    for (size_t i = 0; i < sizeof(unsayable) / sizeof(*unsayable); i++) {
        enlist(unsayable[i]);
        assert_null(write_answer(BOOT_IPXE));
        assert_int_equal(err.code, ERR_BAD_INPUT);
        assert_non_null(write_answer(BOOT_PXELINUX));
    }
}

static void test_local_and_poweroff(void **unused)
{
    (void)unused;
    assert_int_equal(read_answer("{\"purpose\": \"local\"}"), ERR_OK);
    assert_string_equal(write_answer(BOOT_IPXE),
                        "#!ipxe\niseq ${platform} efi && goto efi ||\n"
                        "sanboot --no-describe --drive 0x80\nexit 1\n"
                        ":efi\nchain --replace tftp://10.77.0.21/grubx64.efi\n");
    assert_non_null(strstr(write_answer(BOOT_PXELINUX), "LOCALBOOT 0\n"));
    assert_non_null(strstr(write_answer(BOOT_GRUB), "search --no-floppy --set=root --file /efi/"));
    assert_int_equal(read_answer("{\"purpose\": \"poweroff\"}"), ERR_OK);
    assert_string_equal(write_answer(BOOT_IPXE),
                        "#!ipxe\npoweroff ||\n"
                        "iseq ${platform} efi && goto efi ||\n"
                        "chain --replace http://10.77.0.21:5248/pxelinux.0\n"
                        ":efi\nchain --replace tftp://10.77.0.21/grubx64.efi\n");
    assert_non_null(strstr(write_answer(BOOT_PXELINUX), "poweroff.c32\n"));
    assert_non_null(strstr(write_answer(BOOT_GRUB), "halt\n"));
}

static void test_silent_transfers(void **unused)
{
    (void)unused;
    enlist("");
    place.timed = true; /* but what has to come from a region first may take its time */
    const char *text = write_answer(BOOT_IPXE);
    assert_non_null(strstr(text, "kernel http://"));
    assert_non_null(strstr(text, "initrd --name initrd http://"));
    assert_non_null(strstr(text, "chain --replace --timeout 20000 ${filename} || reboot\n"));
    place.here = true;
    text = write_answer(BOOT_IPXE);
    assert_non_null(strstr(text, "kernel --timeout 20000 http://10.77.0.21:5248/images/vmlinuz "));
    assert_non_null(strstr(text, "\ninitrd --timeout 20000 --name initrd http://"));
    assert_null(strstr(write_answer(BOOT_PXELINUX), "--timeout"));
    place.timed = false;
    assert_null(strstr(write_answer(BOOT_IPXE), "--timeout"));
}

static void test_wait(void **unused)
{
    (void)unused;
    assert_int_equal(read_answer("{\"purpose\": \"wait\"}"), ERR_BAD_INPUT); /* no region says it */
    answer = boot_answer_wait();
    assert_string_equal(write_answer(BOOT_IPXE),
                        "#!ipxe\nsleep 10\nchain --replace http://10.77.0.21:5248/"
                        "ipxe.cfg-${mac:hexhyp}?platform=${platform}&uuid=${uuid} ||\n" AGAIN);
    place.timed = true;
    assert_string_equal(write_answer(BOOT_IPXE),
                        "#!ipxe\nsleep 10\nchain --replace --timeout 20000 "
                        "http://10.77.0.21:5248/ipxe.cfg-${mac:hexhyp}?platform=${platform}"
                        "&uuid=${uuid}&timeout=1 ||\n:again\nsleep 3\nimgfree ||\ndhcp netX && "
                        "chain --replace --timeout 20000 ${filename} || reboot\n");
    assert_string_equal(
        write_answer(BOOT_GRUB),
        "set timeout=0\nsleep 10\nconfigfile $prefix/grub.cfg-$net_default_mac\nreboot\n");
    assert_string_equal(write_answer(BOOT_PXELINUX), "DEFAULT gantry\nPROMPT 1\nTIMEOUT 100\n"
                                                     "LABEL gantry\n    COM32 reboot.c32\n");
}

static void test_first(void **unused)
{
    (void)unused;
    struct spool text;
    spool_init(&text);
    boot_answer_write_first(BOOT_IPXE, &place, &text);
    spool_put(&text, "", 1);
    assert_string_equal(text.bytes,
                        "#!ipxe\n"
                        "chain --replace --timeout 20000 http://10.77.0.21:5248/"
                        "ipxe.cfg-${mac:hexhyp}?platform=${platform}&uuid=${uuid}&timeout=1 ||\n"
                        "chain --replace http://10.77.0.21:5248/"
                        "ipxe.cfg-${mac:hexhyp}?platform=${platform}&uuid=${uuid}\n");
    spool_reset(&text);
    boot_answer_write_first(BOOT_GRUB, &place, &text);
    spool_put(&text, "", 1);
    assert_string_equal(text.bytes, "configfile $prefix/grub.cfg-$net_default_mac\nexit 1\n");
    spool_close(&text);
}

static int set_up(void **unused)
{
    (void)unused;
    arena = arena_new();
    place = (struct boot_answer_place){.rack = 0x0a4d0015,
                                       .http_port = 5248,
                                       .proxy_port = 5240,
                                       .mac = {{0x52, 0x54, 0, 0, 0, 1}}};
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    arena_free(arena);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_reading), T(test_ephemeral),          T(test_imported), T(test_no_way_out),
        T(test_wait),    T(test_local_and_poweroff), T(test_first),    T(test_silent_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

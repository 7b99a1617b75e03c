/* The boot table: every row is reached by the client it is for, and iPXE goes before all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "src/base/container.h"
#include "src/rack/dhcp_boot.h"

struct client {
    const char *vendor, *user;
    size_t user_size;
    const char *ipxe;
    size_t ipxe_size;
    int architectures;
    uint16_t architecture[3];
};

static const char *row_of(const struct client *client)
{
    static struct dhcp_writer writer;
    static struct dhcp_packet packet;
    struct dhcp_packet head = {.op = 1, .mac = {{2}}};
    struct error err;
    uint8_t list[8];
    dhcp_writer_start(&writer, &head, DHCP_PACKET_MAX);
    dhcp_writer_u8(&writer, DHCP_OPTION_TYPE, DHCP_DISCOVER);
    for (int i = 0; i < client->architectures; i++) {
        list[2 * i] = (uint8_t)(client->architecture[i] >> 8);
        list[2 * i + 1] = (uint8_t)client->architecture[i];
    }
    if (client->architectures)
        dhcp_writer_option(&writer, DHCP_OPTION_ARCHITECTURE, list,
                           2 * (size_t)client->architectures);
    if (client->vendor)
        dhcp_writer_text(&writer, DHCP_OPTION_VENDOR_CLASS, client->vendor);
    if (client->user)
        dhcp_writer_option(&writer, DHCP_OPTION_USER_CLASS, client->user, client->user_size);
    if (client->ipxe)
        dhcp_writer_option(&writer, DHCP_OPTION_IPXE, client->ipxe, client->ipxe_size);
    assert_int_equal(dhcp_packet_decode(writer.bytes, dhcp_writer_end(&writer), &packet, &err),
                     ERR_OK);
    const struct dhcp_boot *boot = dhcp_boot_find(&packet);
    return boot ? boot->name : "none";
}

#define TEXT(text) text, sizeof(text) - 1

static void test_clients(void **unused)
{
    (void)unused;
    static const struct {
        struct client client;
        const char *row;
    } table[] = {
        {{"PXEClient:Arch:00000:UNDI:002001", .architectures = 1, .architecture = {0}}, "bios"},
        {{"PXEClient:Arch:00007:UNDI:003001", .architectures = 1, .architecture = {7}}, "uefi"},
        {{"PXEClient", .architectures = 1, .architecture = {9}}, "uefi-ebc"},
        {{"HTTPClient:Arch:00016", .architectures = 1, .architecture = {16}}, "uefi-http"},
        {{"PXEClient", .architectures = 1, .architecture = {11}}, "arm64"},
        {{"HTTPClient", .architectures = 1, .architecture = {19}}, "arm64-http"},
        {{"PXEClient", .architectures = 1, .architecture = {12}}, "ppc64el"},
        {{"PXEClient", .architectures = 1, .architecture = {14}}, "powernv"},
        {{"PXEClient", .architectures = 1, .architecture = {31}}, "s390x"},
        {{"PXEClient", .architectures = 1, .architecture = {6}}, "none"},
        /* PXE firmware that lists an HTTP architecture does not get an HTTP answer. */
        {{"PXEClient", .architectures = 2, .architecture = {16, 7}}, "uefi"},
        {{"PXEClient", .architectures = 1, .architecture = {16}}, "none"},
        {{"HTTPClient", .architectures = 1, .architecture = {7}}, "none"},
        /* iPXE: the bare word, or a list as RFC 3004 wants it; not something like it. */
        {{"PXEClient", TEXT("iPXE"), .architectures = 1, .architecture = {0}}, "ipxe"},
        {{"PXEClient", TEXT("\4iPXE"), .architectures = 1, .architecture = {7}}, "ipxe"},
        {{NULL, TEXT("\2ab\4iPXE")}, "ipxe"},
        {{NULL, TEXT("iPXE2")}, "none"},
        {{NULL, TEXT("\4iPX")}, "none"},
        {{NULL, TEXT("\0\0\0")}, "none"},
        /* iPXE as firmware tells what it can do: HTTP, and kernels or EFI programs. */
        {{.ipxe = "\x13\1\1\x18\1\1", .ipxe_size = 6}, "ipxe"},
        {{.ipxe = "\x24\1\1\x13\1\1", .ipxe_size = 6}, "ipxe"},
        {{.ipxe = "\x13\1\1", .ipxe_size = 3}, "none"},
        {{.ipxe = "\x18\1\1\x13\7\1", .ipxe_size = 6}, "none"},
        /* Systems that only want an address. */
        {{NULL}, "none"},
        {{"udhcp 1.35.0"}, "none"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(row_of(&table[i].client), table[i].row) != 0)
            fail_msg("client %zu: %s, expected %s", i, row_of(&table[i].client), table[i].row);
}

static void test_every_row_is_reached(void **unused)
{
    (void)unused;
    int count;
    const struct dhcp_boot *rows = dhcp_boot_rows(&count);
    for (int i = 1; i < count; i++) {
        struct client client = {.vendor = rows[i].http ? "HTTPClient" : "PXEClient",
                                .architectures = 1,
                                .architecture = {(uint16_t)rows[i].architecture}};
        assert_string_equal(row_of(&client), rows[i].name);
    }
}

static void test_answers(void **unused)
{
    (void)unused;
    int count;
    const struct dhcp_boot *rows = dhcp_boot_rows(&count);
    struct dhcp_boot_answer answer;
    dhcp_boot_fill(&rows[0], 0xffffffff, &answer);
    assert_string_equal(answer.file, "http://255.255.255.255:5248/ipxe.cfg");
    assert_string_equal(answer.path_prefix, "");
    assert_null(answer.vendor_class);
    dhcp_boot_fill(&rows[1], 0x0a4d0015, &answer);
    assert_string_equal(answer.file, "lpxelinux.0");
    assert_string_equal(answer.path_prefix, "http://10.77.0.21:5248/");
    for (int i = 0; i < count; i++) {
        dhcp_boot_fill(&rows[i], 0xffffffff, &answer);
        assert_int_equal(rows[i].http, answer.vendor_class != NULL);
        assert_true(strlen(answer.file) < DHCP_FILE_BYTES - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_every_row_is_reached),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

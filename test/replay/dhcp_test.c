/*
 * Conversations with the DHCP service, as text files on virtual time: test/replay/dhcp/NAME.txt.
 *
 *   network 10.77.0.0/24 rack 10.77.0.21 [second] [lease S] [gateway A] [vlan N] [remote]
 *           [range A-B]... [host MAC A NAME]... [held A MAC|-]...
 *                                                     serve this network (remote: behind a relay)
 *   > TYPE mac=.. [xid=..] [secs=..] [ciaddr=..] [giaddr=..] [address=..] [server=..] [arch=HEX]
 *          [vendor=..] [user=..] [want=1,3,..] [hostname=..] [lease=..] [size=..] [broadcast]
 *          [to=A] [relay=TEXT]                        a client's message (to: its destination)
 *   < TYPE|none [address=..] [lease=..] [file=..] [way=..] [to=..] [server=..] [reason=..]
 *          [prefix=..] [vendor=..] [router=..] [hostname=..] [relay=..] [no=OPTION] [least=BYTES]
 *                                                     what must come; only what is named is
 * compared anew = another configuration comes now | wait S | clock S time goes by | is set restart
 * the rack's process starts anew | own S [A-B].. the rack's blocks | partner MAC A DURATION LEFT |
 * alone yes|no | config S (its term) | state A KIND|none [MAC]                           what
 * stands in memory for an address changes N                                         so many leases
 * go to the region
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// rooms: rack
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/rack/dhcp_lease_file.h"
#include "src/rack/dhcp_service.h"

enum { WORDS = 64, LINE = 1024 };

static struct replay {
    const char *file;
    int line;
    char path[64];
    struct dhcp_service service;
    struct dhcp_lease_file store;
    struct interfaces interfaces;
    json_t *networks;
    uint64_t now_s;
    struct dhcp_outcome outcome;
    struct dhcp_packet reply;
    bool owns;    /* only the blocks of a line "own" */
    bool checked; /* the last outcome was compared */
} replay;

static void check(bool ok, const char *what, const char *got)
{
    if (!ok)
        fail_msg("%s:%d: %s (got %s)", replay.file, replay.line, what, got);
}

static uint64_t number(const char *text, int base)
{
    char *end;
    uint64_t value = strtoull(text, &end, base);
    check(*text && !*end, "expected a number", text);
    return value;
}

static ip4 address_of(const char *text)
{
    ip4 address = 0;
    check(ip4_parse(text, &address), "expected an address", text);
    return address;
}

static struct mac mac_of(const char *text)
{
    struct mac mac;
    check(mac_parse(text, &mac), "expected a MAC", text);
    return mac;
}

/* Unless the conversation says otherwise, all of the ranges is this rack's, for ever. */
static void own_all(void)
{
    struct dhcp_service *service = &replay.service;
    service->config_until_s = UINT64_MAX;
    if (replay.owns)
        return;
    service->blocks.until_s = UINT64_MAX;
    service->blocks.count = 0;
    for (int i = 0; i < service->config->count; i++)
        for (int k = 0; k < service->config->network[i].range_count; k++) {
            const struct dhcp_range *range = &service->config->network[i].range[k];
            uint32_t first = range->first / DHCP_BLOCK_SIZE;
            dhcp_blocks_add(&service->blocks, first, range->last / DHCP_BLOCK_SIZE - first + 1);
        }
}

static void add_network(char **words, int count)
{
    struct ip4_net net;
    json_t *ranges = json_array(), *hosts = json_array(), *held = json_array();
    json_t *network =
        json_pack("{s:i, s:i, s:s, s:b, s:i, s:s, s:[s], s:[], s:s, s:i, s:o, s:o, s:o}", "vlan_id",
                  (int)json_array_size(replay.networks) + 100, "subnet_id", 1, "cidr", words[1],
                  "primary", 1, "mtu", 1500, "gateway", "10.77.0.1", "dns", "10.77.0.53", "ntp",
                  "domain", "maas", "lease_s", 600, "ranges", ranges, "hosts", hosts, "held", held);
    assert_non_null(network);
    json_object_set_new(network, "gateway", json_null());
    check(ip4_net_parse(words[1], &net), "expected a network", words[1]);
    ip4 rack = address_of(words[3]);
    bool remote = false;
    for (int i = 4; i < count; i++) {
        if (!strcmp(words[i], "second"))
            json_object_set_new(network, "primary", json_false());
        else if (!strcmp(words[i], "remote"))
            remote = true;
        else if (!strcmp(words[i], "lease"))
            json_object_set_new(network, "lease_s", json_integer(atoi(words[++i])));
        else if (!strcmp(words[i], "vlan"))
            json_object_set_new(network, "vlan_id", json_integer(atoi(words[++i])));
        else if (!strcmp(words[i], "gateway"))
            json_object_set_new(network, "gateway", json_string(words[++i]));
        else if (!strcmp(words[i], "host")) {
            json_array_append_new(hosts,
                                  json_pack("{s:s, s:s, s:s}", "mac", words[i + 1], "address",
                                            words[i + 2], "hostname", words[i + 3]));
            i += 3;
        } else if (!strcmp(words[i], "held")) {
            const char *mac = strcmp(words[i + 2], "-") != 0 ? words[i + 2] : NULL;
            json_array_append_new(held,
                                  json_pack("{s:s, s:s?}", "address", words[i + 1], "mac", mac));
            i += 2;
        } else if (!strcmp(words[i], "range")) {
            char *last = strchr(words[++i], '-');
            *last++ = '\0';
            json_array_append_new(ranges, json_pack("{s:s, s:s}", "first", words[i], "last", last));
        } else {
            check(false, "unknown word", words[i]);
        }
    }
    json_array_append_new(replay.networks, network);
    struct interface *interface = &replay.interfaces.interface[0];
    if (!remote)
        interface->address[interface->addresses++] = (struct ip4_net){rack, net.prefix};
    json_t *document = json_pack("{s:s, s:O}", "version", "test", "networks", replay.networks);
    struct dhcp_config *config;
    struct error err = {0};
    enum error_code code = dhcp_config_parse(document, &config, &err);
    check(!code, "expected a good configuration", err.text);
    dhcp_service_configure(&replay.service, config);
    own_all();
    json_decref(document);
}

static const char *value_of(char **words, int count, const char *key)
{
    size_t length = strlen(key);
    for (int i = 0; i < count; i++)
        if (!strncmp(words[i], key, length) && (words[i][length] == '=' || !words[i][length]))
            return words[i][length] ? words[i] + length + 1 : "";
    return NULL;
}

static unsigned type_of(const char *name)
{
    for (unsigned type = DHCP_DISCOVER; type < DHCP_TYPES; type++)
        if (!strcmp(dhcp_packet_type_name(type) + 4, name))
            return type;
    check(false, "unknown message type", name);
    return 0;
}

/* Options by the words of a line. */
static void put_options(char **words, int count, struct dhcp_writer *writer)
{
    static const struct {
        const char *key;
        uint8_t option;
        char kind;
    } keys[] = {
        {"address", DHCP_OPTION_ADDRESS, 'a'}, {"server", DHCP_OPTION_SERVER, 'a'},
        {"lease", DHCP_OPTION_LEASE, 'n'},     {"arch", DHCP_OPTION_ARCHITECTURE, 'h'},
        {"size", DHCP_OPTION_MAX_SIZE, 'h'},   {"vendor", DHCP_OPTION_VENDOR_CLASS, 't'},
        {"user", DHCP_OPTION_USER_CLASS, 't'}, {"hostname", DHCP_OPTION_HOSTNAME, 't'},
        {"relay", DHCP_OPTION_RELAY, 't'},     {"client", DHCP_OPTION_CLIENT_ID, 't'},
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *value = value_of(words, count, keys[i].key);
        if (value && keys[i].kind == 'a')
            dhcp_writer_u32(writer, keys[i].option, address_of(value));
        else if (value && keys[i].kind == 'n')
            dhcp_writer_u32(writer, keys[i].option, (uint32_t)number(value, 10));
        else if (value && keys[i].kind == 'h')
            dhcp_writer_u16(writer, keys[i].option, (uint16_t)number(value, 16));
        else if (value)
            dhcp_writer_text(writer, keys[i].option, value);
    }
    const char *wanted = value_of(words, count, "want");
    uint8_t list[WORDS];
    size_t size = 0;
    while (wanted && *wanted) {
        list[size++] = (uint8_t)strtoul(wanted, (char **)(uintptr_t)&wanted, 10);
        wanted += *wanted == ',';
    }
    if (size)
        dhcp_writer_option(writer, DHCP_OPTION_WANTED, list, size);
}

static ip4 address_word(char **words, int count, const char *key)
{
    const char *value = value_of(words, count, key);
    return value ? address_of(value) : 0;
}

static void send_message(char **words, int count)
{
    struct dhcp_packet packet = {.op = 1};
    struct dhcp_writer writer;
    struct error err;
    const char *xid = value_of(words, count, "xid"), *secs = value_of(words, count, "secs");
    const char *mac = value_of(words, count, "mac");
    packet.mac = mac_of(mac ? mac : "");
    packet.xid = xid ? (uint32_t)number(xid, 16) : (uint32_t)replay.line;
    packet.secs = secs ? (uint16_t)number(secs, 10) : 0;
    packet.flags = value_of(words, count, "broadcast") ? DHCP_FLAG_BROADCAST : 0;
    packet.ciaddr = address_word(words, count, "ciaddr");
    packet.giaddr = address_word(words, count, "giaddr");
    dhcp_writer_start(&writer, &packet, DHCP_PACKET_MAX);
    dhcp_writer_u8(&writer, DHCP_OPTION_TYPE, (uint8_t)type_of(words[1]));
    put_options(words, count, &writer);
    ip4 to = address_word(words, count, "to");
    struct dhcp_arrival arrival = {writer.bytes, dhcp_writer_end(&writer),
                                   &replay.interfaces.interface[0], to ? to : 0xffffffff,
                                   replay.now_s};
    check(replay.checked, "the last message's outcome was not compared", "");
    replay.checked = false;
    dhcp_service_receive(&replay.service, &arrival, &replay.outcome);
    if (replay.outcome.durable) {
        enum error_code code =
            dhcp_lease_file_append(&replay.store, &replay.outcome.lease, 1, replay.now_s, &err);
        check(!code, "expected a written lease", err.text);
        dhcp_leases_mark(replay.service.leases, replay.outcome.lease.address);
    }
    if (replay.outcome.size) {
        enum error_code code = dhcp_packet_decode(replay.outcome.writer.bytes, replay.outcome.size,
                                                  &replay.reply, &err);
        check(!code, "expected a reply that can be read", err.text);
        check(replay.reply.xid == packet.xid && mac_equal(replay.reply.mac, packet.mac) &&
                  replay.reply.op == 2 && replay.reply.giaddr == packet.giaddr,
              "expected the client's xid, MAC and relay in the reply", "");
    }
}

static void check_address(const char *key, const char *expected, ip4 got)
{
    char text[IP4_TEXT];
    ip4_format(got, text);
    check(!strcmp(expected, text), key, text);
}

static void check_text(const char *key, const char *expected, uint8_t option)
{
    char got[256] = "";
    size_t size;
    const uint8_t *value = dhcp_packet_option(&replay.reply, option, &size);
    if (value)
        snprintf(got, sizeof(got), "%.*s", (int)size, (const char *)value);
    check(!strcmp(expected, got), key, got);
}

static void check_bytes(const char *key, const char *expected, uint8_t option)
{
    char got[513] = "";
    size_t size;
    const uint8_t *value = dhcp_packet_option(&replay.reply, option, &size);
    for (size_t i = 0; value && i < size && i < 256; i++)
        snprintf(got + 2 * i, 3, "%02x", value[i]);
    check(!strcmp(expected, got), key, got);
}

static void check_word(const char *key, const char *value)
{
    static const char *const ways[] = {"relay", "unicast", "broadcast", "frame"};
    char got[32];
    if (!strcmp(key, "address"))
        check_address(key, value, replay.reply.yiaddr);
    else if (!strcmp(key, "to"))
        check_address(key, value, replay.outcome.target.to);
    else if (!strcmp(key, "next"))
        check_address(key, value, replay.reply.siaddr);
    else if (!strcmp(key, "server"))
        check_address(key, value, dhcp_packet_u32(&replay.reply, DHCP_OPTION_SERVER));
    else if (!strcmp(key, "router"))
        check_address(key, value, dhcp_packet_u32(&replay.reply, DHCP_OPTION_ROUTER));
    else if (!strcmp(key, "mask"))
        check_address(key, value, dhcp_packet_u32(&replay.reply, DHCP_OPTION_MASK));
    else if (!strcmp(key, "dns"))
        check_address(key, value, dhcp_packet_u32(&replay.reply, DHCP_OPTION_DNS));
    else if (!strcmp(key, "way"))
        check(!strcmp(value, ways[replay.outcome.target.way]), key,
              ways[replay.outcome.target.way]);
    else if (!strcmp(key, "file"))
        check(!strcmp(value, replay.reply.file), key, replay.reply.file);
    else if (!strcmp(key, "file67"))
        check_text(key, value, DHCP_OPTION_BOOT_FILE);
    else if (!strcmp(key, "prefix"))
        check_text(key, value, DHCP_OPTION_PATH_PREFIX);
    else if (!strcmp(key, "vendor"))
        check_text(key, value, DHCP_OPTION_VENDOR_CLASS);
    else if (!strcmp(key, "hostname"))
        check_text(key, value, DHCP_OPTION_HOSTNAME);
    else if (!strcmp(key, "relay"))
        check_text(key, value, DHCP_OPTION_RELAY);
    else if (!strcmp(key, "client"))
        check_text(key, value, DHCP_OPTION_CLIENT_ID);
    else if (!strcmp(key, "ipxe"))
        check_bytes(key, value, DHCP_OPTION_IPXE);
    else if (!strcmp(key, "no"))
        check(!dhcp_packet_option(&replay.reply, (uint8_t)atoi(value), NULL), "option not expected",
              value);
    else if (!strcmp(key, "lease")) {
        snprintf(got, sizeof(got), "%u", dhcp_packet_u32(&replay.reply, DHCP_OPTION_LEASE));
        check(!strcmp(value, got), key, got);
    } else
        check(false, "unknown word", key);
}

static void compare(char **words, int count)
{
    unsigned expected = strcmp(words[1], "none") ? type_of(words[1]) : 0;
    const char *reason = dhcp_reason_counter(replay.outcome.reason);
    replay.checked = true;
    check(replay.outcome.reply == expected, "expected another reply",
          dhcp_packet_type_name(replay.outcome.reply));
    for (int i = 2; i < count; i++) {
        char *value = strchr(words[i], '=');
        check(value, "expected KEY=VALUE", words[i]);
        *value++ = '\0';
        if (!strcmp(words[i], "reason"))
            check(!strcmp(value, reason), "reason", reason);
        else
            check_word(words[i], value);
    }
}

static void open_store(void)
{
    struct error err = {0};
    dhcp_service_init(&replay.service);
    enum error_code code =
        dhcp_lease_file_open(&replay.store, replay.path, replay.now_s, replay.service.leases, &err);
    check(!code && !replay.store.found[0], "expected a good store", err.text);
    replay.service.last_time_s = replay.store.last_time_s;
}

/* Memory is gone, the disk stays. */
static void restart(void)
{
    struct dhcp_config *config;
    struct error err;
    json_t *document = json_pack("{s:s, s:O}", "version", "test", "networks", replay.networks);
    dhcp_service_close(&replay.service);
    dhcp_lease_file_close(&replay.store);
    open_store();
    if (!dhcp_config_parse(document, &config, &err))
        dhcp_service_configure(&replay.service, config);
    own_all();
    json_decref(document);
}

static void check_lease(char **words, int count)
{
    static const char *const kinds[] = {"none", "offered", "bound", "released", "declined"};
    const struct dhcp_lease *lease = dhcp_leases_at(replay.service.leases, address_of(words[1]));
    check(!strcmp(words[2], kinds[lease ? lease->kind : 0]), "lease",
          kinds[lease ? lease->kind : 0]);
    if (count > 3)
        check(lease && mac_equal(lease->mac, mac_of(words[3])), "holder of the lease", "another");
}

/* own SECONDS [A-B]...: only the blocks of these addresses, for so long. */
static void own(char **words, int count)
{
    struct dhcp_blocks *blocks = &replay.service.blocks;
    replay.owns = true;
    blocks->count = 0;
    blocks->until_s = replay.now_s + number(words[1], 10);
    for (int i = 2; i < count; i++) {
        char *last = strchr(words[i], '-');
        *last++ = '\0';
        uint32_t first = address_of(words[i]) / DHCP_BLOCK_SIZE;
        check(dhcp_blocks_add(blocks, first, address_of(last) / DHCP_BLOCK_SIZE - first + 1),
              "expected ascending blocks", words[i]);
    }
    replay.service.pool[0].full_until_s = 0;
}

/* partner MAC A DURATION LEFT: another rack gave this lease. */
static void lend(char **words)
{
    struct dhcp_lease lease = {.address = address_of(words[2]),
                               .mac = mac_of(words[1]),
                               .kind = DHCP_LEASE_BOUND,
                               .duration_s = (uint32_t)number(words[3], 10),
                               .expires_s = replay.now_s + number(words[4], 10)};
    assert_int_equal(dhcp_leases_put(replay.service.partner, &lease, replay.now_s, NULL), ERR_OK);
}

static void check_changes(const char *expected)
{
    static struct dhcp_lease taken[64];
    char got[16];
    snprintf(got, sizeof(got), "%d",
             dhcp_leases_take_marked(replay.service.leases, taken, (int)COUNT_OF(taken)));
    check(!strcmp(expected, got), "changes", got);
}

static void run_line(char *line)
{
    char *words[WORDS], *rest = NULL;
    int count = 0;
    for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    if (!count || words[0][0] == '#')
        return;
    if (!strcmp(words[0], "anew")) {
        json_array_clear(replay.networks);
        replay.interfaces.interface[0].addresses = 0;
    } else if (!strcmp(words[0], "network"))
        add_network(words, count);
    else if (!strcmp(words[0], ">"))
        send_message(words, count);
    else if (!strcmp(words[0], "<"))
        compare(words, count);
    else if (!strcmp(words[0], "wait"))
        replay.now_s += number(words[1], 10);
    else if (!strcmp(words[0], "clock"))
        replay.now_s = number(words[1], 10);
    else if (!strcmp(words[0], "own"))
        own(words, count);
    else if (!strcmp(words[0], "partner"))
        lend(words);
    else if (!strcmp(words[0], "alone"))
        replay.service.pool[0].alone = !strcmp(words[1], "yes");
    else if (!strcmp(words[0], "config"))
        replay.service.config_until_s = replay.now_s + number(words[1], 10);
    else if (!strcmp(words[0], "restart"))
        restart();
    else if (!strcmp(words[0], "lease"))
        check_lease(words, count);
    else if (!strcmp(words[0], "changes"))
        check_changes(words[1]);
    else
        check(false, "unknown line", words[0]);
}

static void test_conversation(void **state)
{
    char path[512], line[LINE], folder[] = "/tmp/gantry-replay-XXXXXX";
    replay = (struct replay){.file = *state, .now_s = 1000000, .checked = true};
    assert_non_null(mkdtemp(folder));
    snprintf(replay.path, sizeof(replay.path), "%s/leases", folder);
    snprintf(path, sizeof(path), "test/replay/dhcp/%s", replay.file);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    replay.networks = json_array();
    replay.interfaces.count = 1;
    strcpy(replay.interfaces.interface[0].name, "prov0");
    open_store();
    while (fgets(line, sizeof(line), file)) {
        replay.line++;
        run_line(line);
    }
    check(replay.checked && replay.line > 3, "a whole conversation", "none");
    fclose(file);
    dhcp_service_close(&replay.service);
    dhcp_lease_file_close(&replay.store);
    json_decref(replay.networks);
    unlink(replay.path);
    rmdir(folder);
}

static int is_text_file(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && !strcmp(dot, ".txt");
}

int main(void)
{
    static struct CMUnitTest tests[256];
    struct dirent **entries;
    int count = scandir("test/replay/dhcp", &entries, is_text_file, alphasort);
    if (count < 12)
        return 1;
    for (int i = 0; i < count && i < (int)COUNT_OF(tests); i++)
        tests[i] = (struct CMUnitTest){entries[i]->d_name, test_conversation, NULL, NULL,
                                       entries[i]->d_name};
    int failed = _cmocka_run_group_tests("dhcp", tests, (size_t)count, NULL, NULL);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return failed;
}

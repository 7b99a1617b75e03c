/* The DHCP document: what the protocol shows is taken, every wrong value is refused by its name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/rack/dhcp_config.h"

static struct error err;

/* As in docs/rack-protocol.md. */
static const char document[] =
    "{\"version\": \"6f2c\", \"number\": 41, \"networks\": ["
    "{\"vlan_id\": 5001, \"subnet_id\": 1, \"cidr\": \"10.77.0.0/24\", \"primary\": true,"
    " \"mtu\": 1500, \"gateway\": \"10.77.0.1\", \"dns\": [\"10.77.0.21\"], \"ntp\": [],"
    " \"domain\": \"maas\", \"lease_s\": 600,"
    " \"ranges\": [{\"first\": \"10.77.0.200\", \"last\": \"10.77.0.210\"},"
    "              {\"first\": \"10.77.0.100\", \"last\": \"10.77.0.199\"}],"
    " \"hosts\": [{\"mac\": \"52:54:00:00:00:02\", \"address\": \"10.77.0.29\"},"
    " {\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.30\", \"hostname\": "
    "\"happy-hippo\"}], \"held\": [{\"address\": \"10.77.0.105\", \"mac\": null},"
    " {\"address\": \"10.77.0.33\", \"mac\": \"52:54:00:00:00:03\"}]},"
    "{\"vlan_id\": 5002, \"subnet_id\": 2, \"cidr\": \"10.78.0.0/24\", \"primary\": false,"
    " \"mtu\": 1500, \"gateway\": null, \"dns\": [], \"ntp\": [], \"domain\": \"\","
    " \"lease_s\": 600, \"ranges\": [], \"hosts\": []}]}";

static json_t *read_json(const char *text)
{
    json_error_t where;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &where);
    if (!json)
        fail_msg("%s: %s", where.text, text);
    return json;
}

static void test_good(void **unused)
{
    (void)unused;
    struct dhcp_config *config;
    json_t *json = read_json(document);
    if (dhcp_config_parse(json, &config, &err))
        fail_msg("%s", err.text);
    assert_string_equal(config->version, "6f2c");
    assert_int_equal(config->count, 2);
    assert_int_equal(config->number, 41);
    const struct dhcp_network *network = &config->network[0];
    assert_int_equal(network->vlan_id, 5001);
    assert_true(network->primary);
    assert_int_equal(network->gateway, 0x0a4d0001);
    assert_int_equal(network->dns_count, 1);
    assert_int_equal(network->range[0].first, 0x0a4d0064);
    assert_int_equal(network->range[1].last, 0x0a4d00d2);
    assert_true(dhcp_config_held(network, 0x0a4d0021)->has_mac);
    assert_false(dhcp_config_held(network, 0x0a4d0069)->has_mac);
    assert_null(dhcp_config_held(network, 0x0a4d006a));
    assert_null(dhcp_config_held(&config->network[1], 0x0a4d0069));
    struct mac mac = {{0x52, 0x54, 0, 0, 0, 1}}, other = {{0x52, 0x54, 0, 0, 0, 3}};
    assert_string_equal(dhcp_config_host(network, mac)->hostname, "happy-hippo");
    assert_int_equal(dhcp_config_host(network, mac)->address, 0x0a4d001e);
    assert_null(dhcp_config_host(network, other));
    assert_int_equal(dhcp_config_host_at(network, 0x0a4d001d)->mac.bytes[5], 2);
    assert_null(dhcp_config_host_at(network, 0x0a4d001f));
    assert_int_equal(config->network[1].gateway, 0);
    assert_null(dhcp_config_host(&config->network[1], mac));
    dhcp_config_free(config);
    json_decref(json);
}

/* The first network with one key replaced (or removed: NULL). */
static void test_bad_values(void **unused)
{
    (void)unused;
    static const struct {
        const char *key, *value;
    } table[] = {
        {"cidr", "\"10.77.0.1/24\""},
        {"cidr", "\"10.77.0.0/31\""},
        {"cidr", "\"10.77.0.0\""},
        {"cidr", "7"},
        {"cidr", "\"10.76.0.0/14\""},
        {"vlan_id", "\"1\""},
        {"vlan_id", NULL},
        {"primary", "1"},
        {"primary", NULL},
        {"mtu", "67"},
        {"mtu", "true"},
        {"gateway", "\"10.77.0\""},
        {"gateway", "\"0.0.0.0\""},
        {"dns", "\"10.77.0.1\""},
        {"dns", "[\"ns1\"]"},
        {"ntp", "[1]"},
        {"ntp", NULL},
        {"domain", "\"ma as\""},
        {"domain", NULL},
        {"lease_s", "29"},
        {"lease_s", "99999999"},
        {"lease_s", NULL},
        {"ranges", "{}"},
        {"ranges", "[{\"first\": \"10.77.0.9\", \"last\": \"10.77.0.8\"}]"},
        {"ranges", "[{\"first\": \"10.77.0.0\", \"last\": \"10.77.0.8\"}]"},
        {"ranges", "[{\"first\": \"10.77.0.9\", \"last\": \"10.77.0.255\"}]"},
        {"ranges", "[{\"first\": \"10.77.0.9\", \"last\": \"10.77.1.8\"}]"},
        {"ranges", "[{\"first\": \"10.77.0.9\"}]"},
        {"ranges", "[{\"first\": \"10.77.0.5\", \"last\": \"10.77.0.9\"},"
                   " {\"first\": \"10.77.0.9\", \"last\": \"10.77.0.12\"}]"},
        {"hosts", "[{\"mac\": \"52:54:00:00:00\", \"address\": \"10.77.0.5\"}]"},
        {"hosts", "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.78.0.5\"}]"},
        {"hosts", "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.5\","
                  "  \"hostname\": \"a.b\"}]"},
        {"hosts", "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.5\"},"
                  " {\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.6\"}]"},
        {"hosts", "[{\"mac\": \"52:54:00:00:00:01\", \"address\": \"10.77.0.5\"},"
                  " {\"mac\": \"52:54:00:00:00:02\", \"address\": \"10.77.0.5\"}]"},
        {"hosts", "[7]"},
        {"held", "{}"},
        {"held", "[{\"address\": \"10.77.0\"}]"},
        {"held", "[{\"address\": \"10.77.0.5\", \"mac\": \"52:54\"}]"},
        {"held", "[{\"address\": \"10.77.0.5\", \"mac\": 7}]"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct dhcp_config *config;
        json_t *json = read_json(document);
        json_t *network = json_array_get(json_object_get(json, "networks"), 0);
        if (table[i].value)
            json_object_set_new(network, table[i].key, read_json(table[i].value));
        else
            json_object_del(network, table[i].key);
        if (!dhcp_config_parse(json, &config, &err))
            fail_msg("%s = %s was taken", table[i].key, table[i].value);
        assert_null(config);
        assert_int_equal(err.code, ERR_BAD_INPUT);
        if (!strstr(err.text, table[i].key) && !strstr(err.text, "overlaps"))
            fail_msg("\"%s\" does not name %s", err.text, table[i].key);
        json_decref(json);
    }
}

static void test_bad_documents(void **unused)
{
    (void)unused;
    static const char *const table[] = {
        "[]",
        "7",
        "{}",
        "{\"version\": \"a\"}",
        "{\"version\": 1, \"networks\": []}",
        "{\"version\": \"a\", \"networks\": {}}",
        "{\"version\": \"a\", \"networks\": [1]}",
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct dhcp_config *config;
        json_t *json = read_json(table[i]);
        assert_int_equal(dhcp_config_parse(json, &config, &err), ERR_BAD_INPUT);
        json_decref(json);
    }
}

static void test_file(void **unused)
{
    (void)unused;
    struct dhcp_config *config;
    char folder[] = "/tmp/gantry-dhcp-XXXXXX", path[64];
    snprintf(path, sizeof(path), "%s/dhcp.json", mkdtemp(folder));
    assert_int_equal(dhcp_config_load(path, &config, &err), ERR_NOT_FOUND);
    assert_int_equal(file_write(path, document, strlen(document), 0600, &err), ERR_OK);
    assert_int_equal(dhcp_config_load(path, &config, &err), ERR_OK);
    assert_int_equal(config->count, 2);
    dhcp_config_free(config);
    assert_int_equal(file_write(path, "{\"version", 9, 0600, &err), ERR_OK);
    assert_int_equal(dhcp_config_load(path, &config, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(file_write(path, "{\"version\": 1}", 14, 0600, &err), ERR_OK);
    assert_int_equal(dhcp_config_load(path, &config, &err), ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, path));
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_documents),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

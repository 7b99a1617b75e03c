/* What a rack says of itself: see rack_hello.h. */
#include "src/region/rack_hello.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ADDRESSES_MAX = 64 };

static enum error_code take_text(json_t *params, const char *key, char *into, size_t room,
                                 struct error *err)
{
    const char *text = json_string_value(json_object_get(params, key));
    if (!text || !*text || strlen(text) >= room)
        return error_set(err, ERR_BAD_INPUT, "%s: expected a text of at most %zu bytes", key,
                         room - 1);
    strcpy(into, text);
    return ERR_OK;
}

static enum error_code take_nets(json_t *interface, struct rack_hello *hello, struct error *err)
{
    json_t *addresses = json_object_get(interface, "addresses"), *element;
    bool up = json_is_true(json_object_get(interface, "up"));
    size_t i;
    if (!json_is_array(addresses) || json_array_size(addresses) > ADDRESSES_MAX)
        return error_set(err, ERR_BAD_INPUT, "interfaces: expected a list of addresses");
    json_array_foreach (addresses, i, element) {
        struct ip4_net net;
        const char *text = json_string_value(element);
        if (!text || !ip4_net_parse(text, &net))
            return error_set(err, ERR_BAD_INPUT, "interfaces: %.40s is no address with prefix",
                             text ? text : "a value");
        if (up && hello->nets_count < RACK_HELLO_NETS)
            hello->nets[hello->nets_count++] = net;
    }
    return ERR_OK;
}

static enum error_code check_interface(json_t *interface, struct error *err)
{
    const char *name = json_string_value(json_object_get(interface, "name"));
    const char *text = json_string_value(json_object_get(interface, "mac"));
    struct mac mac;
    if (!name || !*name || strlen(name) > 15)
        return error_set(err, ERR_BAD_INPUT, "interfaces: expected a name of at most 15 bytes");
    if (!text || !mac_parse(text, &mac))
        return error_set(err, ERR_BAD_INPUT, "interfaces: %s: expected a MAC address", name);
    if (!json_is_boolean(json_object_get(interface, "up")))
        return error_set(err, ERR_BAD_INPUT, "interfaces: %s: expected up", name);
    return ERR_OK;
}

enum error_code rack_hello_interfaces(json_t *params, struct rack_hello *hello, struct error *err)
{
    struct rack_hello taken = {.nets_count = 0};
    json_t *list = json_object_get(params, "interfaces"), *interface;
    size_t i;
    if (!json_is_array(list) || json_array_size(list) > LIMIT_INTERFACES)
        return error_set(err, ERR_BAD_INPUT, "interfaces: expected a list of at most %d",
                         LIMIT_INTERFACES);
    json_array_foreach (list, i, interface) {
        enum error_code code = check_interface(interface, err);
        code = code ? code : take_nets(interface, &taken, err);
        if (code)
            return code;
    }
    memcpy(hello->nets, taken.nets, sizeof(hello->nets));
    hello->nets_count = taken.nets_count;
    return ERR_OK;
}

enum error_code rack_hello_parse(json_t *params, struct rack_hello *hello, struct error *err)
{
    json_t *protocol = json_object_get(params, "protocol");
    *hello = (struct rack_hello){.nets_count = 0};
    if (!json_is_integer(protocol) || json_integer_value(protocol) != RACK_HELLO_PROTOCOL)
        return error_set(err, ERR_BAD_INPUT,
                         "protocol: expected %d; are region and rack of versions that go together?",
                         RACK_HELLO_PROTOCOL);
    enum error_code code =
        take_text(params, "system_id", hello->system_id, sizeof(hello->system_id), err);
    code = code ? code : take_text(params, "name", hello->name, sizeof(hello->name), err);
    code = code ? code : take_text(params, "version", hello->version, sizeof(hello->version), err);
    code = code ? code
                : take_text(params, "incarnation", hello->incarnation, sizeof(hello->incarnation),
                            err);
    return code ? code : rack_hello_interfaces(params, hello, err);
}

enum error_code rack_hello_check(const struct rack_hello *hello,
                                 const struct certificate *certificate,
                                 const struct cluster_view *view, struct error *err)
{
    if (!view->known)
        return error_set(err, ERR_UNAVAILABLE, "this region does not know the cluster's facts yet");
    if (strcmp(hello->name, certificate->name) != 0)
        return error_set(err, ERR_FORBIDDEN, "the certificate is for %.60s, not for %s",
                         certificate->name, hello->name);
    const struct cluster_rack *rack = cluster_state_rack(&view->facts, hello->system_id);
    if (!rack || strcmp(rack->name, hello->name) != 0)
        return error_set(err, ERR_FORBIDDEN, "%s (%s) is not a rack of this cluster", hello->name,
                         hello->system_id);
    if (rack->revoked || cluster_state_revoked(&view->facts, certificate->serial))
        return error_set(err, ERR_FORBIDDEN, "the certificate of %s was revoked", hello->name);
    if (strcasecmp(rack->serial, certificate->serial) != 0)
        return error_set(err, ERR_FORBIDDEN, "%s has joined anew with another certificate",
                         hello->name);
    return ERR_OK;
}

json_t *rack_hello_regions(const struct cluster_view *view)
{
    json_t *regions = json_array();
    for (int i = 0; i < view->facts.members_count; i++) {
        const struct cluster_member *member = &view->facts.members[i];
        json_array_append_new(regions, json_pack("{ss ss si si}", "name", member->name, "address",
                                                 member->address, "port",
                                                 (int)member->ports[CLUSTER_PORT_RACK], "hop_port",
                                                 (int)member->ports[CLUSTER_PORT_HOP]));
    }
    return json_pack("{so sI}", "regions", regions, "index", (json_int_t)view->raft.applied);
}

json_t *rack_hello_welcome(const struct cluster_view *view, const char *region)
{
    json_t *welcome = json_pack("{ss ss}", "region", region, "cluster", view->facts.name);
    json_object_update_new(welcome, rack_hello_regions(view));
    return welcome;
}

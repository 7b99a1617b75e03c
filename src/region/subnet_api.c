/* Subnets: the networks of IP. Source: MAAS API 2.0, subnets. */
#include <string.h>

#include "src/base/container.h"
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"
#include "src/region/subnet_store.h"

enum { LIST_MAX = 64 };

/* The ways of booting that a subnet may leave out, by name and by the number in DHCP option 93. */
static const char *const boot_architectures[] = {
    "ipxe",
    "pxe",
    "uefi_amd64_tftp",
    "uefi_amd64_http",
    "uefi_ebc_tftp",
    "uefi_arm64_tftp",
    "uefi_arm64_http",
    "open-firmware_ppc64el",
    "powernv",
    "s390x",
    "s390x_partition",
    "00:00",
    "00:07",
    "00:10",
    "00:09",
    "00:0B",
    "00:13",
    "00:0C",
    "00:0E",
    "00:1F",
    "00:20",
};

static bool is_address(const char *text)
{
    ip_number number;
    bool is_v6;
    return ip_number_parse(text, &number, &is_v6);
}

static bool is_boot_architecture(const char *text)
{
    for (size_t i = 0; i < COUNT_OF(boot_architectures); i++)
        if (!strcmp(boot_architectures[i], text))
            return true;
    return false;
}

/* A list may be repeated, or one text with commas or spaces. */
static void read_list(struct api_request *request, struct api_reply *reply, const char *name,
                      bool (*fits)(const char *text), const char **array)
{
    const char *items[LIST_MAX];
    int given, count = 0;
    const char *const *values = api_param_list(request, name, &given);
    for (int i = 0; i < given; i++) {
        const char *at = values[i];
        while (*(at += strspn(at, ", \t\r\n"))) {
            size_t size = strcspn(at, ", \t\r\n");
            const char *item = arena_strndup(request->arena, at, size);
            at += size;
            if (count == LIST_MAX) {
                api_field_error(reply, name, "At most %d values.", LIST_MAX);
                return;
            }
            if (!fits(item))
                api_field_error(reply, name, "Invalid value: %.100s.", item);
            items[count++] = item;
        }
    }
    if (given)
        *array = db_array(request->arena, items, count);
}

static void check_addresses(struct api_request *request, struct api_reply *reply,
                            struct subnet *subnet)
{
    ip_number gateway;
    bool is_v6;
    if (!field_form_need(reply, "cidr", subnet->cidr))
        return;
    if (!ip_network_parse(subnet->cidr, &subnet->network)) {
        api_field_error(reply, "cidr", "Enter a valid IPv4 or IPv6 network: ADDRESS/PREFIX.");
        return;
    }
    if (!subnet->network.prefix)
        api_field_error(reply, "cidr", "Prefix length must be greater than 0.");
    char *cidr = arena_alloc(request->arena, IP_NETWORK_TEXT);
    subnet->cidr = ip_network_format(&subnet->network, cidr);
    if (!*subnet->gateway_ip)
        return;
    /* A router outside of an IPv6 network is one by its link-local address. */
    if (!ip_number_parse(subnet->gateway_ip, &gateway, &is_v6))
        api_field_error(reply, "gateway_ip", "Enter a valid IPv4 or IPv6 address.");
    else if (is_v6 != subnet->network.is_v6 ||
             ((gateway < subnet->network.first || gateway > subnet->network.last) &&
              !(is_v6 && gateway >> 118 == 0xfe80 >> 6)))
        api_field_error(reply, "gateway_ip", "Gateway IP must be within CIDR range.");
}

/* By vlan, or by fabric and vid; without either the first VLAN of the first fabric. */
static enum error_code find_vlan(struct api_request *request, struct api_reply *reply,
                                 struct subnet *subnet, struct error *err)
{
    DB_STATEMENT(subnet_vlan,
                 "SELECT v.id FROM vlan v JOIN fabric f ON f.id = v.fabric_id WHERE CASE WHEN "
                 "$1::bigint IS NOT NULL THEN v.id = $1::bigint ELSE (CASE WHEN $2::text IS NULL "
                 "THEN f.id = 0 ELSE f.id::text = $2 OR " FABRIC_NAME_SQL(
                     "f") " = $2 END) AND ($3::bigint IS NULL OR v.vid = $3::bigint) END "
                          "ORDER BY v.id LIMIT 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *vlan = api_param(request, "vlan"), *fabric = api_param(request, "fabric");
    const char *vid = api_param(request, "vid");
    vlan = vlan && *vlan ? vlan : NULL;
    fabric = fabric && *fabric ? fabric : NULL;
    vid = vid && *vid ? vid : NULL;
    if (subnet->id && !vlan && !fabric && !vid)
        return ERR_OK;
    if ((vlan && !field_form_id(vlan)) || (vid && !field_form_id(vid))) {
        api_field_error(reply, vlan ? "vlan" : "vid", "Enter a whole number.");
        return ERR_OK;
    }
    enum error_code code =
        db_query(request->db, &subnet_vlan, DB_PARAMS(vlan, fabric, vid), &rows, err);
    if (code)
        return code;
    if (rows.count)
        subnet->vlan_id = db_int(&rows, 0, 0);
    else if (vlan)
        api_field_error(reply, "vlan", "No VLAN with id %s.", vlan);
    else if (!vid)
        api_field_error(reply, "fabric", "No fabric %.100s.", fabric);
    else
        api_field_error(reply, "vid", "No VLAN with vid %s in %s.", vid,
                        fabric ? arena_printf(request->arena, "fabric %.100s", fabric)
                               : "default fabric");
    return ERR_OK;
}

/* What is in use of a subnet must still be in it when its network changes. */
static enum error_code check_uses(struct api_request *request, struct api_reply *reply,
                                  const struct subnet *subnet, struct error *err)
{
    DB_STATEMENT(subnet_outside,
                 "SELECT EXISTS (SELECT FROM ip_range WHERE subnet_id = $1 AND NOT (start_ip <<= "
                 "$2::cidr AND end_ip <<= $2::cidr)) OR EXISTS (SELECT FROM reserved_ip WHERE "
                 "subnet_id = $1 AND NOT ip <<= $2::cidr) OR EXISTS (SELECT FROM ip_address WHERE "
                 "subnet_id = $1 AND alloc_type <> 6 AND NOT ip <<= $2::cidr)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(request->db, &subnet_outside,
                 DB_PARAMS(db_number(request->arena, subnet->id), subnet->cidr), &rows, err);
    if (!code && db_bool(&rows, 0, 0))
        api_field_error(reply, "cidr",
                        "IP ranges and addresses in use of this subnet would be outside of it.");
    return code;
}

static enum error_code read_form(struct api_request *request, struct api_reply *reply,
                                 struct subnet *subnet, struct error *err)
{
    struct field_form form = {subnet_fields, subnet_fields_count};
    const char *before = subnet->id ? subnet->cidr : NULL, *name = subnet->name;
    field_form_read(request, reply, &form, subnet);
    read_list(request, reply, "dns_servers", is_address, &subnet->dns_servers);
    read_list(request, reply, "disabled_boot_architectures", is_boot_architecture,
              &subnet->disabled_boot_architectures);
    check_addresses(request, reply, subnet);
    if (!*subnet->name || (before && !strcmp(name, before) && !api_param(request, "name")))
        subnet->name = subnet->cidr; /* it was named after its network */
    if (strlen(subnet->name) > 255)
        api_field_error(reply, "name", "Ensure this value has at most 255 characters.");
    if (subnet->rdns_mode < 0 || subnet->rdns_mode > 2)
        api_field_error(reply, "rdns_mode",
                        "Select a valid choice. %lld is not one of the available choices.",
                        (long long)subnet->rdns_mode);
    enum error_code code = find_vlan(request, reply, subnet, err);
    if (!code)
        code = api_fields_valid(reply, err);
    if (!code && before && strcmp(before, subnet->cidr))
        code = check_uses(request, reply, subnet, err);
    return code ? code : api_fields_valid(reply, err);
}

static enum error_code taken(struct api_reply *reply, struct error *err)
{
    api_field_error(reply, "cidr", "Subnet with this Cidr already exists.");
    return api_fields_valid(reply, err);
}

static enum error_code answer(struct api_request *request, struct api_reply *reply, const char *id,
                              struct error *err)
{
    DB_STATEMENT(subnet_read, "SELECT to_json(s) FROM (" SUBNET_SQL ") s WHERE id = $1");
    struct rows_one one = {&subnet_read, "Subnet"};
    return rows_reply_one(request, reply, &one, DB_PARAMS(id), err);
}

enum error_code subnets_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(subnet_list, "SELECT to_json(s) FROM (" SUBNET_SQL ") s ORDER BY id");
    return rows_reply_list(request, reply, &subnet_list, DB_NO_PARAMS, err);
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

/* $1 to $12; what else is given follows. */
#define SUBNET_PARAMS(arena, s, ...)                                                               \
    DB_PARAMS(db_number(arena, (s)->vlan_id), (s)->name, (s)->description, (s)->cidr,              \
              *(s)->gateway_ip ? (s)->gateway_ip : NULL, (s)->dns_servers,                         \
              db_number(arena, (s)->rdns_mode), truth((s)->allow_dns), truth((s)->allow_proxy),    \
              truth((s)->active_discovery), truth((s)->managed), (s)->disabled_boot_architectures, \
              ##__VA_ARGS__)

enum error_code subnets_create(struct api_request *request, struct api_reply *reply,
                               struct error *err)
{
    DB_STATEMENT(subnet_create,
                 "INSERT INTO subnet (vlan_id, name, description, cidr, gateway_ip, dns_servers, "
                 "rdns_mode, allow_dns, allow_proxy, active_discovery, managed, "
                 "disabled_boot_architectures) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                 "$11, $12) RETURNING id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct subnet subnet = {.rdns_mode = 2,
                            .name = "",
                            .description = "",
                            .cidr = "",
                            .gateway_ip = "",
                            .dns_servers = "{}",
                            .disabled_boot_architectures = "{}",
                            .allow_dns = true,
                            .allow_proxy = true,
                            .managed = true};
    enum error_code code = read_form(request, reply, &subnet, err);
    if (!code)
        code = db_query(request->db, &subnet_create, SUBNET_PARAMS(request->arena, &subnet), &rows,
                        err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, db_text(&rows, 0, 0), err);
}

static enum error_code find(struct api_request *request, struct subnet *subnet, struct error *err)
{
    return subnet_store_find(request->db, api_path(request, "id"), request->arena, subnet, err);
}

enum error_code subnet_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    struct subnet subnet;
    enum error_code code = find(request, &subnet, err);
    return code ? code : answer(request, reply, db_number(request->arena, subnet.id), err);
}

enum error_code subnet_update(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    DB_STATEMENT(subnet_update,
                 "UPDATE subnet SET vlan_id = $1, name = $2, description = $3, cidr = $4, "
                 "gateway_ip = $5, dns_servers = $6, rdns_mode = $7, allow_dns = $8, allow_proxy "
                 "= $9, active_discovery = $10, managed = $11, disabled_boot_architectures = "
                 "$12, updated = now() WHERE id = $13");
    struct subnet subnet;
    enum error_code code = find(request, &subnet, err);
    if (!code)
        code = read_form(request, reply, &subnet, err);
    if (code)
        return code;
    const char *id = db_number(request->arena, subnet.id);
    code = db_query(request->db, &subnet_update, SUBNET_PARAMS(request->arena, &subnet, id), NULL,
                    err);
    if (code == ERR_CONFLICT)
        return taken(reply, err);
    return code ? code : answer(request, reply, id, err);
}

static enum error_code check_unused(struct api_request *request, const char *id, struct error *err)
{
    DB_STATEMENT(subnet_used,
                 "SELECT EXISTS (SELECT FROM subnet s JOIN vlan v ON v.id = s.vlan_id JOIN "
                 "ip_range r ON r.subnet_id = s.id WHERE s.id = $1 AND v.dhcp_on AND r.type = "
                 "'dynamic'), EXISTS (SELECT FROM ip_address WHERE subnet_id = $1 AND ip IS NOT "
                 "NULL AND alloc_type <> 6)");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(request->db, &subnet_used, DB_PARAMS(id), &rows, err);
    if (!code && db_bool(&rows, 0, 0))
        return error_set(err, ERR_BAD_INPUT,
                         "Cannot delete a subnet that is actively servicing a dynamic IP range. "
                         "(Delete the dynamic range or disable DHCP first.)");
    if (!code && db_bool(&rows, 0, 1))
        return error_set(err, ERR_BAD_INPUT,
                         "Cannot delete a subnet with IP addresses in use; force does.");
    return code;
}

enum error_code subnet_delete(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    DB_STATEMENT(subnet_delete, "DELETE FROM subnet WHERE id = $1");
    struct subnet subnet;
    bool force = false;
    enum error_code code = api_param_bool(request, "force", &force, err);
    if (!code)
        code = find(request, &subnet, err);
    if (code)
        return code;
    const char *id = db_number(request->arena, subnet.id);
    if (!force)
        code = check_unused(request, id, err);
    if (!code)
        code = db_query(request->db, &subnet_delete, DB_PARAMS(id), NULL, err);
    if (!code)
        api_reply_empty(reply, 204);
    return code;
}

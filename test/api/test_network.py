"""Fabrics, VLANs, subnets, IP ranges, reserved addresses, static routes."""
import itertools

import pytest

VLAN_KEYS = {"id", "vid", "name", "fabric", "fabric_id", "mtu", "space", "dhcp_on", "external_dhcp", "relay_vlan",
             "primary_rack", "secondary_rack", "resource_uri"}
SUBNET_KEYS = {"id", "name", "description", "vlan", "space", "cidr", "gateway_ip", "dns_servers", "rdns_mode",
               "active_discovery", "allow_dns", "allow_proxy", "managed", "disabled_boot_architectures", "resource_uri"}
numbers = itertools.count(1)


def create(api, path, **params):
    reply = api.admin.post(path, **params)
    assert reply.status == 200, reply.text
    return reply.json()


def subnet(api, **params):
    return create(api, "subnets/", **{"cidr": f"10.200.{next(numbers)}.0/24", **params})


def rack(api, vlan=5001, name=None):
    """A rack controller with an interface on the VLAN; its system_id."""
    name = name or f"rack{next(numbers)}"
    api.sql(f"WITH n AS (INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) VALUES ('{name}', '{name}', "
            f"2, 0, 1) RETURNING id) INSERT INTO interface (node_id, name, vlan_id) SELECT id, 'eth0', {vlan} FROM n")
    return name


def test_first_fabric(api):
    (fabric,) = [f for f in api.admin.get("fabrics/").json() if f["id"] == 0]
    (vlan,) = fabric.pop("vlans")
    assert fabric == {"id": 0, "name": "fabric-0", "class_type": None, "resource_uri": "/MAAS/api/2.0/fabrics/0/"}
    assert vlan == {"id": 5001, "vid": 0, "name": "untagged", "fabric": "fabric-0", "fabric_id": 0, "mtu": 1500,
                    "space": "undefined", "dhcp_on": False, "external_dhcp": None, "relay_vlan": None,
                    "primary_rack": None, "secondary_rack": None, "resource_uri": "/MAAS/api/2.0/vlans/5001/"}
    assert api.admin.get("vlans/5001/").json() == vlan
    assert api.admin.get("fabrics/0/vlans/0/").json() == vlan
    assert api.admin.get("fabrics/fabric-0/vlans/untagged/").json() == vlan
    assert api.admin.get("fabrics/fabric-0/vlans/").json() == [vlan]
    assert api.admin.delete("fabrics/0/").text == "This fabric is the default fabric, it cannot be deleted."


def test_fabric_life(api):
    fabric = create(api, "fabrics/", description="x", class_type="10g")
    number = fabric["id"]
    assert (fabric["name"], fabric["class_type"]) == (f"fabric-{number}", "10g")
    assert [(v["vid"], v["name"]) for v in fabric["vlans"]] == [(0, "untagged")]
    assert api.admin.put(f"fabrics/{number}/", name="fabric-7777").json() == {"name": ["Reserved fabric name."]}
    assert api.admin.put(f"fabrics/{number}/", name=f"fabric-{number}").json()["name"] == f"fabric-{number}"
    assert api.admin.put(f"fabrics/{number}/", name="core", class_type="").json()["class_type"] is None
    assert api.admin.get("fabrics/core/").json()["id"] == number
    assert api.admin.post("fabrics/", name="core").json() == {"name": ["Fabric with this Name already exists."]}
    net = subnet(api, fabric="core")
    reply = api.admin.delete("fabrics/core/")
    assert (reply.status, reply.text) == (
        400, f"Can't delete fabric; the following subnets are still present: {net['cidr']} ({net['cidr']})")
    assert api.admin.delete(f"subnets/{net['id']}/").status == 204
    rack(api, fabric["vlans"][0]["id"], "wired")
    assert "interfaces are still connected: eth0 on wired" in api.admin.delete("fabrics/core/").text
    api.sql("DELETE FROM node WHERE hostname = 'wired'")
    assert api.admin.delete("fabrics/core/").status == 204
    assert api.admin.get("fabrics/core/").status == 404


def test_vlan_life(api):
    fabric = create(api, "fabrics/")
    path = f"fabrics/{fabric['id']}/vlans/"
    vlan = create(api, path, vid=10, mtu=9000, space="undefined")
    assert set(vlan) == VLAN_KEYS
    assert (vlan["vid"], vlan["name"], vlan["mtu"], vlan["space"]) == (10, "10", 9000, "undefined")
    assert vlan["id"] > 5001
    assert api.admin.post(path, vid=10).json() == {
        "vid": ["A VLAN with the specified VID already exists in the destination fabric."]}
    for params, field in (({"vid": 4095}, "vid"), ({"vid": -1}, "vid"), ({}, "vid"), ({"vid": "x"}, "vid"),
                          ({"vid": 11, "mtu": 100}, "mtu"), ({"vid": 11, "space": "nowhere"}, "space")):
        reply = api.admin.post(path, **params)
        assert (reply.status, list(reply.json())) == (400, [field]), params
    space = create(api, "spaces/", name="deep")
    changed = api.admin.put(f"vlans/{vlan['id']}/", space="deep", name="storage", vid=11).json()
    assert (changed["space"], changed["name"], changed["vid"]) == ("deep", "storage", 11)
    assert api.admin.get(path + "11/").json() == changed
    assert [v["id"] for v in api.admin.get("spaces/deep/").json()["vlans"]] == [vlan["id"]]
    assert api.admin.delete(f"spaces/{space['id']}/").status == 204
    assert api.admin.get(f"vlans/{vlan['id']}/").json()["space"] == "undefined"
    net = subnet(api, vlan=vlan["id"])
    first = fabric["vlans"][0]["id"]
    assert api.admin.delete(f"vlans/{first}/").text == (
        "This VLAN is the default VLAN in the fabric, it cannot be deleted.")
    assert api.admin.delete(f"vlans/{vlan['id']}/").status == 204
    assert api.admin.get(f"subnets/{net['id']}/").json()["vlan"]["id"] == first
    assert api.admin.put(f"vlans/{first}/", fabric="fabric-0").json() == {
        "vid": ["A VLAN with the specified VID already exists in the destination fabric."]}


def test_dhcp_needs_rack_and_range(api):
    fabric = create(api, "fabrics/")
    vlan = fabric["vlans"][0]["id"]
    path = f"vlans/{vlan}/"
    one, two = rack(api, vlan), rack(api, vlan)
    far = rack(api)
    assert set(api.admin.put(path, dhcp_on="true").json()) == {"dhcp_on"}
    assert api.admin.put(path, primary_rack=far).json() == {
        "primary_rack": ["Select a valid choice. That choice is not one of the available choices."]}
    assert "secondary_rack" in api.admin.put(path, primary_rack=one, secondary_rack=one).json()
    assert "secondary_rack" in api.admin.put(path, secondary_rack=one).json()
    assert api.admin.put(path, dhcp_on="true", primary_rack=one).json() == {
        "dhcp_on": ["DHCP can only be turned on when a dynamic IP range is defined."]}
    net = subnet(api, vlan=vlan)
    base = net["cidr"].rsplit(".", 1)[0]
    dynamic = create(api, "ipranges/", type="dynamic", start_ip=base + ".100", end_ip=base + ".199")
    on = api.admin.put(path, dhcp_on="true", primary_rack=one, secondary_rack=two).json()
    assert (on["dhcp_on"], on["primary_rack"], on["secondary_rack"]) == (True, one, two)
    assert "dhcp_on" in api.admin.put(path, primary_rack="", secondary_rack="").json()
    assert api.admin.delete(f"ipranges/{dynamic['id']}/").status == 400
    reply = api.admin.delete(f"subnets/{net['id']}/")
    assert (reply.status, reply.text[:55]) == (400, "Cannot delete a subnet that is actively servicing a dyn")
    other = create(api, "fabrics/")["vlans"][0]["id"]
    relayed = api.admin.put(f"vlans/{other}/", relay_vlan=vlan).json()
    assert relayed["relay_vlan"] == {**on, "relay_vlan": None}
    assert "relay_vlan" in api.admin.put(path, relay_vlan=other).json()
    assert "relay_vlan" in api.admin.put(f"vlans/{other}/", relay_vlan=other).json()
    assert api.admin.put(f"vlans/{other}/", relay_vlan="").json()["relay_vlan"] is None
    # What racks give by is not what it is to be yet: seen by who asks for the VLAN.
    api.sql("INSERT INTO dhcp_document (rack, owner, version, networks, held) VALUES "
            f"('{one}', 1, 'a', '[]', '[{{\"address\": \"{base}.7\", \"rack\": \"{far}\"}}]'), "
            f"('{one}', 1, 'b', '[]', '[{{\"address\": \"{base}.9\", \"rack\": \"{two}\"}}, "
            "{\"address\": \"192.0.2.1\", \"rack\": \"gone\"}]')")
    assert api.admin.get(path).json()["dhcp_pending"] == [{"address": base + ".9", "rack": two}]
    assert "dhcp_pending" not in api.admin.get(f"vlans/{other}/").json()
    api.sql("DELETE FROM dhcp_document")
    assert api.admin.put(path, dhcp_on="false").json()["dhcp_on"] is False
    assert api.admin.delete(f"ipranges/{dynamic['id']}/").status == 204


def test_subnet_life(api):
    made = create(api, "subnets/", cidr="10.9.8.7/24", gateway_ip="10.9.8.1", dns_servers="10.9.8.2, 8.8.8.8",
                  disabled_boot_architectures="pxe")
    assert set(made) == SUBNET_KEYS and set(made["vlan"]) == VLAN_KEYS
    vlan = made.pop("vlan")
    number = made["id"]
    assert made == {"id": number, "name": "10.9.8.0/24", "description": "", "space": "undefined", "cidr": "10.9.8.0/24",
                    "gateway_ip": "10.9.8.1", "dns_servers": ["10.9.8.2", "8.8.8.8"], "rdns_mode": 2,
                    "active_discovery": False, "allow_dns": True, "allow_proxy": True, "managed": True,
                    "disabled_boot_architectures": ["pxe"], "resource_uri": f"/MAAS/api/2.0/subnets/{number}/"}
    assert vlan["id"] == 5001
    for key in (str(number), "10.9.8.0%2F24", "10.9.8.0/24", "cidr:10.9.8.0/24", "cidr:10.9.8.0%2F24", f"id:{number}", "name:10.9.8.0%2F24"):
        assert api.admin.get(f"subnets/{key}/").json()["id"] == number, key
    assert api.admin.get("subnets/10.9.8.0/24/?op=statistics").json()["total_addresses"] == 254
    path = f"subnets/{number}/"
    assert api.admin.put(path, gateway_ip="", dns_servers="", allow_dns="false").json() == {
        **made, "vlan": vlan, "gateway_ip": None, "dns_servers": [], "allow_dns": False}
    assert api.admin.put(path, cidr="10.9.0.0/16").json()["name"] == "10.9.0.0/16"
    assert api.admin.put(path, name="office", cidr="10.9.8.0/24").json()["name"] == "office"
    assert api.admin.get("subnets/office/").json()["id"] == number
    assert api.admin.post("subnets/", cidr="10.9.8.0/24").json() == {"cidr": ["Subnet with this Cidr already exists."]}
    api.sql(f"INSERT INTO ip_address (ip, alloc_type, subnet_id) VALUES ('10.9.8.77', 4, {number})")
    reply = api.admin.delete(path)
    assert (reply.status, reply.text) == (400, "Cannot delete a subnet with IP addresses in use; force does.")
    assert list(api.admin.put(path, cidr="10.9.9.0/24").json()) == ["cidr"]
    assert api.admin.delete(path + "?force=true").status == 204
    assert api.admin.get(path).text == "No Subnet matches the given query."


def test_subnet_vlan(api):
    fabric = create(api, "fabrics/", name="edge")
    tagged = create(api, "fabrics/edge/vlans/", vid=33)
    assert subnet(api, fabric="edge")["vlan"]["id"] == fabric["vlans"][0]["id"]
    assert subnet(api, fabric="edge", vid=33)["vlan"]["id"] == tagged["id"]
    net = subnet(api, vlan=tagged["id"])
    assert net["vlan"] == tagged
    assert api.admin.put(f"subnets/{net['id']}/", vid=0).json()["vlan"]["id"] == 5001
    assert subnet(api, cidr="2001:db8:5::/64", gateway_ip="fe80::1")["gateway_ip"] == "fe80::1"


@pytest.mark.parametrize("params,field", [
    ({"cidr": ""}, "cidr"), ({"cidr": "10.0.0.0"}, "cidr"), ({"cidr": "10.0.0.0/33"}, "cidr"),
    ({"cidr": "0.0.0.0/0"}, "cidr"), ({"gateway_ip": "10.77.1.1"}, "gateway_ip"), ({"gateway_ip": "x"}, "gateway_ip"),
    ({"gateway_ip": "2001:db8::1"}, "gateway_ip"), ({"dns_servers": "10.0.0.1,nobody"}, "dns_servers"),
    ({"rdns_mode": 3}, "rdns_mode"), ({"vid": 99}, "vid"), ({"fabric": "none"}, "fabric"), ({"vlan": "1"}, "vlan"),
    ({"vlan": "x"}, "vlan"), ({"name": "x" * 256}, "name"), ({"managed": "perhaps"}, "managed"),
    ({"disabled_boot_architectures": "floppy"}, "disabled_boot_architectures"),
    ({"dns_servers": " ".join(["10.0.0.1"] * 65)}, "dns_servers")])
def test_subnet_refused(api, params, field):
    before = api.sql("SELECT count(*) FROM subnet")
    reply = api.admin.post("subnets/", **{"cidr": "10.99.99.0/24", **params})
    assert (reply.status, list(reply.json())) == (400, [field]), reply.text
    assert api.sql("SELECT count(*) FROM subnet") == before


def test_rights(api):
    plain = api.user("netplain")
    assert plain.get("subnets/").status == 200
    for path, params in (("fabrics/", {}), ("fabrics/0/vlans/", {"vid": 7}), ("subnets/", {"cidr": "10.98.0.0/24"}),
                         ("static-routes/", {}), ("reservedips/", {})):
        assert plain.post(path, **params).status == 403
        assert api.nobody.get(path).status == 401


def test_ip_ranges(api):
    net = subnet(api, cidr="10.60.0.0/24", gateway_ip="10.60.0.1")
    plain, other = api.user("ranger"), api.user("stranger")
    reply = plain.post("ipranges/", type="dynamic", start_ip="10.60.0.100", end_ip="10.60.0.199")
    assert (reply.status, reply.text) == (
        403, "Unable to create dynamic IP range. You don't have sufficient privileges.")
    dynamic = create(api, "ipranges/", type="dynamic", start_ip="10.60.0.100", end_ip="10.60.0.199", comment="pxe")
    assert dynamic["subnet"] == api.admin.get(f"subnets/{net['id']}/").json()
    assert dynamic["user"] == {"username": "admin", "email": "admin@localhost", "is_superuser": True, "is_local": True,
                               "resource_uri": "/MAAS/api/2.0/users/admin/"}
    assert {k: dynamic[k] for k in ("type", "start_ip", "end_ip", "comment")} == {
        "type": "dynamic", "start_ip": "10.60.0.100", "end_ip": "10.60.0.199", "comment": "pxe"}
    assert dynamic["resource_uri"] == f"/MAAS/api/2.0/ipranges/{dynamic['id']}/"
    own = plain.post("ipranges/", type="reserved", start_ip="10.60.0.10", end_ip="10.60.0.19", subnet=net["id"])
    assert own.status == 200
    path = f"ipranges/{own.json()['id']}/"
    assert other.put(path, comment="x").status == 403 and other.delete(path).status == 403
    assert plain.put(path, comment="x", end_ip="10.60.0.29").json()["end_ip"] == "10.60.0.29"
    assert plain.put(path, end_ip="10.60.0.100").json() == {
        "__all__": ["Requested reserved range conflicts with an existing range."]}
    assert api.admin.get("ipranges/").json()[-1]["id"] == own.json()["id"]
    assert plain.delete(path).status == 204
    assert plain.get(path).text == "No IPRange matches the given query."


@pytest.mark.parametrize("params,field,text", [
    ({"start_ip": "10.61.0.9", "end_ip": "10.61.0.5"}, "__all__", "End IP address must not be less than Start IP address."),
    ({"start_ip": "10.61.0.9", "end_ip": "10.62.0.5"}, "__all__", "IP addresses must be within subnet: 10.61.0.0/24."),
    ({"start_ip": "10.61.0.0", "end_ip": "10.61.0.5"}, "__all__", "Reserved network address cannot be included in IP range."),
    ({"start_ip": "10.61.0.9", "end_ip": "10.61.0.255"}, "__all__", "Broadcast address cannot be included in IP range."),
    ({"start_ip": "10.61.0.9", "end_ip": "::1"}, "__all__",
     "Start IP address and end IP address must be in the same address family."),
    ({"start_ip": "10.61.0.9"}, "end_ip", "This field is required."),
    ({"start_ip": "10.61.0.9", "end_ip": "x"}, "end_ip", "Enter a valid IPv4 or IPv6 address."),
    ({"start_ip": "172.31.0.9", "end_ip": "172.31.0.10"}, "subnet", "No subnet holds start_ip."),
    ({"start_ip": "10.61.0.9", "end_ip": "10.61.0.10", "type": "odd"}, "type",
     "Select a valid choice. odd is not one of the available choices."),
    ({"start_ip": "10.61.0.1", "end_ip": "10.61.0.10", "type": "dynamic"}, "__all__",
     "Requested dynamic range conflicts with an existing IP address or range."),
    ({"start_ip": "10.61.0.60", "end_ip": "10.61.0.70", "type": "dynamic"}, "__all__",
     "Requested dynamic range conflicts with an existing IP address or range."),
    ({"start_ip": "10.61.0.150", "end_ip": "10.61.0.250", "type": "reserved"}, "__all__",
     "Requested reserved range conflicts with an existing range."),
])
def test_ip_range_refused(api, params, field, text):
    if not api.sql("SELECT id FROM subnet WHERE cidr = '10.61.0.0/24'"):
        net = subnet(api, cidr="10.61.0.0/24", gateway_ip="10.61.0.1")
        api.sql(f"INSERT INTO ip_address (ip, alloc_type, subnet_id) VALUES ('10.61.0.66', 1, {net['id']})")
        create(api, "ipranges/", type="dynamic", start_ip="10.61.0.100", end_ip="10.61.0.199")
    reply = api.admin.post("ipranges/", **{"type": "reserved", **params})
    assert (reply.status, reply.json()) == (400, {field: [text]})


def test_ranges_and_statistics(api):
    net = subnet(api, cidr="10.63.0.0/24", gateway_ip="10.63.0.1", dns_servers="10.63.0.2 9.9.9.9")
    path = f"subnets/{net['id']}/"
    create(api, "ipranges/", type="dynamic", start_ip="10.63.0.100", end_ip="10.63.0.119")
    create(api, "ipranges/", type="reserved", start_ip="10.63.0.3", end_ip="10.63.0.9")
    api.sql("INSERT INTO ip_address (ip, alloc_type, subnet_id) "
            f"VALUES ('10.63.0.5', 1, {net['id']}), ('10.63.0.105', 6, {net['id']})")
    taken = api.admin.get(path + "?op=reserved_ip_ranges").json()
    assert [(r["start"].split(".")[3], r["end"].split(".")[3], r["num_addresses"], r["purpose"]) for r in taken] == [
        ("1", "1", 1, ["gateway-ip"]), ("2", "2", 1, ["dns-server"]), ("3", "4", 2, ["reserved"]),
        ("5", "5", 1, ["assigned-ip", "reserved"]), ("6", "9", 4, ["reserved"]), ("100", "119", 20, ["dynamic"])]
    free = api.admin.get(path + "?op=unreserved_ip_ranges").json()
    assert free == [{"start": "10.63.0.10", "end": "10.63.0.99", "num_addresses": 90},
                    {"start": "10.63.0.120", "end": "10.63.0.254", "num_addresses": 135}]
    numbers_of = api.admin.get(path + "?op=statistics").json()
    assert numbers_of == {
        "num_available": 225, "largest_available": 135, "num_unavailable": 29, "total_addresses": 254,
        "usage": pytest.approx(29 / 254), "usage_string": "11%", "available_string": "89%",
        "first_address": "10.63.0.1", "last_address": "10.63.0.254", "ip_version": 4}
    more = api.admin.get(path + "?op=statistics&include_ranges=1&include_suggestions=1").json()
    assert len(more["ranges"]) == 8 and more["suggested_gateway"] == "10.63.0.254"
    assert sum(r["num_addresses"] for r in more["ranges"]) == 254
    assert more["suggested_dynamic_range"] == {"start": "10.63.0.192", "end": "10.63.0.254", "num_addresses": 63,
                                               "purpose": ["proposed-dynamic"]}
    assert api.admin.put(path, managed="false").status == 200
    free = api.admin.get(path + "?op=unreserved_ip_ranges").json()
    assert [(r["start"], r["end"]) for r in free] == [("10.63.0.3", "10.63.0.4"), ("10.63.0.6", "10.63.0.9")]


def test_large_ipv6_statistics(api):
    net = subnet(api, cidr="2001:db8:7::/64")
    numbers_of = api.admin.get(f"subnets/{net['id']}/?op=statistics").json()
    assert numbers_of["total_addresses"] == 2**64 - 1 == numbers_of["num_available"]
    assert numbers_of["first_address"] == "2001:db8:7::1" and numbers_of["ip_version"] == 6


def test_ip_addresses(api):
    net = subnet(api, cidr="10.64.0.0/24")
    rack(api, name="seen")
    api.sql("INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT '10.64.0.7', 5, "
            f"{net['id']}, i.id FROM interface i JOIN node n ON n.id = i.node_id WHERE n.hostname = 'seen'")
    api.sql("INSERT INTO ip_address (ip, alloc_type, subnet_id, account_id) SELECT '10.64.0.8', 4, "
            f"{net['id']}, id FROM account WHERE username = 'admin'")
    first, second = api.admin.get(f"subnets/{net['id']}/?op=ip_addresses").json()
    assert first["ip"] == "10.64.0.7" and first["alloc_type"] == 5 and len(first["created"]) == 23
    assert first["node_summary"] == {"system_id": "seen", "node_type": 2, "fqdn": "seen.maas", "hostname": "seen",
                                     "is_container": False, "via": "eth0"}
    assert set(second) == {"ip", "alloc_type", "created", "updated", "user"} and second["user"] == "admin"
    short = api.admin.get(f"subnets/{net['id']}/?op=ip_addresses&with_summary=0&with_username=0").json()
    assert all(set(item) == {"ip", "alloc_type", "created", "updated"} for item in short)


def test_reserved_ips(api):
    net = subnet(api, cidr="10.65.0.0/24", gateway_ip="10.65.0.1")
    create(api, "ipranges/", type="dynamic", start_ip="10.65.0.100", end_ip="10.65.0.199")
    made = create(api, "reservedips/", ip="10.65.0.50", mac_address="52-54-00-AA-00-01", comment="nas")
    number = made["id"]
    assert made.pop("subnet")["id"] == net["id"]
    assert made == {"id": number, "ip": "10.65.0.50", "mac_address": "52:54:00:aa:00:01", "comment": "nas",
                    "resource_uri": f"/MAAS/api/2.0/reservedips/{number}/"}
    for params, field in (({"ip": "10.65.0.50"}, "ip"), ({"ip": "10.65.0.51", "mac_address": "52:54:00:aa:00:01"}, "mac_address"),
                          ({"ip": "10.65.0.150"}, "ip"), ({"ip": "10.65.0.1"}, "ip"), ({"ip": "10.65.0.255"}, "ip"),
                          ({"ip": "10.66.0.1", "subnet": net["id"]}, "ip"), ({"ip": "10.65.0.52", "mac_address": "x"}, "mac_address"),
                          ({"ip": "172.31.0.1"}, "subnet"), ({"ip": ""}, "ip")):
        reply = api.admin.post("reservedips/", **{"mac_address": "52:54:00:aa:00:99", **params})
        assert (reply.status, list(reply.json())) == (400, [field]), params
    assert api.admin.put(f"reservedips/{number}/", comment="").json()["comment"] == ""
    assert [r["id"] for r in api.admin.get("reservedips/").json()] == [number]
    assert api.admin.delete(f"reservedips/{number}/").status == 204
    assert api.admin.delete(f"reservedips/{number}/").status == 404


def test_static_routes(api):
    a, b = subnet(api, cidr="10.67.0.0/24"), subnet(api, cidr="10.68.0.0/24")
    made = create(api, "static-routes/", source=a["id"], destination="10.68.0.0/24", gateway_ip="10.67.0.9")
    number = made["id"]
    assert (made["source"], made["destination"]) == (a, b)
    assert (made["gateway_ip"], made["metric"]) == ("10.67.0.9", 0)
    assert "__all__" in api.admin.post("static-routes/", source=a["id"], destination=b["id"], gateway_ip="10.67.0.9").json()
    for params, field in (({"gateway_ip": "10.68.0.9"}, "gateway_ip"), ({"destination": a["id"]}, "destination"),
                          ({"source": "none"}, "source"), ({"metric": -1}, "metric"), ({"gateway_ip": ""}, "gateway_ip")):
        reply = api.admin.put(f"static-routes/{number}/", **params)
        assert (reply.status, list(reply.json())) == (400, [field]), params
    assert api.admin.put(f"static-routes/{number}/", metric=5).json()["metric"] == 5
    assert api.admin.delete(f"static-routes/{number}/").status == 204
    assert api.admin.get("static-routes/").json() == []


def statements(api, path):
    """How many statements one GET took, by the database's own count."""
    count = "SELECT sum(calls) FROM pg_stat_statements WHERE query ILIKE '%subnet%' AND query NOT ILIKE '%pg_stat%'"
    before = int(api.sql(count) or 0)
    reply = api.admin.get(path)
    assert reply.status == 200
    return int(api.sql(count)) - before, reply.json()


def test_a_list_of_a_thousand(api):
    api.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    few, some = statements(api, "subnets/")
    api.sql("INSERT INTO subnet (name, vlan_id, cidr) SELECT 'n' || g, 5001, ('11.' || g / 256 || '.' || g % 256 || "
            "'.0/24')::cidr FROM generate_series(1, 1000) g")
    many, all_of_them = statements(api, "subnets/")
    assert len(all_of_them) == len(some) + 1000
    assert few == many == 1
    assert statements(api, "spaces/")[0] == 1 and statements(api, "fabrics/")[0] <= 1
    api.sql("DELETE FROM subnet WHERE cidr << '11.0.0.0/8'")

"""Machines and nodes: shapes, filters, enlistment by whoever has no key, power parameters, statement counts."""
import itertools
import json

import pytest

counter = itertools.count(1)

MACHINE_KEYS = set("""system_id hostname description hardware_uuid domain fqdn owner owner_data workload_annotations locked cache_sets
 bcaches raids volume_groups bios_boot_method boot_interface boot_disk architecture min_hwe_kernel hwe_kernel cpu_count cpu_speed
 memory swap_size storage status status_name status_message status_action error_description osystem distro_series ephemeral_deploy
 netboot disable_ipv4 power_type power_state tag_names address_ttl ip_addresses interface_set zone pool blockdevice_set
 physicalblockdevice_set virtualblockdevice_set node_type node_type_name special_filesystems parent pod virtualmachine_id
 default_gateways current_commissioning_result_id current_testing_result_id current_installation_result_id commissioning_status
 commissioning_status_name testing_status testing_status_name cpu_test_status cpu_test_status_name memory_test_status
 memory_test_status_name network_test_status network_test_status_name storage_test_status storage_test_status_name
 interface_test_status interface_test_status_name other_test_status other_test_status_name hardware_info numanode_set last_sync
 sync_interval next_sync enable_hw_sync enable_kernel_crash_dump is_dpu resource_uri""".split())
INTERFACE_KEYS = set("""id system_id name type vlan mac_address parents children tags enabled links params discovered effective_mtu
 vendor product firmware_version link_connected interface_speed link_speed numa_node sriov_max_vf resource_uri""".split())
ENLISTED_KEYS = set("""system_id hostname domain fqdn architecture status power_type power_state zone status_action status_message
 status_name node_type resource_uri""".split())


def new_mac():
    number = next(counter)
    return f"52:54:00:aa:{number >> 8:02x}:{number & 255:02x}"


def make(client, **params):
    params = {"architecture": "amd64", "mac_addresses": new_mac(), "commission": "false", **params}
    reply = client.post("machines/", **params)
    assert reply.status == 200, reply.text
    return reply.json()


def test_machine_has_the_keys_of_the_contract(api):
    mac, second = new_mac(), new_mac()
    made = make(api.admin, mac_addresses=[mac.upper(), second], hostname="Calm-Cod", description="one", swap_size="2G",
                power_type="manual")
    assert set(made) == MACHINE_KEYS
    assert (made["hostname"], made["fqdn"], made["architecture"]) == ("calm-cod", "calm-cod.maas", "amd64/generic")
    assert (made["status"], made["status_name"], made["node_type"], made["node_type_name"]) == (0, "New", 0, "Machine")
    assert made["zone"] == api.admin.get("zones/default/").json() if api.admin.get("zones/").status == 200 else made["zone"]["id"] == 1
    assert made["pool"]["id"] == 0 and made["domain"]["name"] == "maas"
    assert [interface["mac_address"] for interface in made["interface_set"]] == [mac, second]
    for interface in made["interface_set"]:
        assert set(interface) == INTERFACE_KEYS
        assert interface["links"] == [] and interface["params"] == "" and interface["discovered"] is None
    assert made["boot_interface"] == made["interface_set"][0]
    assert made["swap_size"] == 2000000000 and made["storage"] == 0.0 and made["owner"] is None
    assert made["hardware_info"]["system_vendor"] == "Unknown" and len(made["hardware_info"]) == 18
    assert made["resource_uri"] == f"/MAAS/api/2.0/machines/{made['system_id']}/"
    assert api.admin.get(made["resource_uri"]).json() == made
    assert api.admin.get(f"nodes/{made['system_id']}/").json() == made
    assert len(made["system_id"]) == 6


def test_embedded_network_objects_are_those_of_their_endpoints(api):
    mac = new_mac()
    made = make(api.admin, mac_addresses=mac)
    api.sql(f"""INSERT INTO subnet (name, vlan_id, cidr) VALUES ('net', 5001, '10.9.0.0/24');
        UPDATE interface SET vlan_id = 5001 WHERE mac = '{mac}';
        INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT ip::inet, kind, s.id, i.id FROM subnet s, interface i,
        (VALUES ('10.9.0.7', 1), (NULL, 0), (NULL, 1), ('10.9.0.9', 6)) v (ip, kind) WHERE s.name = 'net' AND i.mac = '{mac}'""")
    read = api.admin.get(made["resource_uri"]).json()
    interface = read["interface_set"][0]
    assert interface["vlan"]["id"] == 5001 and interface["vlan"]["fabric"] == "fabric-0"
    assert [link["mode"] for link in interface["links"]] == ["static", "auto", "link_up"]
    assert interface["links"][0]["ip_address"] == "10.9.0.7" and "ip_address" not in interface["links"][1]
    assert interface["links"][0]["subnet"]["cidr"] == "10.9.0.0/24"
    assert interface["links"][0]["subnet"]["vlan"] == interface["vlan"]
    assert [item["ip_address"] for item in interface["discovered"]] == ["10.9.0.9"]
    assert read["ip_addresses"] == ["10.9.0.7"]
    assert read["boot_interface"] == interface
    if api.admin.get("vlans/5001/").status == 200:
        assert interface["vlan"] == api.admin.get("vlans/5001/").json()
        assert interface["links"][0]["subnet"] == api.admin.get(f"subnets/{interface['links'][0]['subnet']['id']}/").json()


def test_default_gateways_are_those_of_the_links(api):
    macs = [new_mac(), new_mac()]
    made = make(api.admin, mac_addresses=macs)
    none = {"gateway_ip": None, "link_id": None}
    assert made["default_gateways"] == {"ipv4": none, "ipv6": none}
    api.sql(f"""INSERT INTO subnet (name, vlan_id, cidr, gateway_ip) VALUES ('way-a', 5001, '10.10.1.0/24', '10.10.1.1'),
            ('way-b', 5001, '10.10.2.0/24', '10.10.2.1'), ('way-6', 5001, 'fd00:1::/64', 'fd00:1::1');
        INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT v.ip::inet, v.kind, s.id, i.id FROM (VALUES
            ('way-a', '10.10.1.7', 1, '{macs[0]}'), ('way-b', NULL, 5, '{macs[1]}'), ('way-6', 'fd00:1::7', 6, '{macs[1]}'))
            v (net, ip, kind, mac) JOIN subnet s ON s.name = v.net JOIN interface i ON i.mac = v.mac::macaddr""")
    found = api.admin.get(made["resource_uri"]).json()["default_gateways"]
    assert found == {"ipv4": {"gateway_ip": "10.10.1.1", "link_id": None}, "ipv6": none}  # what was seen is no link
    api.sql(f"UPDATE node SET boot_interface_id = (SELECT id FROM interface WHERE mac = '{macs[1]}') WHERE system_id = '{made['system_id']}'")
    assert api.admin.get(made["resource_uri"]).json()["default_gateways"]["ipv4"]["gateway_ip"] == "10.10.2.1"


@pytest.mark.parametrize("params, field", [
    ({"architecture": "z80"}, "architecture"), ({"architecture": ""}, "architecture"), ({"mac_addresses": "52:54"}, "mac_addresses"),
    ({"mac_addresses": ""}, "mac_addresses"), ({"hostname": "-x"}, "hostname"), ({"hostname": "a_b"}, "hostname"),
    ({"zone": "nowhere"}, "zone"), ({"pool": "nowhere"}, "pool"), ({"domain": "nowhere"}, "domain"), ({"power_type": "steam"}, "power_type"),
    ({"power_type": "ipmi"}, "power_parameters"), ({"power_parameters": "[]"}, "power_parameters"),
    ({"swap_size": "1X"}, "swap_size"), ({"min_hwe_kernel": "new"}, "min_hwe_kernel"), ({"hardware_uuid": "12"}, "hardware_uuid"),
])
def test_bad_input_makes_nothing(api, params, field):
    before = api.sql("SELECT count(*) FROM node")
    reply = api.admin.post("machines/", **{"architecture": "amd64", "mac_addresses": new_mac(), "commission": "false", **params})
    assert reply.status == 400 and field in reply.json(), reply.text
    assert api.sql("SELECT count(*) FROM node") == before


def test_names_and_macs_are_taken_once(api):
    mac = new_mac()
    made = make(api.admin, hostname="only-one", mac_addresses=mac)
    assert "hostname" in api.admin.post("machines/", architecture="amd64", mac_addresses=new_mac(), hostname="only-one").json()
    reply = api.admin.post("machines/", architecture="amd64", mac_addresses=mac)
    assert reply.status == 400 and "only-one" in reply.json()["mac_addresses"][0]
    other = make(api.admin)
    assert "hostname" in api.admin.put(other["resource_uri"], hostname="only-one").json()
    assert api.admin.put(made["resource_uri"], hostname="only-one").status == 200


def test_enlistment_needs_no_key_and_may_be_repeated(api):
    macs = [new_mac(), new_mac()]
    params = {"architecture": "amd64/generic", "mac_addresses": ",".join(macs), "commission": "false", "boot_method": "bios",
              "hardware_uuid": "B3F0A9A0-6f0f-4e0e-9d53-8d1f4f8b2f10"}
    first = api.nobody.post("machines/", **params)
    assert first.status == 200 and set(first.json()) == ENLISTED_KEYS, first.text
    again = api.nobody.post("machines/", **params)
    assert again.status == 200 and again.json()["system_id"] == first.json()["system_id"]
    machine = api.admin.get(first.json()["resource_uri"]).json()
    assert machine["bios_boot_method"] == "pxe" and machine["hardware_uuid"] == "b3f0a9a0-6f0f-4e0e-9d53-8d1f4f8b2f10"
    assert machine["boot_interface"]["mac_address"] == macs[0]
    assert api.nobody.get("machines/?op=is_registered", mac_address=macs[1].upper()).json() is True
    assert api.nobody.get("nodes/?op=is_registered", mac_address=new_mac()).json() is False
    assert api.nobody.get("machines/?op=is_action_in_progress", mac_address=macs[1]).json() is False
    assert api.nobody.get("machines/?op=is_registered", mac_address="x").status == 400
    # macs of two machines are not one machine; one that is no longer New is not given again
    other = make(api.nobody)
    mixed = api.nobody.post("machines/", architecture="amd64", mac_addresses=[macs[0], api.admin.get(
        other["resource_uri"]).json()["boot_interface"]["mac_address"]])
    assert mixed.status == 400 and machine["hostname"] not in mixed.text
    assert api.admin.post(machine["resource_uri"] + "?op=mark_broken", comment="smoke").status == 200
    assert api.nobody.post("machines/", **params).status == 400
    assert api.nobody.get("machines/").status == 401


def test_power_parameters_are_sealed_and_for_administrators(api):
    made = make(api.admin, power_type="ipmi", power_parameters_power_address="10.1.0.9", power_parameters_power_user="maas",
                power_parameters_power_pass="Geheim17")
    uri = made["resource_uri"] + "?op=power_parameters"
    assert made["power_type"] == "ipmi" and "Geheim17" not in json.dumps(made)
    assert api.admin.get(uri).json() == {"power_address": "10.1.0.9", "power_user": "maas", "power_pass": "Geheim17"}
    assert "Geheim17" not in api.sql(f"SELECT row_to_json(n) FROM node n WHERE system_id = '{made['system_id']}'")
    plain = api.user("power-plain")
    assert plain.get(uri).status == 403
    both = api.admin.get("machines/?op=power_parameters", id=made["system_id"]).json()
    assert both[made["system_id"]]["power_pass"] == "Geheim17"
    assert api.admin.put(made["resource_uri"], power_parameters_power_address="10.1.0.10").status == 200
    assert api.admin.get(uri).json()["power_address"] == "10.1.0.10" and api.admin.get(uri).json()["power_pass"] == "Geheim17"
    # a sealed secret of one machine is no secret of another
    thief = make(api.admin, power_type="ipmi", power_parameters_power_address="10.1.0.11")
    api.sql(f"UPDATE node SET power_secrets = (SELECT power_secrets FROM node WHERE system_id = '{made['system_id']}') "
            f"WHERE system_id = '{thief['system_id']}'")
    assert api.admin.get(thief["resource_uri"] + "?op=power_parameters").status == 500
    assert api.admin.put(made["resource_uri"], power_type="manual").json()["power_type"] == "manual"
    assert api.admin.get(uri).json() == {}


def test_update_and_delete(api):
    made = make(api.admin)
    api.sql("INSERT INTO zone (name) VALUES ('east')")
    changed = api.admin.put(made["resource_uri"], zone="east", memory="2048", cpu_count="4", description="d", hostname="renamed").json()
    assert (changed["zone"]["name"], changed["memory"], changed["cpu_count"], changed["hostname"]) == ("east", 2048, 4, "renamed")
    assert changed["architecture"] == made["architecture"]
    plain = api.user("update-plain")
    assert plain.put(made["resource_uri"], memory="1").status == 403
    assert plain.delete(made["resource_uri"]).status == 403
    assert plain.delete(f"nodes/{made['system_id']}/").status == 403
    assert api.admin.post("machines/?op=set_zone", zone="default", nodes=made["system_id"]).json() is None
    assert api.admin.get(made["resource_uri"]).json()["zone"]["name"] == "default"
    assert api.admin.post("machines/?op=set_zone", zone="nowhere", nodes=made["system_id"]).status == 400
    assert api.admin.delete(made["resource_uri"]).status == 204
    gone = api.admin.get(made["resource_uri"])
    assert (gone.status, gone.text) == (404, "No Machine matches the given query.")
    assert api.sql(f"SELECT count(*) FROM api_token WHERE system_id = '{made['system_id']}'") == "0"


def test_broken_and_fixed(api):
    made = make(api.admin)
    broken = api.admin.post(made["resource_uri"] + "?op=mark_broken", comment="fan").json()
    assert (broken["status_name"], broken["error_description"]) == ("Broken", "fan")
    assert broken["status_message"] == "Node changed status - From 'New' to 'Broken'"
    again = api.admin.post(made["resource_uri"] + "?op=mark_broken")
    assert again.status == 409 and "Retry-After" not in again.headers
    fixed = api.admin.post(made["resource_uri"] + "?op=mark_fixed").json()
    assert (fixed["status_name"], fixed["error_description"]) == ("New", "")
    assert api.user("broken-plain").post(made["resource_uri"] + "?op=mark_broken").status == 403


def ids(reply):
    assert reply.status == 200, reply.text
    return {machine["system_id"] for machine in reply.json()}


def test_filters(api):
    mac = new_mac()
    one = make(api.admin, hostname="filter-one", mac_addresses=mac, architecture="arm64", cpu_count="8", memory="4096")
    two = make(api.admin, hostname="filter-two", cpu_count="2")
    api.sql(f"""INSERT INTO tag (name) VALUES ('gpu'), ('ssd');
        INSERT INTO node_tag SELECT n.id, t.id FROM node n, tag t WHERE n.system_id = '{one['system_id']}' AND t.name = 'gpu';
        INSERT INTO resource_pool (name) VALUES ('lab');
        UPDATE node SET pool_id = (SELECT id FROM resource_pool WHERE name = 'lab') WHERE system_id = '{one['system_id']}'""")
    one, two = one["system_id"], two["system_id"]
    everyone = ids(api.admin.get("machines/"))
    assert {one, two} <= everyone
    for params in ({"hostname": "filter-one"}, {"mac_address": mac}, {"tags": "gpu"}, {"pool": "lab"}, {"arch": "arm64"},
                   {"id": one}, {"cpu_count": "8", "mem": "4096"}, {"hostname": ["filter-one", "nobody"]},
                   {"not_id": list(everyone - {one})}, {"status": "new", "arch": "arm64/generic"}, {"nonsense": "1", "id": one}):
        assert ids(api.admin.get("machines/", **params)) == {one}, params
    assert ids(api.admin.get("machines/", tags="gpu,ssd")) == set()
    assert one not in ids(api.admin.get("machines/", not_tags="gpu"))
    assert one not in ids(api.admin.get("machines/", not_in_pool="lab"))
    assert ids(api.admin.get("machines/", status="deployed")) == set()
    assert ids(api.admin.get("machines/?op=list_allocated")) == set()
    for params, field in (({"mac_address": "x"}, "mac_address"), ({"status": "nice"}, "status"), ({"zone": "mars"}, "zone"),
                          ({"tags": "none-such"}, "tags"), ({"pool": "mars"}, "pool"), ({"cpu_count": "many"}, "cpu_count")):
        reply = api.admin.get("machines/", **params)
        assert reply.status == 400 and field in reply.json(), params
    assert {one, two} <= ids(api.admin.get("nodes/"))


def test_filters_that_only_some_machines_can_meet(api):
    """None of them is passed over: scripts act on all that such a list has."""
    ready, failed, memory = (make(api.admin)["system_id"] for _ in range(3))
    for system_id, status in ((ready, 4), (failed, 11), (memory, 6)):
        api.sql(f"UPDATE node SET status = {status}, osystem = CASE WHEN {status} = 6 THEN 'debian' ELSE '' END, "
                f"ephemeral_deploy = {status} = 6 WHERE system_id = '{system_id}'")

    def which(**params):
        reply = api.admin.get("machines/", id=[ready, failed, memory], **params)
        return [one["system_id"] for one in reply.json()] if reply.status == 200 else list(reply.json())
    assert which() == [ready, failed, memory]
    assert which(pod="host1") == which(pod_type="lxd") == [] and which(not_pod="host1") == [ready, failed, memory]
    assert which(simple_status="failed") == [failed] and which(simple_status=["ready", "failed"]) == [ready, failed]
    assert which(deployment_target="memory") == [memory] and which(deployment_target="disk") == []
    for name in ("simple_status", "deployment_target", "storage", "interfaces"):
        assert which(**{name: "root:5"}) == [name]


def test_every_filter_and_its_opposite(api):
    """What a filter finds and what its not_ form finds are two halves of all machines."""
    mac = new_mac()
    one = make(api.admin, hostname="opposite", mac_addresses=mac, architecture="arm64")["system_id"]
    make(api.admin)  # in no subnet, nobody's, of no agent
    api.user("filterer")
    api.sql(f"""INSERT INTO zone (name) VALUES ('far'); INSERT INTO resource_pool (name) VALUES ('deep');
        INSERT INTO domain (name) VALUES ('other.test'); INSERT INTO fabric (name) VALUES ('cloth'); INSERT INTO tag (name) VALUES ('odd');
        INSERT INTO vlan (fabric_id, vid, name) SELECT id, 42, 'strand' FROM fabric WHERE name = 'cloth';
        INSERT INTO subnet (name, cidr, vlan_id) SELECT 'mesh', '10.42.0.0/24', id FROM vlan WHERE name = 'strand';
        UPDATE interface SET vlan_id = (SELECT id FROM vlan WHERE name = 'strand') WHERE mac = '{mac}';
        INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT '10.42.0.5', 1, s.id, i.id FROM subnet s, interface i
            WHERE s.name = 'mesh' AND i.mac = '{mac}';
        INSERT INTO node_tag SELECT n.id, t.id FROM node n, tag t WHERE n.system_id = '{one}' AND t.name = 'odd';
        UPDATE node SET agent_name = 'juju', power_state = 'on', status = 10,
            zone_id = (SELECT id FROM zone WHERE name = 'far'), pool_id = (SELECT id FROM resource_pool WHERE name = 'deep'),
            domain_id = (SELECT id FROM domain WHERE name = 'other.test'), owner_id = (SELECT id FROM account WHERE username = 'filterer')
            WHERE system_id = '{one}'""")
    everyone = ids(api.admin.get("machines/"))
    assert len(everyone) >= 2
    for name, opposite, value in (
            ("id", "not_id", one), ("hostname", "not_hostname", "opposite"), ("mac_address", "not_mac_address", mac),
            ("domain", "not_domain", "other.test"), ("zone", "not_in_zone", "far"), ("pool", "not_in_pool", "deep"),
            ("agent_name", "not_agent_name", "juju"), ("tags", "not_tags", "odd"), ("status", "not_status", "allocated"),
            ("owner", "not_owner", "filterer"), ("power_state", "not_power_state", "on"), ("fabrics", "not_fabrics", "fabric:cloth"),
            ("vlans", "not_vlans", "vid:42"), ("vlans", "not_vlans", "strand"), ("subnets", "not_subnets", "cidr:10.42.0.0/24"),
            ("subnets", "not_subnets", "name:mesh")):
        assert ids(api.admin.get("machines/", **{name: value})) == {one}, name
        assert ids(api.admin.get("machines/", **{opposite: value})) == everyone - {one}, opposite
    assert one not in ids(api.admin.get("machines/", not_arch="arm64")) and one in ids(api.admin.get("machines/", arch="arm64/generic"))


def test_users_see_free_machines_and_their_own(api):
    alice, bob = api.user("alice"), api.user("bob")
    made = make(api.admin)
    assert made["system_id"] in ids(alice.get("machines/"))
    api.sql(f"UPDATE node SET owner_id = (SELECT id FROM account WHERE username = 'bob'), status = 10 "
            f"WHERE system_id = '{made['system_id']}'")
    assert made["system_id"] not in ids(alice.get("machines/"))
    assert alice.get(made["resource_uri"]).status == 404
    assert ids(bob.get("machines/?op=list_allocated")) == {made["system_id"]}
    assert bob.get(made["resource_uri"]).json()["owner"] == "bob"
    assert bob.post(made["resource_uri"] + "?op=mark_broken").status == 200


def test_a_list_takes_a_fixed_number_of_statements(api):
    def statements(path):
        api.sql("SELECT pg_stat_statements_reset()")
        assert api.admin.get(path).status == 200
        return int(api.sql("SELECT sum(calls) FROM pg_stat_statements WHERE query !~ 'pg_stat_statements|BEGIN|COMMIT'"))

    api.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    few = {path: statements(path) for path in ("machines/", "nodes/", "machines/?tags=&zone=default")}
    for _ in range(20):
        make(api.admin, mac_addresses=[new_mac(), new_mac()])
    assert {path: statements(path) for path in few} == few
    assert few["machines/"] <= 8


def test_a_list_longer_than_a_batch(api):
    api.sql("""INSERT INTO node (system_id, hostname, domain_id, zone_id, pool_id)
        SELECT 'batch' || i, 'batch-' || i, 0, 1, 0 FROM generate_series(1, 2001) i;
        INSERT INTO interface (node_id, name, vlan_id) SELECT id, hostname, 5001 FROM node WHERE hostname LIKE 'batch-%'""")
    listed = [machine for machine in api.admin.get("machines/").json() if machine["hostname"].startswith("batch-")]
    assert [machine["system_id"] for machine in listed] == [f"batch{i}" for i in range(1, 2002)]
    for machine in listed:
        assert [interface["name"] for interface in machine["interface_set"]] == [machine["hostname"]]
        assert machine["interface_set"][0]["vlan"]["id"] == 5001 and machine["zone"]["id"] == 1
    api.sql("DELETE FROM node WHERE hostname LIKE 'batch-%'")


def test_bonds_stand_on_their_interfaces(api):
    machine = make(api.admin, mac_addresses=[new_mac(), new_mac()])
    api.sql(f"""INSERT INTO interface (node_id, name, type, params, tags) SELECT id, 'bond0', 'bond', '{{"bond_mode": "802.3ad"}}',
            '{{a,"b c"}}' FROM node WHERE system_id = '{machine["system_id"]}';
        INSERT INTO interface_parent SELECT b.id, e.id FROM interface b JOIN interface e USING (node_id)
            WHERE b.name = 'bond0' AND e.type = 'physical'""")
    read = api.admin.get(machine["resource_uri"]).json()["interface_set"]
    assert [(one["name"], one["parents"], one["children"]) for one in read] == [
        ("eth0", [], ["bond0"]), ("eth1", [], ["bond0"]), ("bond0", ["eth0", "eth1"], [])]
    assert read[2]["params"] == {"bond_mode": "802.3ad"} and read[2]["tags"] == ["a", "b c"] and read[0]["params"] == ""


def test_given_addresses_come_before_observed_ones(api):
    machine = make(api.admin, mac_addresses=new_mac())
    api.sql(f"""INSERT INTO subnet (name, vlan_id, cidr) VALUES ('order', 5001, '10.29.0.0/24');
        INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT '10.29.0.9', 6, s.id, i.id FROM subnet s, interface i
            JOIN node n ON n.id = i.node_id WHERE s.name = 'order' AND n.system_id = '{machine["system_id"]}'""")
    assert api.admin.get(machine["resource_uri"]).json()["ip_addresses"] == ["10.29.0.9"]
    api.sql(f"""INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT ip::inet, kind, s.id, i.id FROM subnet s,
            interface i JOIN node n ON n.id = i.node_id, (VALUES (NULL, 5), ('10.29.0.8', 0), ('10.29.0.7', 1)) t (ip, kind)
            WHERE s.name = 'order' AND n.system_id = '{machine["system_id"]}'""")
    read = api.admin.get(machine["resource_uri"]).json()
    assert read["ip_addresses"] == ["10.29.0.7", "10.29.0.8"]
    assert [link["mode"] for link in read["interface_set"][0]["links"]] == ["dhcp", "auto", "static"]
    assert [seen["ip_address"] for seen in read["interface_set"][0]["discovered"]] == ["10.29.0.9"]

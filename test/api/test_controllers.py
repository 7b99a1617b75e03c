"""Rack and region controllers."""
import pytest

COMMON = {"system_id", "hostname", "description", "hardware_uuid", "fqdn", "architecture", "osystem", "distro_series",
          "power_type", "power_state", "version", "domain", "zone", "cpu_count", "cpu_speed", "memory", "swap_size",
          "ip_addresses", "interface_set", "status_action", "node_type", "node_type_name", "hardware_info", "tag_names",
          "resource_uri", "commissioning_status", "commissioning_status_name", "current_commissioning_result_id",
          "testing_status", "testing_status_name"}


def controller(api, name, node_type=2):
    """A controller with one interface on the first VLAN, as it registers itself."""
    api.sql(f"WITH n AS (INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id, version) VALUES ('{name}', "
            f"'{name}', {node_type}, 0, 1, '0.1.0') RETURNING id), i AS (INSERT INTO interface (node_id, name, mac, vlan_id) "
            f"SELECT id, 'eth0', md5('{name}')::varchar(12)::macaddr, 5001 FROM n RETURNING id) INSERT INTO ip_address (ip, "
            f"alloc_type, interface_id) SELECT ('10.1.0.' || id)::inet, 1, id FROM i")
    return name


def serve(api, primary, secondary, vid):
    """A VLAN with DHCP by these racks; its id."""
    return int(api.sql("INSERT INTO vlan (fabric_id, vid, dhcp_on, primary_rack_id, secondary_rack_id) SELECT 0, "
                       f"{vid}, true, (SELECT id FROM node WHERE system_id = '{primary}'), "
                       f"(SELECT id FROM node WHERE system_id = '{secondary}') RETURNING id"))


@pytest.mark.parametrize("path,node_type,kind", [("rackcontrollers/", 2, "Rack controller"),
                                                 ("regioncontrollers/", 3, "Region controller")])
def test_read(api, path, node_type, kind):
    name = controller(api, f"ctl{node_type}", node_type)
    (row,) = [row for row in api.admin.get(path).json() if row["system_id"] == name]
    assert COMMON <= set(row)
    assert ("service_set" in row) == (node_type == 2)
    assert (row["node_type"], row["node_type_name"], row["version"]) == (node_type, kind, "0.1.0")
    assert row["resource_uri"] == f"/MAAS/api/2.0/{path}{name}/"
    assert [i["name"] for i in row["interface_set"]] == ["eth0"] and len(row["ip_addresses"]) == 1
    assert api.admin.get(f"{path}{name}/").json() == row
    assert api.admin.get(f"nodes/{name}/").json() == row
    assert name not in [m["system_id"] for m in api.admin.get("machines/").json()]
    other = "regioncontrollers/" if node_type == 2 else "rackcontrollers/"
    assert api.admin.get(f"{other}{name}/").status == 404
    assert api.admin.get(path, hostname="nobody").json() == []


def test_services_of_a_rack_without_a_link(api):
    row = api.admin.get(f"rackcontrollers/{controller(api, 'lone')}/").json()
    assert {"name": "rackd", "status": "dead", "status_info": "not linked to this region"} in row["service_set"]


def test_update(api):
    name = controller(api, "upd")
    zone = api.admin.post("zones/", name="row-1").json()
    row = api.admin.put(f"rackcontrollers/{name}/", description="top", zone="row-1", hostname="other").json()
    assert (row["description"], row["zone"], row["hostname"]) == ("top", zone, name)
    row = api.admin.put(f"rackcontrollers/{name}/", power_type="ipmi", power_parameters_power_address="10.0.0.9",
                        power_parameters_power_pass="secret").json()
    assert row["power_type"] == "ipmi"
    power = api.admin.get(f"rackcontrollers/{name}/?op=power_parameters").json()
    assert (power["power_address"], power["power_pass"]) == ("10.0.0.9", "secret")
    assert "secret" not in api.sql(f"SELECT n FROM node n WHERE system_id = '{name}'")
    assert list(api.admin.put(f"rackcontrollers/{name}/", zone="nowhere").json()) == ["zone"]


def test_rights(api):
    name = controller(api, "guard")
    plain = api.user("ctlplain")
    assert plain.get("rackcontrollers/").status == 200
    assert plain.put(f"rackcontrollers/{name}/", description="x").status == 403
    assert plain.delete(f"rackcontrollers/{name}/").status == 403
    assert plain.get("rackcontrollers/?op=describe_power_types").status == 403
    assert plain.get("rackcontrollers/?op=power_parameters").status == 403
    assert api.nobody.get("rackcontrollers/").status == 401


def test_power_types(api):
    drivers = {d["name"]: d for d in api.admin.get("rackcontrollers/?op=describe_power_types").json()}
    assert {"ipmi", "manual"} <= set(drivers)
    ipmi = drivers["ipmi"]
    assert {"driver_type", "name", "description", "chassis", "can_probe", "queryable", "missing_packages", "fields"} <= set(ipmi)
    field = {f["name"]: f for f in ipmi["fields"]}["power_pass"]
    assert field["secret"] is True and field["field_type"] == "password"


def test_delete(api):
    one, two = controller(api, "one"), controller(api, "two")
    alone, shared = serve(api, one, "none", 71), serve(api, one, two, 72)
    reply = api.admin.delete(f"rackcontrollers/{one}/")
    assert (reply.status, reply.text) == (
        400, "Unable to delete 'one'; it is currently set as a primary rack controller on VLANs 71 in fabric-0, and no "
        "other rack controllers can provide DHCP.")
    assert api.admin.get(f"vlans/{shared}/").json()["primary_rack"] == one
    assert api.admin.delete(f"rackcontrollers/{one}/?force=true").status == 204
    vlan = api.admin.get(f"vlans/{alone}/").json()
    assert (vlan["dhcp_on"], vlan["primary_rack"]) == (False, None)
    vlan = api.admin.get(f"vlans/{shared}/").json()
    assert (vlan["dhcp_on"], vlan["primary_rack"], vlan["secondary_rack"]) == (True, two, None)
    assert api.admin.get(f"rackcontrollers/{one}/").status == 404
    region = controller(api, "reg", 3)
    assert api.admin.delete(f"regioncontrollers/{region}/").status == 204
    assert api.admin.delete(f"regioncontrollers/{region}/").status == 404


def test_zone_of_several(api):
    names = [controller(api, "z1"), controller(api, "z2")]
    api.admin.post("zones/", name="row-2")
    assert api.admin.post("rackcontrollers/?op=set_zone", zone="row-2", nodes=names).status == 200
    assert sorted(r["system_id"] for r in api.admin.get("rackcontrollers/", zone="row-2").json()) == names


def test_nodes_path_keeps_the_racks_rule(api):
    one = controller(api, "viaone")
    serve(api, one, "none", 81)
    assert api.admin.delete(f"nodes/{one}/").status == 400
    assert api.admin.delete(f"nodes/{one}/?force=true").status == 204


def test_power(api):
    name, plain = controller(api, "pow"), api.user("ctlpower")
    assert plain.post(f"rackcontrollers/{name}/?op=power_on").status == 403
    assert api.admin.post(f"rackcontrollers/{name}/?op=power_on").text == "Unable to power on pow: it has no power type."
    assert api.admin.get(f"rackcontrollers/{name}/?op=query_power_state").json() == {"state": "unknown"}
    api.admin.put(f"rackcontrollers/{name}/", power_type="manual")
    assert api.admin.post(f"rackcontrollers/{name}/?op=power_on", comment="x").json()["system_id"] == name
    assert api.admin.post(f"rackcontrollers/{name}/?op=power_off").json() is None
    assert list(api.admin.post(f"rackcontrollers/{name}/?op=power_off", stop_mode="soft").json()) == ["stop_mode"]
    api.admin.put(f"rackcontrollers/{name}/", power_type="ipmi", power_parameters_power_address="10.0.0.9")
    reply = api.admin.post(f"rackcontrollers/{name}/?op=power_off")
    assert reply.status == 503 and "rack" in reply.text, reply.text


@pytest.mark.parametrize("op,verb", [("test", "tested"), ("abort", "aborted"), ("override_failed_testing", "trusted in spite of its tests")])
def test_a_controller_stays_at_work(api, op, verb):
    name = controller(api, "work" + op.split("_")[0])
    reply = api.admin.post(f"rackcontrollers/{name}/?op={op}")
    assert (reply.status, reply.text) == (409, f"{name} cannot be {verb}: it is a rack controller, and at work.")
    assert api.admin.post(f"rackcontrollers/none/?op={op}").status == 404


def test_images(api):
    name = controller(api, "img")
    reply = api.admin.get(f"rackcontrollers/{name}/?op=list_boot_images")
    assert reply.json() == {"images": [], "connected": False, "status": "unknown"}
    api.sql("""INSERT INTO blob (sha256, size) VALUES (repeat('a', 64), 1); INSERT INTO blob_copy VALUES (repeat('a', 64), 'region1');
        WITH r AS (INSERT INTO boot_resource (os, release, arch, subarch, subarches) SELECT 'ubuntu', 'noble', 'amd64', s, t FROM
        (VALUES ('ga-24.04', 'generic,ga-24.04'), ('hwe-24.04', '')) v (s, t) UNION SELECT 'custom', 'mine', 'amd64', 'generic', '' RETURNING id),
        s AS (INSERT INTO boot_resource_set (resource_id, version) SELECT id, '1' FROM r RETURNING id)
        INSERT INTO boot_resource_file (set_id, filename, filetype, sha256, size) SELECT id, 'f', 'root-tgz', repeat('a', 64), 1 FROM s""")
    images = api.admin.get(f"rackcontrollers/{name}/?op=list_boot_images").json()["images"]
    assert images == [{"name": "mine", "architecture": "amd64", "subarches": ["generic"]},
                      {"name": "ubuntu/noble", "architecture": "amd64", "subarches": ["ga-24.04", "generic", "hwe-24.04"]}]
    api.sql("DELETE FROM blob_copy")
    assert api.admin.get(f"rackcontrollers/{name}/?op=list_boot_images").json()["images"] == []
    for path in ("rackcontrollers/", f"rackcontrollers/{name}/"):
        reply = api.admin.post(path + "?op=import_boot_images")
        assert reply.status == 202 and ("when they need" in reply.text or "when it needs" in reply.text)


def test_details_and_registration(api):
    for path, node_type in (("rackcontrollers/", 2), ("regioncontrollers/", 3)):
        name = controller(api, f"det{node_type}", node_type)
        mac = api.admin.get(f"{path}{name}/").json()["interface_set"][0]["mac_address"]
        assert api.admin.get(f"{path}{name}/?op=details").headers["Content-Type"] == "application/bson"
        assert api.nobody.get(f"{path}?op=is_registered", mac_address=mac).json() is True
        assert api.nobody.get(f"{path}?op=is_action_in_progress", mac_address=mac).json() is False

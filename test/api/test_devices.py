"""Devices: shape, who may what, parents, annotations, what restore does; and the details of any node."""
import base64

import pytest

from test_machines import INTERFACE_KEYS, make, new_mac

KEYS = {"system_id", "hostname", "description", "fqdn", "domain", "owner", "owner_data", "workload_annotations", "parent",
        "tag_names", "address_ttl", "ip_addresses", "interface_set", "zone", "node_type", "node_type_name", "resource_uri"}


def device(client, **params):
    reply = client.post("devices/", **{"mac_addresses": new_mac(), **params})
    assert reply.status == 200, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def plain(api):
    return api.user("dev-plain")


def test_create_and_read(api, plain):
    mac, second = new_mac(), new_mac()
    made = device(plain, mac_addresses=[mac.upper(), second], hostname="Juju-0-LXD-0", description="a container")
    assert set(made) == KEYS
    assert (made["hostname"], made["fqdn"], made["owner"]) == ("juju-0-lxd-0", "juju-0-lxd-0.maas", "dev-plain")
    assert (made["node_type"], made["node_type_name"], made["parent"]) == (1, "Device", None)
    assert [interface["mac_address"] for interface in made["interface_set"]] == [mac, second]
    assert all(set(interface) == INTERFACE_KEYS for interface in made["interface_set"])
    assert made["resource_uri"] == f"/MAAS/api/2.0/devices/{made['system_id']}/"
    for path in (made["resource_uri"], f"nodes/{made['system_id']}/"):
        assert plain.get(path).json() == made
    assert made in plain.get("devices/").json() and made in plain.get("devices/", mac_address=second).json()
    assert plain.get("devices/", hostname="other").json() == []
    assert made["system_id"] not in [m["system_id"] for m in plain.get("machines/").json()]
    assert plain.get(f"machines/{made['system_id']}/").status == 404
    assert device(plain)["hostname"]


def test_bad_input(api, plain):
    taken = device(plain)
    assert plain.post("devices/").json() == {"mac_addresses": ["This field is required."]}
    assert list(plain.post("devices/", mac_addresses="xx").json()) == ["mac_addresses"]
    assert "already in use" in plain.post("devices/", mac_addresses=taken["interface_set"][0]["mac_address"]).json()["mac_addresses"][0]
    assert list(plain.post("devices/", mac_addresses=new_mac(), hostname=taken["hostname"]).json()) == ["hostname"]
    for name in ("parent", "zone", "domain"):
        assert list(plain.post("devices/", mac_addresses=new_mac(), **{name: "nowhere"}).json()) == [name]
    assert api.nobody.post("devices/", mac_addresses=new_mac()).status == 401


def test_update(api, plain):
    made = device(plain)
    api.admin.post("zones/", name="shelf")
    changed = plain.put(made["resource_uri"], hostname="renamed", description="d", zone="shelf").json()
    assert (changed["hostname"], changed["description"], changed["zone"]["name"]) == ("renamed", "d", "shelf")
    assert plain.put(made["resource_uri"], description="e").json() == {**changed, "description": "e"}
    assert list(plain.put(made["resource_uri"], hostname="-x-").json()) == ["hostname"]
    assert list(plain.put(made["resource_uri"], parent=made["system_id"]).json()) == ["parent"]


def test_a_device_goes_with_its_parent(api, plain):
    host = make(api.admin)
    made = device(plain, parent=host["system_id"])
    assert made["parent"] == host["system_id"]
    assert plain.put(made["resource_uri"], description="x").json()["parent"] == host["system_id"]
    free = device(plain, parent=host["system_id"])
    assert plain.put(free["resource_uri"], parent="").json()["parent"] is None
    assert api.admin.delete(host["resource_uri"]).status == 204
    assert plain.get(made["resource_uri"]).status == 404 and plain.get(free["resource_uri"]).status == 200


def test_only_owners_and_administrators(api, plain):
    made, other = device(plain), api.user("dev-other")
    assert other.get(made["resource_uri"]).status == 404 and other.delete(made["resource_uri"]).status == 404
    assert made["system_id"] not in [d["system_id"] for d in other.get("devices/").json()]
    hidden = make(api.admin)
    api.sql(f"UPDATE node SET owner_id = (SELECT id FROM account WHERE username = 'admin') WHERE system_id = '{hidden['system_id']}'")
    assert list(other.post("devices/", mac_addresses=new_mac(), parent=hidden["system_id"]).json()) == ["parent"]
    assert api.admin.put(made["resource_uri"], description="by admin").json()["owner"] == "dev-plain"
    assert plain.get(made["resource_uri"] + "?op=power_parameters").status == 403
    assert api.admin.get(made["resource_uri"] + "?op=power_parameters").json() == {}
    free = device(plain)
    api.sql(f"UPDATE node SET owner_id = NULL WHERE system_id = '{free['system_id']}'")
    assert other.get(free["resource_uri"]).status == 200
    assert [other.put(free["resource_uri"], description="x").status, other.delete(free["resource_uri"]).status,
            other.post(free["resource_uri"] + "?op=restore_default_configuration").status] == [403, 403, 403]
    assert plain.delete(made["resource_uri"]).status == 204 and plain.get(made["resource_uri"]).status == 404
    assert api.sql(f"SELECT count(*) FROM api_token WHERE system_id = '{made['system_id']}'") == "0"


@pytest.mark.parametrize("op", ["set_workload_annotations", "set_owner_data"])
def test_annotations(plain, op):
    made = device(plain)
    read = plain.post(made["resource_uri"] + "?op=" + op, role="web", unit="3").json()
    assert read["owner_data"] == read["workload_annotations"] == {"role": "web", "unit": "3"}
    assert plain.post(made["resource_uri"] + "?op=" + op, unit="").json()["owner_data"] == {"role": "web"}


@pytest.mark.parametrize("op", ["restore_networking_configuration", "restore_default_configuration"])
def test_restore(api, plain, op):
    made = device(plain)
    nic = made["interface_set"][0]["id"]
    api.sql(f"""INSERT INTO interface (node_id, name, type) SELECT node_id, 'br0', 'bridge' FROM interface WHERE id = {nic};
        INSERT INTO ip_address (ip, alloc_type, interface_id) VALUES ('10.66.0.{nic % 200 + 1}', 1, {nic}), ('10.67.0.{nic % 200 + 1}', 6, {nic});
        UPDATE interface SET enabled = false, mtu = 9000 WHERE id = {nic}""")
    read = plain.post(made["resource_uri"] + "?op=" + op).json()
    assert [i["name"] for i in read["interface_set"]] == ["eth0"]
    (interface,) = read["interface_set"]
    assert (interface["links"], interface["enabled"], interface["effective_mtu"]) == ([], True, 1500)
    assert interface["discovered"]


def test_zone_and_registration(api, plain):
    made = device(plain)
    mac = made["interface_set"][0]["mac_address"]
    assert api.nobody.get("devices/?op=is_registered", mac_address=mac).json() is True
    assert api.nobody.get("devices/?op=is_action_in_progress", mac_address=mac).json() is False
    assert plain.post("devices/?op=set_zone", zone="default", nodes=made["system_id"]).status == 403
    api.admin.post("zones/", name="attic")
    assert api.admin.post("devices/?op=set_zone", zone="attic", nodes=made["system_id"]).status == 200
    assert plain.get(made["resource_uri"]).json()["zone"]["name"] == "attic"
    api.admin.post("tags/", name="leased")
    api.admin.post("tags/leased/?op=update_nodes", add=made["system_id"])
    assert [d["system_id"] for d in plain.get("tags/leased/?op=devices").json()] == [made["system_id"]]


def bson(body):
    """A document whose members are binary or null."""
    assert int.from_bytes(body[:4], "little") == len(body) and body[-1] == 0
    at, members = 4, {}
    while body[at]:
        end = body.index(b"\0", at + 1)
        name, kind, at = body[at + 1:end].decode(), body[at], end + 1
        if kind == 5:
            size = int.from_bytes(body[at:at + 4], "little")
            assert body[at + 4] == 0
            members[name], at = body[at + 5:at + 5 + size], at + 5 + size
        else:
            assert kind == 10
            members[name] = None
    assert at == len(body) - 1
    return members


def test_details(api, plain):
    machine, made = make(api.admin), device(plain)
    reply = plain.get(made["resource_uri"] + "?op=details")
    assert (reply.status, reply.headers["Content-Type"], bson(reply.body)) == (200, "application/bson", {"lshw": None, "lldp": None})
    xml = b"<list>\xc3\xa4\0</list>"
    api.sql(f"""WITH s AS (INSERT INTO script_set (node_id, type) SELECT id, 0 FROM node WHERE system_id = '{machine['system_id']}'
        RETURNING id) INSERT INTO script_result (script_set_id, name, status, stdout) SELECT id, name, status, decode(text, 'base64')
        FROM s, (VALUES ('maas-lshw', 2, '{base64.b64encode(xml).decode()}'), ('maas-capture-lldpd', 3, 'eA==')) v (name, status, text)""")
    assert bson(plain.get(f"nodes/{machine['system_id']}/?op=details").body) == {"lshw": xml, "lldp": None}
    assert plain.get("nodes/nobody/?op=details").status == 404


def test_a_locked_node_stays(api):
    machine = make(api.admin)
    api.sql(f"UPDATE node SET locked = true WHERE system_id = '{machine['system_id']}'")
    assert api.admin.delete(f"nodes/{machine['system_id']}/").status == 403
    assert api.admin.get(machine["resource_uri"]).status == 200

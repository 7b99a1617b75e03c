"""How a machine is to be deployed, set beforehand and cloned: layouts, file systems in memory, links; and back again."""
import json

import pytest

from test_machines import make, new_mac

NEW, READY, DEPLOYED, ALLOCATED = 0, 4, 6, 10


def op(client, machine, name, **params):
    return client.post(f"machines/{machine['system_id']}/?op={name}", **params)


def ready(api, size=8 << 30, **params):
    """Ready, with one disk, and links of its interface."""
    machine = make(api.admin, mac_addresses=[new_mac(), new_mac()], **params)
    api.sql(f"""UPDATE node SET status = {READY}, commissioned = now() WHERE system_id = '{machine['system_id']}';
        INSERT INTO block_device (node_id, name, serial, size, block_size) SELECT id, 'vda', 'disk0', {size}, 512 FROM node
        WHERE system_id = '{machine['system_id']}'""")
    return machine


def layout_of(api, machine):
    text = api.sql(f"SELECT storage_layout FROM node WHERE system_id = '{machine['system_id']}'")
    return json.loads(text) if text else None


def test_storage_layout(api):
    machine = ready(api)
    reply = op(api.admin, machine, "set_storage_layout", storage_layout="lvm", vg_name="data", lv_name="root", lv_size="2G", root_size="4G",
               root_device="vda", boot_size="0")
    assert reply.status == 200 and reply.json()["system_id"] == machine["system_id"], reply.text
    assert layout_of(api, machine) == {"layout": "lvm", "vg_name": "data", "lv_name": "root", "lv_size": 2000000000, "root_size": 4000000000}
    assert op(api.admin, machine, "set_storage_layout", storage_layout="flat").status == 200
    assert layout_of(api, machine) == {"layout": "flat"}
    assert op(api.user("setup-plain"), machine, "set_storage_layout", storage_layout="lvm").status == 403
    op(api.admin, machine, "restore_storage_configuration")
    assert layout_of(api, machine) is None


@pytest.mark.parametrize("params, status, field", [
    ({}, 400, None), ({"storage_layout": "vmfs6"}, 400, "storage_layout"), ({"storage_layout": "flat", "root_size": "many"}, 400, "root_size"),
    ({"storage_layout": "flat", "root_size": "9G"}, 400, None), ({"storage_layout": "lvm", "lv_size": "9G"}, 400, None),
    ({"storage_layout": "lvm", "vg_name": "a/b"}, 400, "vg_name"), ({"storage_layout": "flat", "boot_size": "1G"}, 400, "boot_size"),
    ({"storage_layout": "flat", "root_device": "vdb"}, 400, "root_device"), ({"storage_layout": "flat", "cache_mode": "writeback"}, 400, "cache_mode"),
])
def test_layouts_that_are_refused(api, params, status, field):
    machine = ready(api)
    reply = op(api.admin, machine, "set_storage_layout", **params)
    assert reply.status == status and (field is None or field in reply.json()), reply.text
    assert layout_of(api, machine) is None
    api.sql(f"UPDATE node SET status = {DEPLOYED} WHERE system_id = '{machine['system_id']}'")
    assert op(api.admin, machine, "set_storage_layout", storage_layout="flat").status == 409


def test_special_filesystems(api):
    plain = api.user("setup-special")
    machine = ready(api)
    assert op(plain, machine, "mount_special", fstype="tmpfs", mount_point="/x").status == 403
    made = op(api.admin, machine, "mount_special", fstype="ramfs", mount_point="/kept").json()
    assert [(one["fstype"], one["mount_point"], one["mount_options"], one["label"]) for one in made["special_filesystems"]] == \
        [("ramfs", "/kept", None, "")]
    api.sql(f"UPDATE node SET status = {ALLOCATED}, owner_id = (SELECT id FROM account WHERE username = 'setup-special') "
            f"WHERE system_id = '{machine['system_id']}'")
    made = op(plain, machine, "mount_special", fstype="tmpfs", mount_point="/scratch", mount_option="size=1G,mode=0700").json()
    assert [one["mount_options"] for one in made["special_filesystems"]] == [None, "size=1G,mode=0700"]
    assert len({one["uuid"] for one in made["special_filesystems"]}) == 2
    for params in ({"fstype": "ext4", "mount_point": "/y"}, {"fstype": "tmpfs", "mount_point": "y"}, {"fstype": "tmpfs", "mount_point": "/y/../z"},
                   {"fstype": "tmpfs", "mount_point": "/"}, {"fstype": "tmpfs", "mount_point": "/a b"},
                   {"fstype": "tmpfs", "mount_point": "/y", "mount_options": "a b"}, {"fstype": "tmpfs"}):
        assert op(plain, machine, "mount_special", **params).status == 400, params
    assert op(plain, machine, "unmount_special", mount_point="/nowhere").status == 400
    assert op(plain, machine, "release").json()["special_filesystems"][0]["mount_point"] == "/kept"  # the owner's are gone
    assert len(api.admin.get(machine["resource_uri"]).json()["special_filesystems"]) == 1
    assert op(api.admin, machine, "unmount_special", mount_point="/kept").json()["special_filesystems"] == []


def test_a_mount_may_change_when_there_are_no_more(api):
    machine = ready(api)
    api.sql(f"INSERT INTO special_filesystem (node_id, fstype, mount_point) SELECT n.id, 'tmpfs', '/m' || i FROM node n, "
            f"generate_series(1, 64) i WHERE system_id = '{machine['system_id']}'")
    assert op(api.admin, machine, "mount_special", fstype="tmpfs", mount_point="/m65").text == "A machine has at most 64 of them."
    changed = op(api.admin, machine, "mount_special", fstype="ramfs", mount_point="/m7")
    assert changed.status == 200 and [one["fstype"] for one in changed.json()["special_filesystems"]].count("ramfs") == 1, changed.text


def link(api, machine, name, kind, subnet, ip="NULL"):
    api.sql(f"""INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT {ip}, {kind}, (SELECT id FROM subnet WHERE name =
        '{subnet}'), i.id FROM interface i JOIN node n ON n.id = i.node_id WHERE n.system_id = '{machine['system_id']}' AND i.name = '{name}'""")


def modes(api, machine):
    interfaces = api.admin.get(machine["resource_uri"]).json()["interface_set"]
    return {interface["name"]: [one["mode"] for one in interface["links"]] for interface in interfaces}


@pytest.fixture(scope="module", name="subnet")
def make_subnet(api):
    api.sql("INSERT INTO subnet (name, vlan_id, cidr) VALUES ('setup', 5001, '10.31.0.0/24')")
    return "setup"


def test_restored_networking(api, subnet):
    machine = ready(api)
    link(api, machine, "eth0", 1, subnet, "'10.31.0.7'")
    link(api, machine, "eth0", 6, subnet, "'10.31.0.8'")
    link(api, machine, "eth1", 5, subnet)
    op(api.admin, machine, "mount_special", fstype="tmpfs", mount_point="/x")
    assert modes(api, machine) == {"eth0": ["static"], "eth1": ["dhcp"]}
    assert op(api.user("setup-restore"), machine, "restore_networking_configuration").status == 403
    restored = op(api.admin, machine, "restore_networking_configuration").json()
    assert modes(api, machine) == {"eth0": [], "eth1": []} and len(restored["special_filesystems"]) == 1
    assert restored["interface_set"][0]["discovered"][0]["ip_address"] == "10.31.0.8"  # what was seen was seen
    assert op(api.admin, machine, "restore_default_configuration").json()["special_filesystems"] == []
    api.sql(f"UPDATE node SET status = {DEPLOYED} WHERE system_id = '{machine['system_id']}'")
    for name in ("networking", "storage", "default"):
        assert op(api.admin, machine, f"restore_{name}_configuration").status == 409


def test_clone(api, subnet):
    source, one, two = ready(api), ready(api), ready(api)
    op(api.admin, source, "set_storage_layout", storage_layout="lvm", root_size="5G")
    op(api.admin, source, "mount_special", fstype="tmpfs", mount_point="/x", mount_options="size=1G")
    op(api.admin, one, "mount_special", fstype="tmpfs", mount_point="/old")
    link(api, source, "eth0", 1, subnet, "'10.31.0.20'")
    link(api, source, "eth1", 0, subnet)
    link(api, one, "eth1", 5, subnet)
    api.sql(f"UPDATE interface SET vlan_id = 5001, tags = '{{fast}}' WHERE node_id = (SELECT id FROM node WHERE system_id = '{source['system_id']}')")
    ids = [one["system_id"], two["system_id"]]
    assert api.user("setup-clone").post("machines/?op=clone", source=source["system_id"], destinations=ids, storage="true").status == 403
    assert api.admin.post("machines/?op=clone", source=source["system_id"], destinations=ids, storage="true").status == 204
    for machine in (one, two):
        assert layout_of(api, machine) == {"layout": "lvm", "root_size": 5000000000}
        assert [kept["mount_point"] for kept in api.admin.get(machine["resource_uri"]).json()["special_filesystems"]] == ["/x"]
    assert modes(api, one) == {"eth0": [], "eth1": ["dhcp"]}  # only what was asked for
    assert api.admin.post("machines/?op=clone", source=source["system_id"], destinations=ids, interfaces="true").status == 204
    for machine in (one, two):
        assert modes(api, machine) == {"eth0": ["auto"], "eth1": ["auto"]}
        cloned = api.admin.get(machine["resource_uri"]).json()["interface_set"][0]
        assert cloned["tags"] == ["fast"] and cloned["vlan"]["id"] == 5001


def test_clones_that_are_refused(api):
    source, fits, small, bare = ready(api), ready(api), ready(api, size=3 << 30), make(api.admin)
    op(api.admin, source, "set_storage_layout", storage_layout="flat", root_size="5G")
    api.sql(f"UPDATE node SET status = {READY} WHERE system_id = '{bare['system_id']}'")
    busy = make(api.admin)

    def clone(*machines, **params):
        return api.admin.post("machines/?op=clone", source=source["system_id"], destinations=[one["system_id"] for one in machines], **params)

    assert "__all__" in clone(fits).json()
    assert "destinations" in clone(storage="true").json()
    assert "source" in api.admin.post("machines/?op=clone", source="nobody", destinations=fits["system_id"], storage="true").json()
    for machine, params in ((source, {"storage": "true"}), (busy, {"storage": "true"}), (small, {"storage": "true"}),
                            (bare, {"storage": "true"}), (bare, {"interfaces": "true"}), ({"system_id": "nobody"}, {"storage": "true"})):
        reply = clone(fits, machine, **params)
        assert reply.status == 400 and machine["system_id"] in reply.json()["destinations"][0], reply.text
    assert layout_of(api, fits) is None  # all or none


def test_old_results(api):
    machine = make(api.admin)
    api.sql(f"""WITH s AS (INSERT INTO script_set (node_id, type) SELECT id, 1 FROM node WHERE system_id = '{machine['system_id']}'
            RETURNING id, node_id), r AS (INSERT INTO script_result (script_set_id, name, status, exit_status, output, stderr)
            SELECT id, '/tmp/install.log', 2, 0, 'all well', 'but loud' FROM s)
        UPDATE node SET installation_set_id = s.id FROM s WHERE node.id = s.node_id""")
    log, noise = api.admin.get("installation-results/", system_id=machine["system_id"]).json()
    assert set(log) == {"id", "name", "script_result", "result_type", "node", "data", "created", "updated", "resource_uri"}
    assert (log["name"], log["data"], log["result_type"], log["node"]) == \
        ("/tmp/install.log", "YWxsIHdlbGw=", 1, {"system_id": machine["system_id"]})
    assert (noise["name"], noise["data"], noise["id"]) == ("/tmp/install.log.err", "YnV0IGxvdWQ=", log["id"])
    assert api.admin.get("installation-results/", system_id=machine["system_id"], result_type="0").json() == []
    assert api.admin.get("installation-results/", result_type="x").status == 400
    api.user("setup-owner")
    api.sql(f"UPDATE node SET owner_id = (SELECT id FROM account WHERE username = 'setup-owner') WHERE system_id = '{machine['system_id']}'")
    assert api.user("setup-other").get("installation-results/", system_id=machine["system_id"]).json() == []

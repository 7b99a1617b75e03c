"""What is on a node's buses, and what depends on what commissioning found: filters, constraints, putting it back."""
import json

import pytest

from test_machines import make, new_mac
from test_metadata import SCRIPT, Machine, report_of

KEYS = {"id", "bus", "bus_name", "hardware_type", "hardware_type_name", "system_id", "numa_node", "physical_blockdevice",
        "physical_interface", "vendor_id", "product_id", "vendor_name", "product_name", "commissioning_driver", "bus_number",
        "device_number", "pci_address", "resource_uri"}


@pytest.fixture(name="machine")
def make_machine(api):
    """New, with an inventory."""
    number = int(new_mac().rpartition(":")[2], 16)
    machine = Machine(api, f"10.78.0.{number}", new_mac(), new_mac())
    machine.enlist()
    machine.take_key()
    assert machine.report(report_of(*machine.macs)).status == 200
    return machine


def devices(api, machine, **filters):
    reply = api.admin.get(f"nodes/{machine.system_id}/devices/", **filters)
    assert reply.status == 200, reply.text
    return reply.json()


def test_shape(api, machine):
    found = devices(api, machine)
    assert len(found) == 4 and all(set(device) == KEYS for device in found)
    net, disk, usb_host, tablet = found
    read = api.admin.get(f"machines/{machine.system_id}/").json()
    assert (net["bus"], net["bus_name"], net["hardware_type"], net["hardware_type_name"]) == (1, "PCIE", 4, "Network")
    assert net["physical_interface"] == read["interface_set"][0] and net["physical_blockdevice"] is None
    assert disk["physical_blockdevice"] == read["blockdevice_set"][0] and disk["physical_interface"] is None
    assert (disk["hardware_type_name"], disk["product_name"], disk["commissioning_driver"], disk["numa_node"]) == ("Storage", "", "", 0)
    assert (usb_host["bus_number"], usb_host["device_number"], usb_host["pci_address"]) == (31, 30, "0000:1f:1e.3")
    assert (usb_host["hardware_type_name"], usb_host["numa_node"]) == ("Node", 1)
    assert (tablet["bus_name"], tablet["bus_number"], tablet["device_number"], tablet["pci_address"]) == ("USB", 1, 2, None)
    for device in found:
        assert api.admin.get(device["resource_uri"]).json() == device
    assert devices(api, type("Empty", (), make(api.admin))) == []


def test_filters(api, machine):
    def names(**filters):
        return [device["pci_address"] or "usb" for device in devices(api, machine, **filters)]

    assert names(bus="usb") == ["usb"] and len(names(bus="PCIE")) == 3
    assert names(hardware_type="network") == names(commissioning_driver="virtio-pci") == ["0000:00:02.0"]
    assert names(vendor_id="1AF4", product_id="1001") == ["0000:00:04.0"] and names(vendor_name="qemu") == ["usb"]
    assert names(vendor_id=["8086", "0627"]) == ["0000:1f:1e.3", "usb"] and names(product_name="nothing") == []
    for wrong in ({"bus": "ISA"}, {"hardware_type": "glue"}):
        assert api.admin.get(f"nodes/{machine.system_id}/devices/", **wrong).status == 400


def test_ids_stay_and_who_may_delete(api, machine):
    before = devices(api, machine)
    plain = api.user("bus-" + machine.system_id)
    assert plain.delete(before[0]["resource_uri"]).status == 403
    assert plain.get(before[0]["resource_uri"]).status == 200
    assert api.admin.delete(before[0]["resource_uri"]).status == 204
    assert api.admin.delete(before[0]["resource_uri"]).status == api.admin.get(before[0]["resource_uri"]).status == 404
    assert api.admin.get(f"nodes/{machine.system_id}/devices/x/").status == api.admin.get("nodes/nobody/devices/").status == 404
    other = make(api.admin)["system_id"]
    assert api.admin.get(f"nodes/{other}/devices/{before[1]['id']}/").status == 404
    report = report_of(*machine.macs)
    report["pci"][1]["product"] = "Virtio block device"
    report["usb"] = []
    api.sql(f"UPDATE node SET enlisted = NULL WHERE system_id = '{machine.system_id}'")
    assert machine.report(report).status == 200
    after = devices(api, machine)
    assert [device["id"] for device in after[1:]] == [device["id"] for device in before[1:3]]
    assert after[1]["product_name"] == "Virtio block device" and after[0]["pci_address"] == "0000:00:02.0"


def test_machines_by_what_is_in_them(api, machine):
    report = report_of(*machine.macs)
    report["pci"][2]["product_id"] = "abcd"
    api.sql(f"UPDATE node SET enlisted = NULL WHERE system_id = '{machine.system_id}'")
    assert machine.report(report).status == 200

    def found(path="machines/", **filters):
        reply = api.admin.get(path, **filters)
        assert reply.status == 200, reply.text
        return [one["system_id"] for one in reply.json()]

    mine = "vendor_id=8086,product_id=abcd"
    assert found(devices=mine) == found("nodes/", devices=[mine, "vendor_name=QEMU"]) == [machine.system_id]
    assert found(devices=[mine, "vendor_id=ffff"]) == found(devices="vendor_id=1af4,product_id=abcd") == []
    assert found(devices=mine, link_speed="10000") == [machine.system_id] and found(devices=mine, link_speed="10001") == []
    for wrong in ("vendor_id", "colour=red", "vendor_id="):
        assert "devices" in api.admin.get("machines/", devices=wrong).json()
    api.sql(f"UPDATE node SET status = 4 WHERE system_id = '{machine.system_id}'")
    assert api.admin.post("machines/?op=allocate", devices="vendor_id=ffff").status == 409
    taken = api.admin.post("machines/?op=allocate", devices=mine)
    assert taken.status == 200 and taken.json()["system_id"] == machine.system_id, taken.text


def test_commissioning_results_is_installation_results(api, machine):
    rows = api.admin.get("commissioning-results/", system_id=machine.system_id).json()
    assert [row["name"] for row in rows] == [SCRIPT]
    assert rows == api.admin.get("installation-results/", system_id=machine.system_id).json()
    names = [resource["name"] for resource in api.nobody.get("describe/").json()["resources"]]
    assert names.count("NodeResultsHandler") == 1
    assert api.admin.get("commissioning-results/x/").status == 404


def facts(api, machine):
    read = api.admin.get(f"machines/{machine.system_id}/").json()
    return ([(one["name"], one["mac_address"], one["enabled"], one["params"], one["type"]) for one in read["interface_set"]],
            [(one["name"], one["size"], one["serial"], one["tags"]) for one in read["blockdevice_set"]])


@pytest.mark.parametrize("what, network, storage", [("restore_networking_configuration", True, False),
                                                    ("restore_storage_configuration", False, True),
                                                    ("restore_default_configuration", True, True)])
def test_restored_is_what_commissioning_found(api, machine, what, network, storage):
    found = facts(api, machine)
    api.sql(f"""UPDATE node SET status = 4 WHERE system_id = '{machine.system_id}';
        DELETE FROM interface WHERE mac = '{machine.macs[0]}';
        UPDATE interface SET name = 'lan', enabled = false, params = '{{"mtu": 9000}}' WHERE mac = '{machine.macs[1]}';
        INSERT INTO interface (node_id, name, type) SELECT id, 'br0', 'bridge' FROM node WHERE system_id = '{machine.system_id}';
        UPDATE block_device SET name = 'sdx', size = 1, tags = '{{mine}}' WHERE node_id = (SELECT id FROM node WHERE
        system_id = '{machine.system_id}')""")
    changed = facts(api, machine)
    assert changed[0] != found[0] and changed[1] != found[1]
    reply = api.admin.post(f"machines/{machine.system_id}/?op={what}")
    assert reply.status == 200, reply.text
    now = facts(api, machine)
    assert sorted(now[0]) == sorted(found[0] if network else changed[0])
    assert now[1] == (found if storage else changed)[1]
    if network:
        assert reply.json()["boot_interface"]["mac_address"] == machine.macs[0]


def test_an_interface_that_another_machine_has_now(api, machine):
    other = make(api.admin)["system_id"]
    api.sql(f"""UPDATE node SET status = 4 WHERE system_id = '{machine.system_id}';
        UPDATE interface SET node_id = (SELECT id FROM node WHERE system_id = '{other}'), name = 'mine' WHERE mac = '{machine.macs[1]}'""")
    before = facts(api, machine)
    reply = api.admin.post(f"machines/{machine.system_id}/?op=restore_networking_configuration")
    assert reply.status == 409 and facts(api, machine) == before


def test_default_gateways_are_chosen_and_cleared(api):
    macs = [new_mac(), new_mac()]
    made = make(api.admin, mac_addresses=macs)
    api.sql(f"""INSERT INTO subnet (name, vlan_id, cidr, gateway_ip) VALUES ('gate-a', 5001, '10.12.1.0/24', '10.12.1.1'),
            ('gate-b', 5001, '10.12.2.0/24', '10.12.2.1');
        INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT v.ip::inet, 1, s.id, i.id FROM (VALUES
            ('gate-a', '10.12.1.7', '{macs[0]}'), ('gate-b', '10.12.2.7', '{macs[1]}')) v (net, ip, mac)
            JOIN subnet s ON s.name = v.net JOIN interface i ON i.mac = v.mac::macaddr;
        UPDATE node SET gateway_link_ipv4_id = (SELECT id FROM ip_address WHERE ip = '10.12.2.7') WHERE
            system_id = '{made['system_id']}'""")
    link = int(api.sql("SELECT id FROM ip_address WHERE ip = '10.12.2.7'"))
    read = api.admin.get(made["resource_uri"]).json()
    assert read["default_gateways"]["ipv4"] == {"gateway_ip": "10.12.2.1", "link_id": link}
    assert api.user("no-gateway").post(made["resource_uri"] + "?op=clear_default_gateways").status == 403
    cleared = api.admin.post(made["resource_uri"] + "?op=clear_default_gateways")
    assert cleared.status == 200 and cleared.json()["default_gateways"]["ipv4"] == {"gateway_ip": "10.12.1.1", "link_id": None}
    assert api.admin.post("machines/nobody/?op=clear_default_gateways").status == 404


def test_numbers_of_power_drivers_are_texts(api):
    made = make(api.admin, power_type="ipmi", power_parameters=json.dumps({"power_address": "10.9.9.9", "power_port": 6230}))
    assert api.admin.get(made["resource_uri"] + "?op=power_parameters").json()["power_port"] == "6230"

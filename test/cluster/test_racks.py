"""A rack of a real cluster: its link comes back after every fault, and power orders reach a machine's BMC through it."""
import json
import os
import pathlib
import shutil
import tempfile
import time

import pytest

from lab import lab as make_lab, wait_for


@pytest.fixture(name="rack_lab", scope="module")
def make_rack_lab():
    with make_lab("gtr", "--racks", "1", "--machines", "1", "--no-images") as lab:
        yield lab


def rack_of(lab):
    status = lab.status()
    return status["racks"][0] if status else {"region": None}


def linked(lab):
    return wait_for("rack1 to be linked", lambda: (rack := rack_of(lab))["region"] == "region1" and rack, 30)


@pytest.fixture(name="machine", scope="module")
def make_machine(rack_lab):
    bmc = rack_lab.facts["machines"][0]["bmc"]
    parameters = {"power_address": bmc["address"], "power_user": bmc["user"], "power_pass": bmc["password"]}
    made = rack_lab.gantry("--json", "machine", "create", "architecture=amd64", "mac_addresses=52:54:00:de:00:01", "deployed=true",
                           "power_type=ipmi", f"power_parameters={json.dumps(parameters)}", host="client")
    return json.loads(made.stdout)["system_id"]


def power(lab, verb, machine):
    return json.loads(lab.gantry("--json", "machine", verb, machine, host="client").stdout)


def power_is_off(lab, machine):
    result = lab.gantry("--json", "machine", "query-power-state", machine, host="client", check=False)
    return result.returncode == 0 and json.loads(result.stdout) == {"state": "off"}


def test_status_says_where_a_rack_is(rack_lab):
    rack = wait_for("the rack's VLANs", lambda: (rack := linked(rack_lab))["vlans"] and rack, 40)
    assert rack["name"] == "rack1" and rack["last_seen_ms"] < 5000
    assert set(rack["subnets"]) == {"10.89.0.0/24", "10.77.0.0/24"}
    listed = json.loads(rack_lab.gantry("--json", "rack-controller", "list", host="client").stdout)
    assert [row["hostname"] for row in listed] == ["rack1"]


def test_power_through_the_rack(rack_lab, machine):
    def qemu():
        return json.loads(rack_lab.run("status").stdout)["machines"][0]["pids"].get("qemu")
    linked(rack_lab)
    assert power(rack_lab, "query-power-state", machine) == {"state": "off"}
    power(rack_lab, "power-on", machine)
    wait_for("the virtual machine", qemu, 30)
    assert (rack_lab.folder / "machine1" / "boot_device").read_text().strip() == "pxe"
    assert power(rack_lab, "query-power-state", machine) == {"state": "on"}
    power(rack_lab, "power-off", machine)
    wait_for("its end", lambda: not qemu(), 30)
    assert "s3cretpw" not in (rack_lab.folder / "rack1" / "log" / "console.log").read_text()


def test_the_machines_of_a_hypervisor_are_added(rack_lab):
    """libvirt's own test driver, asked by the rack's virsh."""
    source = pathlib.Path(__file__).parents[1] / "rack" / "chassis.xml"
    with tempfile.TemporaryDirectory(prefix="gantry-chassis-") as folder:
        os.chmod(folder, 0o755)
        place = pathlib.Path(shutil.copy(source, folder))
        place.chmod(0o644)

        def add(*more, check=True):
            return rack_lab.gantry("machine", "add-chassis", "chassis_type=virsh", f"hostname=test://{place}", *more, host="client", check=check)

        def names():
            listed = json.loads(rack_lab.gantry("--json", "machine", "list", host="client").stdout)
            for row in listed:
                del row["power_state"]  # it is looked at meanwhile
            return {row["hostname"]: row for row in listed if row["power_type"] == "virsh"}

        linked(rack_lab)
        assert add("prefix_filter=Web").stdout.strip() == f"Asking rack1 to add machines from chassis test://{place}"
        assert set(names()) == {"web-1"}
        add("rack_controller=rack1")
        found = names()
        assert len(found) == 2 and found["web-1"]["status_name"] == "New"
        other = next(row for name, row in found.items() if name != "web-1")  # "web_2" is no host name
        assert other["architecture"] == "arm64/generic" and [one["mac_address"] for one in other["interface_set"]] == ["52:54:00:c4:00:03"]
        add()
        assert names() == found
        assert power(rack_lab, "query-power-state", other["system_id"]) == {"state": "on"}
        nothing = rack_lab.gantry("machine", "add-chassis", "chassis_type=virsh", "hostname=test:///nowhere.xml", host="client", check=False)
        assert nothing.returncode == 6 and "nowhere" in nothing.stderr
        rack_lab.gantry("machine", "delete", other["system_id"], host="client")
        add("accept_all=true")
        again = {row["system_id"]: row for row in names().values()}
        fresh, = set(again) - {found["web-1"]["system_id"]}  # what was known before is left alone
        assert again[found["web-1"]["system_id"]]["status_name"] == "New"
        assert again[fresh]["status_name"] == "Commissioning" and again[fresh]["current_commissioning_result_id"]
        rack_lab.gantry("machine", "delete", fresh, host="client")


def test_a_killed_rackd_is_linked_again(rack_lab, machine):
    linked(rack_lab)
    rack_lab.run("kill", "rack1", "--process", "rackd")
    start = time.monotonic()
    wait_for("the answer of the BMC", lambda: power_is_off(rack_lab, machine), 20)
    assert time.monotonic() - start < 10


def test_a_killed_regiond_is_linked_again(rack_lab, machine):
    linked(rack_lab)
    rack_lab.run("kill", "region1", "--process", "regiond")
    wait_for("the region to serve again", lambda: (rack_lab.status() or {}).get("verdict") == "healthy", 40)
    linked(rack_lab)
    wait_for("the answer of the BMC", lambda: power_is_off(rack_lab, machine), 20)


def test_an_isolated_rack_is_seen_and_comes_back(rack_lab, machine):
    linked(rack_lab)
    rack_lab.run("isolate", "rack1")
    start = time.monotonic()
    wait_for("the link to be given up", lambda: rack_of(rack_lab)["region"] is None, 10)
    assert time.monotonic() - start < 8
    refused = rack_lab.gantry("--json", "machine", "power-on", machine, host="client", check=False)
    assert refused.returncode != 0 and "no rack is linked" in refused.stdout + refused.stderr
    rack_lab.run("heal")
    start = time.monotonic()
    linked(rack_lab)
    assert time.monotonic() - start < 10
    assert power_is_off(rack_lab, machine)

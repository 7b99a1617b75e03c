"""Work on machines goes on when the region that is at it dies: the same order again, done once at the BMC."""
import json
import pathlib
import subprocess
import sys
import time

import pytest

from lab import lab as make_lab, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "rack"))
from bmc import Bmc  # noqa: E402

BMC = "10.89.0.199"


@pytest.fixture(name="three", scope="module")
def make_three():
    with make_lab("gto", "--regions", "3", "--racks", "1", "--machines", "0", "--no-images") as lab:
        yield lab


@pytest.fixture(name="bmc")
def make_bmc(three, tmp_path):
    hub = three.plan.hub
    subprocess.run(["ip", "-n", hub, "addr", "replace", f"{BMC}/24", "dev", "brm"], check=True)
    made = Bmc(tmp_path / "bmc", address=BMC, port=623, prefix=("ip", "netns", "exec", hub))
    try:
        yield made
    finally:
        made.close()


def client(lab, *argv, check=True):
    result = lab.gantry("--json", *argv, host="client", check=check)
    return json.loads(result.stdout) if result.returncode == 0 else None


def healthy(lab):
    status = lab.status() or lab.status("region2") or {}
    return status.get("verdict") == "healthy" and all(rack["region"] for rack in status["racks"]) and status


def machine_of(lab, bmc, mac):
    return client(lab, "machine", "create", "architecture=amd64", f"mac_addresses={mac}", "commission=false", "power_type=ipmi",
                  f"power_parameters={json.dumps(bmc.parameters())}")["system_id"]


def set_power(bmc):
    return [line for line in bmc.asked if line.startswith("set power")]


def worker_of(lab, system_id, order):
    """The region whose log says that it gave the order."""
    for region in lab.plan.regions:
        if f"{system_id}: {order}," in (region.folder / "log" / "console.log").read_text(errors="replace"):
            return region.name
    return None


def test_done_once_although_the_region_dies(three, bmc):
    wait_for("a healthy cluster", lambda: healthy(three), 90)
    machine = machine_of(three, bmc, "52:54:00:de:01:01")
    (bmc.folder / "late").write_text("4")
    client(three, "machine", "commission", machine)
    wait_for("the order at the BMC", lambda: "set power 1" in "\n".join(bmc.asked), 30, 0.02)
    worker = wait_for("the region that gave the order", lambda: worker_of(three, machine, "power on"), 5)
    three.run("kill", worker)
    began = time.monotonic()
    read = wait_for("the machine to be known as on",
                    lambda: (row := client(three, "machine", "read", machine, check=False)) and row["power_state"] == "on" and row, 60)
    assert read["status_name"] == "Commissioning", read
    assert time.monotonic() - began < 40
    time.sleep(3)
    assert set_power(bmc) == ["set power 1"], bmc.asked
    events = client(three, "events", "query", f"id={machine}", "level=DEBUG")["events"]
    assert [event["type"] for event in events].count("Node powered on") == 1, events
    three.run("start", worker)
    wait_for("a healthy cluster again", lambda: healthy(three), 120)


def test_release_goes_on(three, bmc):
    """The same on the way down: off is ordered once, and the machine is Ready, nobody's."""
    wait_for("a healthy cluster", lambda: healthy(three), 90)
    machine = machine_of(three, bmc, "52:54:00:de:01:02")
    client(three, "machine", "mark-broken", machine)
    bmc.power = "1"
    (bmc.folder / "late").write_text("4")
    client(three, "machine", "release", machine)
    wait_for("the order at the BMC", lambda: "set power 0" in "\n".join(bmc.asked), 30, 0.02)
    worker = wait_for("the region that gave the order", lambda: worker_of(three, machine, "power off"), 5)
    three.run("kill", worker)
    wait_for("the machine to be Ready",
             lambda: (row := client(three, "machine", "read", machine, check=False)) and row["status_name"] == "Ready", 60)
    time.sleep(2)
    assert set_power(bmc) == ["set power 0"], bmc.asked
    three.run("start", worker)


def test_power_is_looked_at_by_whoever_leads(three, bmc):
    """Nobody asks: the leader finds out, and tells changes alone; so does the next leader."""
    def seen(power):
        return (row := client(three, "machine", "read", machine, check=False)) and row["power_state"] == power
    status = wait_for("a healthy cluster", lambda: healthy(three), 120)
    leader = next(member["name"] for member in status["members"] if member["raft_role"] == "leader")
    bmc.power = "1"
    machine = machine_of(three, bmc, "52:54:00:de:01:03")
    wait_for("the machine to be seen on", lambda: seen("on"), 20)
    three.run("kill", leader)
    bmc.power = "0"
    changed = json.dumps(bmc.parameters(privilege_level="ADMIN"))  # then it is looked at again soon
    wait_for("a primary", lambda: client(three, "machine", "update", machine, f"power_parameters={changed}", check=False), 60)
    wait_for("the machine to be seen off", lambda: seen("off"), 60)
    events = client(three, "events", "query", f"id={machine}", "level=DEBUG")["events"]
    looks = [event["description"] for event in events if event["type"] == "Queried node's BMC"]
    assert looks == ["off (was on)", "on (was unknown)"] and not set_power(bmc)
    three.run("start", leader)

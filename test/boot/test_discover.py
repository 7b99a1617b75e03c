"""The real thing: a lab of one region, one rack and one machine. The machine's BMC switches it on, it boots from the
rack, and is New in the API, through the virtual IP, with its hardware. BIOS in ci; UEFI and Secure Boot at level full."""
import contextlib
import os
import re

import lab
import pytest
from labkit import bringup, discover, plan, system

# Power on to power off, with room for a busy machine: measured 16 s, 30 s, 38 s on an idle one.
LIMIT_S = {"bios": 150, "uefi": 240, "secureboot": 240}


@pytest.fixture(name="lab_of")
def make_lab(images):
    with contextlib.ExitStack() as stack:
        def lab_of(firmware):
            name = f"dt{os.getpid() % 10000}"
            made = stack.enter_context(lab.lab(name, "--machines", "1", "--firmware", firmware, "--images", images))
            return plan.Plan.load(name), made.facts
        yield lab_of


def check_discovery(lab_of, firmware):
    the_plan, facts = lab_of(firmware)
    machine, story = the_plan.machines[0], []
    row = discover.watch(the_plan, machine, facts["admin"]["api_key"], LIMIT_S[firmware],
                         lambda seconds, text: story.append(f"{seconds:6.1f} s  {text}"))
    print("\n".join(story + discover.hardware(row)))
    check_machine(row, machine)
    api = bringup.Api(the_plan, facts["admin"]["api_key"])
    assert [r["system_id"] for r in api.get("machines/")] == [row["system_id"]]
    assert api.get(f"machines/{row['system_id']}/")["status_name"] == "New"
    assert api.get("machines/", op="is_registered", mac_address=machine.mac) is True
    check_power_again(the_plan, machine, api, row)


def check_machine(row, machine):
    assert re.fullmatch(r"[a-z0-9]{6}", row["system_id"])
    assert (row["status"], row["status_name"], row["owner"] or "") == (0, "New", "")
    assert row["hostname"] and row["fqdn"].startswith(row["hostname"])
    assert row["cpu_count"] == 1 and row["cpu_speed"] > 0 and row["memory"] == machine.memory_mib
    disk, = row["physicalblockdevice_set"]
    assert (disk["name"], disk["size"], disk["block_size"]) == ("vda", machine.disk_gib << 30, 512)
    assert disk["serial"] == f"{machine.name}-disk0"[:20] and disk["id_path"].endswith(disk["serial"])
    interface, = row["interface_set"]
    assert interface["mac_address"] == machine.mac and interface["type"] == "physical"
    assert row["boot_interface"]["mac_address"] == machine.mac
    info = row["hardware_info"]
    assert (info["system_vendor"], info["system_product"]) == ("Gantry", "Lab machine")
    assert info["cpu_model"] != "Unknown"
    numa, = row["numanode_set"]
    assert numa["cores"] == [0] and 0 < numa["memory"] <= machine.memory_mib


def check_power_again(the_plan, machine, api, row):
    """A known machine that is switched on again does not come back as a second one."""
    machine.serial_log.unlink()
    discover.power_on(the_plan, machine)
    system.wait_for("a sign of life", lambda: discover.Serial(machine).text(), 30)
    system.wait_for("the rack's answer to a machine that is New",
                    lambda: discover.is_off(the_plan, machine) or len(discover.Serial(machine).text()) > 200, 120, 1)
    rows = api.get("machines/")
    assert [(r["system_id"], r["status_name"]) for r in rows] == [(row["system_id"], "New")]


def test_bios_machine_is_discovered(lab_of):
    check_discovery(lab_of, "bios")


@pytest.mark.level("full")
@pytest.mark.parametrize("firmware", ["uefi", "secureboot"])
def test_uefi_machine_is_discovered(lab_of, firmware):
    check_discovery(lab_of, firmware)

"""A virtual machine boots what scripts/build-images makes, and its agent's report arrives. The network around it is
stock daemons; BIOS by default, UEFI and Secure Boot (shim, GRUB, everything by TFTP) at level full."""
import re
import time

import pytest

POWER_ON_TO_END_S = {"bios": 100, "uefi": 240, "secureboot": 240}


def check_inventory(inventory, machine):
    """The machine that the qemu command line describes."""
    assert inventory["inventory_version"] == 1
    assert inventory["architecture"] == "amd64/generic"
    assert inventory["boot_method"] == ("bios" if machine.firmware == "bios" else "uefi")
    assert inventory["secure_boot"] == {"bios": None, "uefi": False, "secureboot": True}[machine.firmware]
    assert inventory["system"]["vendor"] == "Gantry" and inventory["system"]["product"] == "Lab machine"
    assert inventory["system"]["serial"] == f"LAB-{machine.name}"
    assert inventory["chassis"]["type"] == 1
    assert inventory["cpu"]["threads"] == inventory["cpu"]["cores"] == inventory["cpu"]["sockets"] == 1
    assert inventory["memory"]["installed_bytes"] == machine.memory_mib << 20
    assert 0.7 < inventory["memory"]["usable_bytes"] / (machine.memory_mib << 20) < 1
    assert [numa["cpus"] for numa in inventory["numa"]] == [[0]]
    disk, = inventory["disks"]
    assert (disk["name"], disk["serial"]) == ("vda", f"{machine.name}-disk0"[:20])
    assert disk["size_bytes"] == machine.disk_gib << 30 and disk["block_size"] == 512
    assert disk["id_path"] == "/dev/disk/by-id/virtio-" + disk["serial"]
    interface, = inventory["interfaces"]
    assert interface["mac"] == machine.mac and interface["boot"] and interface["link"]
    assert interface["driver"] == "virtio_net" and interface["vendor"] == "Red Hat, Inc."
    addresses = {pci["address"]: pci for pci in inventory["pci"]}
    assert addresses[disk["address"]]["vendor_id"] == "1af4" and addresses[interface["address"]]["class"] == "020000"


def discover(bench):
    start = time.monotonic()
    bench.serve()
    bench.power_on()
    bench.wait_for_power_off(POWER_ON_TO_END_S[bench.machine.firmware])
    print(f"power on to power off: {time.monotonic() - start:.1f} s", [
        line for line in bench.serial().splitlines() if "gantry-" in line][-12:])
    assert not bench.region.failure, bench.region.failure
    assert bench.region.ended(), bench.serial()[-4000:]
    form, = bench.region.machines
    assert form["mac_addresses"] == bench.machine.mac
    check_inventory(bench.region.inventory(), bench.machine)
    assert "powering off" in bench.serial()


def test_bios_machine_reports_itself(bench_of):
    discover(bench_of("bios"))


@pytest.mark.level("full")
@pytest.mark.parametrize("firmware", ["uefi", "secureboot"])
def test_uefi_machine_reports_itself(bench_of, firmware):
    discover(bench_of(firmware))


@pytest.mark.level("full")
def test_machine_without_region_powers_off(bench_of):
    """The region is gone once the root is loaded: the agent says so and does not leave the machine on."""
    bench = bench_of("bios")
    bench.region.texts["/MAAS/metadata/latest/enlist-preseed/"] = "#cloud-config\n"
    bench.region.faults = {("GET", "/MAAS/metadata/latest/enlist-preseed/"): [503] * 1000}
    bench.serve("gantry.limit_s=10")
    bench.power_on()
    bench.wait_for_power_off(POWER_ON_TO_END_S["bios"])
    assert re.search(r"status 503.*trying again in", bench.serial())
    assert "the time of 10 s is over" in bench.serial() or "not done within 10 s" in bench.serial()

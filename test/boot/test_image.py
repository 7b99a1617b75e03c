"""A virtual machine boots what scripts/build-images makes, and its agent's report arrives. The network around it is
stock daemons; BIOS by default, UEFI and Secure Boot (shim, GRUB, everything by TFTP) at level full."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import lan
import metadata
import pytest
from labkit import machines, plan, system

PORT = 5240
POWER_ON_TO_END_S = {"bios": 100, "uefi": 240, "secureboot": 240}


class Bench:
    """One machine, the network it boots from, and the region it talks to."""

    def __init__(self, firmware, images, folder):
        self.images, self.folder = images, folder
        name = f"bt{os.getpid() % 10000}"
        self.machine = plan.Machine(f"machine{os.getpid() % 1000}", 1, "52:54:00:77:00:01", "", folder / "machine",
                                    firmware, memory_mib=1024, disk_gib=4)
        self.lan = lan.Lan(name, folder)
        self.region = metadata.Region(images)
        self.process = None

    def cmdline(self, extra=""):
        return (f"console=ttyS0 root=squash:http://{lan.ADDRESS}:{PORT}/images/root.squashfs "
                f"BOOTIF=01-{self.machine.mac.replace(':', '-')} init=/sbin/gantry-agent {extra} "
                f"cloud-config-url={self.region.enlist_url()}")

    def serve(self, extra=""):
        self.lan.make(self.machine.tap)
        self.lan.inside(lambda: self.region.listen(lan.ADDRESS, PORT) or True)
        self.lan.serve_advertisements()
        if self.machine.firmware == "bios":
            base = f"http://{lan.ADDRESS}:{PORT}/images"
            (self.images / "boot.ipxe").write_text(
                f"#!ipxe\nkernel {base}/vmlinuz {self.cmdline(extra)} initrd=initrd.gz\ninitrd {base}/initrd.gz\nboot\n",
                encoding="utf-8")
            self.lan.serve_dhcp(f"{base}/boot.ipxe")
            return
        words = " ".join(f"'{word}'" for word in self.cmdline(extra).split())  # "?" means something to GRUB
        (self.images / "grub" / "grub.cfg").write_text(f"linux /vmlinuz {words}\ninitrd /initrd.gz\nboot\n",
                                                       encoding="utf-8")
        self.lan.serve_tftp(self.images)
        self.lan.serve_dhcp("bootx64.efi")

    def power_on(self):
        machines.make(self.machine)
        argv = machines.qemu_argv(self.machine)
        log = open(self.folder / "qemu.log", "ab")  # pylint: disable=consider-using-with
        with log:
            self.process = subprocess.Popen(system.in_netns(self.lan.netns, *argv), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def serial(self):
        try:
            text = self.machine.serial_log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)

    def wait_for_power_off(self, timeout_s):
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still on after {timeout_s} s; its console:\n" + self.serial()[-4000:])

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.region.close()
        self.lan.close()


@pytest.fixture(name="bench_of")
def make_bench(images):
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("no qemu (scripts/setup)")
    with tempfile.TemporaryDirectory(prefix="gantry-boot-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)  # tftpd reads as nobody
        shutil.copytree(images, folder / "images")
        benches = []

        def bench_of(firmware):
            benches.append(Bench(firmware, folder / "images", folder))
            return benches[-1]
        yield bench_of
        for bench in benches:
            bench.close()


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

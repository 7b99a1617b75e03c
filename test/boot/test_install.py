"""A virtual machine is installed by the agent and boots what was installed: its own cloud-init says so. The image's transfer is
broken on the way."""
import hashlib
import re
import subprocess
import time

import lan
import pytest
from bench import PORT
from metadata import KEY, SYSTEM_ID

IMAGE = "debian.ext4.zst"
INSTALLED_S, UP_S = 300, 400
MIB = 1 << 20


def flat(machine):
    """BIOS: a place for GRUB and the rest for the root."""
    return [
        {"id": "vda", "type": "disk", "ptable": "gpt", "serial": f"{machine.name}-disk0"[:20], "path": "/dev/vda", "grub_device": True},
        {"id": "vda-part1", "type": "partition", "device": "vda", "number": 1, "size": f"{MIB}B", "flag": "bios_grub"},
        {"id": "vda-part2", "type": "partition", "device": "vda", "number": 2, "size": f"{(machine.disk_gib << 30) - 3 * MIB}B"},
        {"id": "root", "type": "format", "volume": "vda-part2", "fstype": "ext4", "label": "root",
         "uuid": "6a3c2f0e-0f5e-4a55-9d7b-2f1d6d7f2f11"},
        {"id": "mount", "type": "mount", "device": "root", "path": "/"}]


def lvm(machine):
    disk, grub, rest, _, _ = flat(machine)
    return [
        disk, grub, rest,
        {"id": "group", "type": "lvm_volgroup", "name": "vg-root", "devices": ["vda-part2"]},
        {"id": "volume", "type": "lvm_partition", "volgroup": "group", "name": "lvroot", "size": f"{3 << 30}B"},
        {"id": "swap", "type": "lvm_partition", "volgroup": "group", "name": "lvswap", "size": f"{256 * MIB}B"},
        {"id": "root", "type": "format", "volume": "volume", "fstype": "ext4"},
        {"id": "mount", "type": "mount", "device": "root", "path": "/"},
        {"id": "fswap", "type": "format", "volume": "swap", "fstype": "swap"},
        {"id": "mswap", "type": "mount", "device": "fswap", "path": "none"}]


def uefi(machine):
    disk, efi, rest, root, mount = flat(machine)
    efi.update(size=f"{128 * MIB}B", flag="boot")
    rest.update(size=f"{(machine.disk_gib << 30) - 130 * MIB}B")
    return [disk, efi, rest,
            {"id": "efi", "type": "format", "volume": "vda-part1", "fstype": "fat32", "label": "EFI"}, root, mount,
            {"id": "mefi", "type": "mount", "device": "efi", "path": "/boot/efi"}]


def files(machine):
    base = f"http://{lan.ADDRESS}:{PORT}/MAAS/metadata/"
    keys = ", ".join(f"{name}: {value}" for name, value in KEY.items())
    return [
        {"path": "/etc/cloud/cloud.cfg.d/90_maas_datasource.cfg", "mode": 0o600,
         "content": f"datasource:\n  MAAS: {{metadata_url: '{base}', {keys}}}\n"},
        {"path": "/etc/cloud/cloud.cfg.d/90_maas_reporting.cfg", "mode": 0o600,
         "content": f"reporting:\n  maas: {{type: webhook, endpoint: '{base}status/{SYSTEM_ID}', {keys}}}\n"},
        {"path": "/etc/cloud/cloud.cfg.d/50_network.cfg", "mode": 0o644,
         "content": "network: {version: 1, config: [{type: physical, name: eth0, mac_address: '%s', subnets: [{type: dhcp4}]}]}\n"
                    % machine.mac}]


def image_of(bench, name, form):
    body = (bench.images / name).read_bytes()
    return {"form": form, "path": "/images/" + name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def task(bench, storage):
    return {"task": "deploy", "end": "reboot", "system_id": SYSTEM_ID, "hostname": "happy-hippo",
            "storage": {"version": 1, "config": storage}, "kernel_options": "console=ttyS0",
            "image": image_of(bench, IMAGE, "raw.zst"), "files": files(bench.machine)}


def install(bench, storage, **more):
    region = bench.region
    region.known = True
    region.task = {**task(bench, storage), **more}
    region.cuts = {"/images/" + IMAGE: 20 * MIB}
    booted_disk = []

    def from_disk():
        booted_disk.append(time.monotonic())
        bench.boot_from_disk()
    region.on_netboot_off = from_disk
    bench.serve("gantry.limit_s=600")
    start = time.monotonic()
    bench.power_on()
    region.wait(lambda: booted_disk or ("cmd-install", "FAIL") in region.events(), INSTALLED_S)
    assert booted_disk, bench.serial()[-6000:]
    assert ("/images/" + IMAGE, 20 * MIB) in region.ranges
    up = region.wait(lambda: ("modules-final", "SUCCESS") in region.events(), UP_S)
    print("\n".join(line for line in bench.serial().splitlines() if "gantry-agent" in line))
    print(f"power on to netboot off {booted_disk[0] - start:.1f} s, to modules-final {time.monotonic() - start:.1f} s")
    print([event for event in region.events() if "FAIL" in event[1] or "WARN" in event[1]], len(region.events()))
    assert up, bench.serial()[-6000:]
    names = [event for event in region.events() if event[0].startswith("cmd-install")]
    assert names[0] == ("cmd-install", "start") and names[-1] == ("cmd-install", "SUCCESS")
    assert not [event for event in region.events() if event[1] == "FAIL"]
    assert re.search("user-data ran on happy-hippo", bench.serial())


@pytest.mark.level("full")  # test_deployment.py installs one as well
def test_bios_flat(bench_of):
    bench = bench_of("bios")
    install(bench, flat(bench.machine))


@pytest.mark.level("full")
def test_bios_kexec(bench_of):
    """The installed kernel starts without the firmware, which would find nothing to boot."""
    bench = bench_of("bios")
    bench.boot_from_disk = lambda: bench.answer("poweroff\n")
    install(bench, flat(bench.machine), kexec=True)
    assert len(re.findall(r"Linux version", bench.serial())) == 2 and "iPXE" not in bench.serial().split("kexec: the kernel is loaded")[1]


@pytest.mark.level("full")
def test_bios_lvm(bench_of):
    bench = bench_of("bios")
    install(bench, lvm(bench.machine))


@pytest.mark.level("full")
@pytest.mark.parametrize("firmware", ["uefi", "secureboot"])
def test_uefi(bench_of, firmware):
    bench = bench_of(firmware)
    install(bench, uefi(bench.machine))


@pytest.mark.level("full")
def test_in_memory(bench_of):
    """No disk is touched; the agent becomes the system that it brought."""
    bench = bench_of("bios")
    bench.machine.memory_mib = 2048
    region = bench.region
    region.known = True
    region.task = {**task(bench, []), "in_memory": True}
    bench.serve("gantry.limit_s=600")
    start = time.monotonic()
    bench.power_on()
    up = region.wait(lambda: ("modules-final", "SUCCESS") in region.events(), INSTALLED_S + UP_S)
    print(f"power on to modules-final {time.monotonic() - start:.1f} s")
    assert up, bench.serial()[-6000:]
    assert not [event for event in region.events() if event[1] == "FAIL"]
    assert re.search("user-data ran on happy-hippo", bench.serial())
    with open(bench.machine.folder / "disk.img", "rb") as disk:
        assert not any(disk.read(MIB))


@pytest.mark.level("full")
def test_whole_disk(bench_of):
    """A disk with its own partitions is written as it is; its system gets its name and the task's files."""
    bench = bench_of("bios")
    disk = bench.folder / "whole.img"
    raw = subprocess.run(["zstd", "-dc", bench.images / IMAGE], check=True, capture_output=True).stdout
    with open(disk, "wb") as file:
        file.truncate(len(raw) + 4 * MIB)
        file.seek(2 * MIB)
        file.write(raw)
    subprocess.run(["sgdisk", "-n", "1:2048:+1023K", "-t", "1:ef02", "-n", f"2:{2 * MIB // 512}:+{len(raw) // 1024}K", disk], check=True,
                   capture_output=True)
    subprocess.run(["tar", "-I", "gzip -1", "-cf", bench.images / "whole.tgz", "whole.img"], check=True, cwd=bench.folder)
    region, off = bench.region, []
    region.known = True
    region.task = {**task(bench, flat(bench.machine)), "image": image_of(bench, "whole.tgz", "dd.tgz")}
    region.on_netboot_off = lambda: off.append(time.monotonic())
    bench.serve("gantry.limit_s=600")
    start = time.monotonic()
    bench.power_on()
    region.wait(lambda: off or ("cmd-install", "FAIL") in region.events(), INSTALLED_S)
    assert off, bench.serial()[-6000:]
    print(f"power on to netboot off {off[0] - start:.1f} s")
    region.wait(lambda: ("cmd-install", "SUCCESS") in region.events(), 30)
    bench.process.kill()
    bench.process.wait()
    system = f"{bench.machine.folder / 'disk.img'}?offset={2 * MIB}"

    def content(path):
        return subprocess.run(["/usr/sbin/debugfs", "-R", f"cat {path}", system], check=True, capture_output=True, text=True).stdout
    assert content("/etc/hostname") == "happy-hippo\n"
    assert content("/etc/cloud/cloud.cfg.d/90_maas_datasource.cfg") == files(bench.machine)[0]["content"]
    assert "Made at installation" not in content("/etc/fstab")  # that of the image

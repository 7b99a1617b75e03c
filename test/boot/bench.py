"""One virtual machine, the network it boots from, and the region it talks to (metadata.py)."""
import os
import re
import subprocess

import lan
import metadata
import pytest
from labkit import machines, plan, system

PORT = 5240


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
            self.answer(f"kernel {base}/vmlinuz {self.cmdline(extra)} initrd=initrd.gz\ninitrd {base}/initrd.gz\nboot\n")
            self.lan.serve_dhcp(f"{base}/boot.ipxe")
            return
        words = " ".join(f"'{word}'" for word in self.cmdline(extra).split())  # "?" means something to GRUB
        (self.images / "grub" / "grub.cfg").write_text(f"linux /vmlinuz {words}\ninitrd /initrd.gz\nboot\n",
                                                       encoding="utf-8")
        self.lan.serve_tftp(self.images)
        self.lan.serve_dhcp("bootx64.efi")

    def answer(self, script):
        """What iPXE is told from now on."""
        (self.images / "boot.ipxe").write_text("#!ipxe\n" + script, encoding="utf-8")

    def boot_from_disk(self):
        """The machine still asks the network first."""
        self.answer("sanboot --no-describe --drive 0x80\n")
        if self.machine.firmware != "bios":
            (self.images / "grub" / "grub.cfg").write_text(
                "search --no-floppy --set=root --file /efi/debian/shimx64.efi\nchainloader /efi/debian/shimx64.efi\nboot\n",
                encoding="utf-8")

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

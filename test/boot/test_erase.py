"""The agent erases disks: as first process in namespaces of its own, with a loop device as the machine's disk. In such a
namespace the kernel carries out power off by ending the first process with SIGINT."""
import os
import shutil
import signal
import subprocess

import lan
import metadata
import pytest
from metadata import SYSTEM_ID
from test_report import lay_out

PORT, MIB, DISK_MIB = 5240, 1 << 20, 64

# Both folders become file systems of their own, or the agent would mount the real ones over them.
# $1 a recorded /sys and the kernel's command line, $2 the minor number of the disk, $3 the agent.
SETUP = """
set -e
mount -t tmpfs none /sys
cp -a "$1/sys/." /sys/
mount --bind "$1/cmdline" /proc/cmdline
mount -t tmpfs -o mode=755 none /dev
mknod /dev/vda b 7 "$2"
mknod /dev/null c 1 3
mknod /dev/urandom c 1 9
test "$(stat -c %t /dev/vda)" = 7  # a loop device and nothing else
exec "$3"
"""


class Erasing:
    def __init__(self, build, folder):
        self.build, self.folder, self.disk, self.loop = build, folder, folder / "disk.img", None
        self.region, self.lan = metadata.Region(), lan.Lan(f"er{os.getpid() % 10000}", folder)

    def prepare(self):
        with open(self.disk, "wb") as disk:
            for where in (0, 30 * MIB, DISK_MIB * MIB - 4096):
                disk.seek(where)
                disk.write(b"secret" * 100)
            disk.truncate(DISK_MIB * MIB)
        tree = lay_out("bios_vm", self.folder / "machine")
        (tree / "sys/block/vda/size").write_text(f"{DISK_MIB * MIB // 512}\n", encoding="ascii")
        self.loop = subprocess.run(["losetup", "-f", "--show", self.disk], check=True, capture_output=True, text=True).stdout.strip()
        self.lan.make("er-tap")
        self.lan.inside(lambda: self.region.listen(lan.ADDRESS, PORT) or True)
        self.region.known = True
        (tree / "cmdline").write_text(f"cloud-config-url={self.region.enlist_url()} gantry.limit_s=60\n", encoding="ascii")
        return tree

    def run(self, **how):
        """The agent's console."""
        tree = self.prepare()
        self.region.task = {"task": "erase", "end": "poweroff", "system_id": SYSTEM_ID, **how}
        done = subprocess.run(
            ["ip", "netns", "exec", self.lan.netns, "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
             "--mount-proc", "/bin/sh", "-c", SETUP, "sh", tree, str(os.minor(os.stat(self.loop).st_rdev)), self.build / "gantry-agent"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False, env={"PATH": os.environ["PATH"]})
        assert "Sanitizer" not in done.stderr, done.stderr
        assert done.returncode in (-signal.SIGINT, 128 + signal.SIGINT), done.stderr
        return done.stderr

    def left(self):
        """Where the secret still is, in MiB."""
        with open(self.disk, "rb") as disk:
            return [where for where in range(DISK_MIB) if b"secret" in disk.read(MIB)]

    def close(self):
        self.region.close()
        if self.loop:
            subprocess.run(["losetup", "-d", self.loop], check=True)
        self.lan.close()


@pytest.fixture(name="erasing")
def make_erasing(build, tmp_path):
    if os.geteuid() or not shutil.which("losetup"):
        pytest.skip("namespaces and loop devices are made by root")
    made = Erasing(build, tmp_path)
    yield made
    made.close()


def test_quick_takes_both_ends(erasing):
    console = erasing.run(quick=True, secure=True)  # this disk has no command of its own
    assert erasing.region.events() == [("modules-final", "SUCCESS")], console
    assert "/dev/vda: erased (its ends)" in console
    assert erasing.left() == [30]


def test_overwriting_takes_all(erasing):
    console = erasing.run()
    assert erasing.region.events() == [("modules-final", "SUCCESS")], console
    assert erasing.left() == []


def test_what_cannot_be_written_is_told(erasing):
    """The disk is smaller than it said: not all of it can have been erased."""
    tree = erasing.prepare
    erasing.prepare = lambda: grown(tree())
    console = erasing.run()
    assert erasing.region.events() == [("modules-final", "FAIL")], console
    last = erasing.region.signals()[-1].text_parts()
    assert last["status"] == "FAILED" and "overwrite" in last["error"]


def grown(tree):
    (tree / "sys/block/vda/size").write_text(f"{2 * DISK_MIB * MIB // 512}\n", encoding="ascii")
    return tree

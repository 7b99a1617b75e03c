"""The initrd: busybox, the modules that network and squashfs need, our init; and, as a second archive
behind it, the agent. The kernel unpacks concatenated archives one after the other, so a new agent
costs no new root file system.
"""
import gzip
import io
import pathlib
import re
import subprocess
import tarfile

from imagekit import packages

HERE = pathlib.Path(__file__).resolve().parent
# What must be there before the root is mounted, and what the inventory wants to see. A name that this
# kernel has built in or does not have is left out; dependencies come from modules.dep.
MODULES = ["virtio_pci", "virtio_net", "vmxnet3", "ena", "gve", "hv_netvsc", "e1000", "e1000e", "igb", "ixgbe", "r8169", "tg3",
           "loop", "squashfs", "overlay", "virtio_blk", "virtio_scsi", "nvme", "ahci", "sd_mod", "virtio_rng"]
NEEDED = {"virtio_pci", "virtio_net", "loop", "squashfs", "overlay"}


class Archive:
    """cpio, "newc" form, as Documentation/driver-api/early-userspace/buffer-format.rst has it."""

    def __init__(self):
        self.parts = []
        self.number = 0
        self.folders = {""}

    def _entry(self, name, mode, body=b"", device=(0, 0)):
        self.number += 1
        raw = name.encode() + b"\0"
        fields = (self.number, mode, 0, 0, 1, 0, len(body), 0, 0, *device, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % value for value in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), body, b"\0" * (-len(body) % 4)]

    def folder(self, name):
        if name not in self.folders:
            self.folder(name.rpartition("/")[0])
            self.folders.add(name)
            self._entry(name, 0o040755)

    def file(self, name, body, mode=0o755):
        self.folder(name.rpartition("/")[0])
        self._entry(name, 0o100000 | mode, body)

    def link(self, name, target):
        self.folder(name.rpartition("/")[0])
        self._entry(name, 0o120777, target.encode())

    def character_device(self, name, major, minor):
        self.folder(name.rpartition("/")[0])
        self._entry(name, 0o020600, b"", (major, minor))

    def packed(self):
        self._entry("TRAILER!!!", 0)
        return gzip.compress(b"".join(self.parts), compresslevel=6, mtime=0)


def module_files(folder):
    """Paths below folder in the order in which they can be inserted."""
    depends, built_in = {}, set()
    stem = lambda path: re.sub(r"\.ko(\.[a-z]+)?$", "", path.rsplit("/", 1)[-1]).replace("-", "_")
    for line in (folder / "modules.dep").read_text(encoding="ascii").splitlines():
        path, _, needs = line.partition(":")
        depends[path] = needs.split()
    for line in (folder / "modules.builtin").read_text(encoding="ascii").splitlines():
        built_in.add(stem(line))
    by_name = {stem(path): path for path in depends}
    order = []
    for name in MODULES:
        if name not in by_name:
            if name in NEEDED and name not in built_in:
                raise packages.PackagesError(f"this kernel has no module {name}")
            continue
        # modules.dep lists the nearest first; the farthest must go in first.
        for path in [*reversed(depends[by_name[name]]), by_name[name]]:
            if path not in order:
                order.append(path)
    return order


def plain_module(path):
    if path.suffix == ".xz":
        return subprocess.run(["xz", "-dc", str(path)], capture_output=True, check=True).stdout
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout
    return path.read_bytes()


def system_part(modules):
    """The archive without the agent; modules is the folder of the kernel's modules, with modules.dep."""
    archive = Archive()
    for name in ("proc", "sys", "dev", "run", "image", "lower", "upper", "newroot", "agent"):
        archive.folder(name)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    busybox = pathlib.Path("/bin/busybox").read_bytes()
    archive.file("bin/busybox", busybox)
    for name in subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if name != "busybox" and "/" not in name:
            archive.link("bin/" + name, "busybox")
    archive.file("init", (HERE / "init").read_bytes())
    archive.file("udhcpc", (HERE / "udhcpc").read_bytes())
    order = []
    for path in module_files(modules):
        name = re.sub(r"\.(xz|zst)$", "", path.rsplit("/", 1)[-1])
        order.append(name)
        archive.file("modules/" + name, plain_module(modules / path), 0o644)
    archive.file("modules/order", ("\n".join(order) + "\n").encode(), 0o644)
    return archive.packed()


def shared_libraries(program):
    """Paths of the shared libraries that the dynamic linker would load for program."""
    text = packages.run(["ldd", str(program)])
    if "not found" in text:
        raise packages.PackagesError(f"{program}: a library is missing: {text.strip()}")
    return re.findall(r"=> (/\S+)", text)


def agent_part(agent, present):
    """The archive with the agent and those of its libraries whose names the root lacks (present: names)."""
    archive = Archive()
    # /sbin and /lib are links in the root, so the real places are named.
    archive.file("agent/usr/sbin/gantry-agent", pathlib.Path(agent).read_bytes())
    for path in shared_libraries(agent):
        name = path.rsplit("/", 1)[-1]
        if name not in present:
            archive.file("agent/usr/lib/x86_64-linux-gnu/" + name, pathlib.Path(path).read_bytes())
    return archive.packed()


# The agent runs under systems that are older than it, or other ones, by the linker and libraries it brings.
STARTER = b"""#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
GANTRY_AGENT=$here/gantry-agent
export GANTRY_AGENT
exec "$here/lib/ld.so" --library-path "$here/lib" "$here/lib/gantry-agent" "$@"
"""


def agent_archive(agent):
    """A tar.gz with the agent and all that it needs: gantry-agent, which starts it, and lib/."""
    files = {"gantry-agent": STARTER, "lib/gantry-agent": pathlib.Path(agent).read_bytes()}
    for path in shared_libraries(agent):
        files["lib/" + path.rsplit("/", 1)[-1]] = pathlib.Path(path).read_bytes()
    linker, = re.findall(r"^\s*(/\S*/ld-linux\S*) ", packages.run(["ldd", str(agent)]), re.MULTILINE)
    files["lib/ld.so"] = pathlib.Path(linker).read_bytes()
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(body.getvalue(), compresslevel=6, mtime=0)

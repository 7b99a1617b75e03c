"""The ephemeral root file system: Debian's minbase without systemd, plus the tools the agent calls.

mmdebstrap makes the tree, mksquashfs packs it. The kernel package is unpacked, not installed: its dependencies
(initramfs-tools, perl, udev) and its initrd are not wanted here.
"""
import pathlib
import shutil

from imagekit import packages

HERE = pathlib.Path(__file__).resolve().parent

# Modules that a machine in the ephemeral system may need: disks, network, file systems.
KEEP = ["arch", "crypto", "lib", "drivers/ata", "drivers/base", "drivers/block", "drivers/char", "drivers/cdrom", "drivers/firmware",
        "drivers/hid", "drivers/hv", "drivers/input", "drivers/md", "drivers/misc", "drivers/net", "drivers/nvme", "drivers/pci",
        "drivers/ptp", "drivers/scsi", "drivers/usb", "drivers/virtio", "drivers/xen", "fs/btrfs", "fs/efivarfs", "fs/ext4",
        "fs/fat", "fs/fuse", "fs/isofs", "fs/jbd2", "fs/nls", "fs/overlayfs", "fs/squashfs", "fs/xfs", "fs/fscache", "fs/mbcache.ko",
        "net/8021q", "net/802", "net/core", "net/ipv6", "net/llc", "net/packet", "net/sched"]
WITHOUT = ["usr/share/man", "usr/share/doc", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/lib/udev/hwdb.d",
           "usr/share/misc/enterprise-numbers.txt"]

# Runs on the host with the tree as $1: fetch the kernel that the meta package names, unpack, thin out.
KERNEL_HOOK = r"""
set -eu
tree=$1 out=@OUT@
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
image=$(apt-cache depends --no-recommends --no-suggests @KERNEL@ | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
test -n "$image"
cd "$out"
apt-get -q download "$image" >&2
dpkg-deb -x "$image"_*.deb kernel
mkdir -p modules.kept
release=$(ls kernel/lib/modules 2>/dev/null || ls kernel/usr/lib/modules)
from=kernel/lib/modules/$release
test -d "$from" || from=kernel/usr/lib/modules/$release
for part in @KEEP@; do
    test -e "$from/kernel/$part" || continue
    mkdir -p "modules.kept/kernel/$(dirname "$part")"
    cp -a "$from/kernel/$part" "modules.kept/kernel/$part"
done
rm -rf modules.kept/kernel/drivers/net/wireless
cp -a "$from"/modules.builtin* "$from"/modules.order modules.kept/
mkdir -p "$tree/usr/lib/modules"
cp -a modules.kept "$tree/usr/lib/modules/$release"
chown -R 0:0 "$tree/usr/lib/modules"
chroot "$tree" depmod "$release"
cp -a "$tree/usr/lib/modules/$release" modules
cp kernel/boot/vmlinuz-"$release" vmlinuz
echo "$release" >kernel_release
rm -rf kernel modules.kept *.deb
"""

# perl (not perl-base) comes with a library that links it for SNMP, Python and ICU with xfs_scrub; nothing here calls them.
REMOVED = r"perl|perl-modules-.*|libperl5.*|(lib)?python3.*|libicu\d+|libsqlite3-0"

CLEAN_HOOK = r"""
set -eu
tree=$1
rm -rf "$tree"/boot/* "$tree"/usr/share/zoneinfo "$tree"/usr/lib/python3* "$tree"/usr/sbin/xfs_scrub* \
    "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/* "$tree"/var/log/* \
    "$tree"/var/cache/debconf/*-old "$tree"/var/lib/dpkg/*-old
: >"$tree/etc/machine-id"
echo gantry-ephemeral >"$tree/etc/hostname"
chroot "$tree" dpkg-query -W -f '${Package} ${Version}\n' >@OUT@/package_list
(cd "$tree" && find usr/lib usr/lib64 -name '*.so*' ! -path '*/modules/*') >@OUT@/library_list
"""


def build(kernel, out, say):
    """Fill the folder out: root.squashfs, vmlinuz, kernel_release, modules/, package_list, library_list."""
    tools = [name for name in packages.chosen(kernel) if name != kernel]
    (out / "sources.list").write_text("\n".join(packages.sources()) + "\n", encoding="utf-8")
    tree = out / "tree"
    values = {"@OUT@": str(out), "@KERNEL@": kernel, "@KEEP@": " ".join(KEEP)}
    hooks = []
    for name, text in (("kernel", KERNEL_HOOK), ("clean", CLEAN_HOOK)):
        for key, value in values.items():
            text = text.replace(key, value)
        path = out / f"hook_{name}"
        path.write_text("#!/bin/sh" + text, encoding="utf-8")
        path.chmod(0o755)
        hooks.append(f"--customize-hook={path}")
    hooks.insert(1, f"--customize-hook=/usr/bin/python3 -B {HERE / 'removed.py'} \"$1\" '{REMOVED}'")
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet", "--architectures=amd64",
            '--aptopt=APT::Install-Recommends "false"', f"--include={','.join(tools)}", *hooks,
            *[f"--dpkgopt=path-exclude=/{path}/*" for path in WITHOUT if "." not in path.rsplit("/", 1)[-1]],
            *[f"--dpkgopt=path-exclude=/{path}" for path in WITHOUT],
            packages.suite(), str(tree), str(out / "sources.list")]
    squash = ["mksquashfs", str(tree), str(out / "root.squashfs"), "-quiet", "-no-progress", "-comp", "zstd",
              "-Xcompression-level", "9", "-b", "256K"]
    say("root: installing %d packages and what they need (%s)" % (len(tools), packages.suite()))
    for command in (argv, squash):
        packages.logged(command, out / "build.log")
        say(f"root: {command[0]} is done")
    shutil.rmtree(tree)

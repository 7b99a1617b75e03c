"""The operating system that machines are deployed with: Debian with systemd, cloud-init as it comes, GRUB for BIOS and
UEFI with the signed copies for Secure Boot, a kernel. mmdebstrap makes the tree; it becomes an ext4 file
system, so that the agent writes it to a partition as it arrives, without unpacking files, and a squashfs, so that
machines can also be commissioned by a stock system.
"""
import math
import pathlib
import shutil
import subprocess

from imagekit import packages

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = ["systemd-sysv", "systemd-resolved", "systemd-timesyncd", "udev", "dbus", "libpam-systemd", "cloud-init", "cloud-guest-utils",
           "openssh-server", "sudo", "ca-certificates", "iproute2", "iputils-ping", "netbase", "lvm2", "e2fsprogs", "dosfstools",
           "grub2-common", "grub-pc-bin", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed", "initramfs-tools",
           "usr-is-merged",  # in the place of usrmerge (below)
           "zstd",  # for the initrd: without it that is packed by gzip, which takes longer to unpack
           "lshw", "dmidecode", "ipmitool", "pci.ids", "smartmontools",  # for the scripts of commissioning
           "gpg"]  # for keys of archives that people name: cloud-init's apt
WITHOUT = ["usr/share/man", "usr/share/doc", "usr/share/locale", "usr/share/info", "usr/share/lintian"]
RAW, SQUASHFS = "root.ext4", "root.squashfs"
USELESS = ["byobu", "disable-ec2-metadata", "fan", "grub-dpkg", "landscape", "lxd", "refresh_rmc_and_interface", "reset_rmc",
           "rightscale_userdata", "snap", "ssh-import-id", "ubuntu-[a-z]*"]
# What a machine in a data centre has no use for at its first boot, and what the packages leave to be made then.
# mmdebstrap empties /tmp of the tree itself; its apt.conf is in there: without that it would clean the host's apt.
CLEAN_HOOK = r"""
set -eu
tree=$1
# usrmerge has done its work, and brought the whole of Perl with it; dpkg says whether something else wants that.
if chroot "$tree" dpkg-query -W usrmerge >/dev/null 2>&1; then
    chroot "$tree" dpkg-query -W -f '${Package}\n' | grep -Ex 'usrmerge|perl|perl-modules-.*|libperl5.*|lib(file-find-rule|number-compare|text-glob)-perl' |
        xargs chroot "$tree" dpkg --purge
fi
chroot "$tree" systemctl enable systemd-networkd systemd-resolved >/dev/null 2>&1
chroot "$tree" systemctl disable smartmontools >/dev/null 2>&1
chroot "$tree" systemctl mask dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount e2scrub_reap.service \
    systemd-repart.service >/dev/null 2>&1
# A server whose name nobody resolves any more would hold the machine's end up for 5 s; all it would still do is to date its file.
mkdir "$tree/etc/systemd/system/systemd-timesyncd.service.d"
printf '[Service]\nTimeoutStopSec=100ms\n' >"$tree/etc/systemd/system/systemd-timesyncd.service.d/10_gantry_image.conf"
cat >"$tree/etc/cloud/cloud.cfg.d/10_gantry_image.cfg" <<'END'
# The metadata service is the only source; the locale is that of the image; RSA host keys take long to make. The installer
# has written the network's configuration before networkd started, and has grown the root to the size of its partition.
datasource_list: [MAAS]
locale: C.UTF-8
ssh_genkeytypes: [ed25519, ecdsa]
disable_network_activation: true
growpart: {mode: 'off'}
resize_rootfs: false
END
# As the package has the lists, without what does nothing here: it is for other distributions and machines, for packages that are not
# there yet at that moment, or (grub-dpkg) for a GRUB that is a package's work.
awk '/^[^ #]/ { on = /^cloud_(config|final)_modules:/ }
     on && !/^ *- *"?(@USELESS@)"?$/ && /[^ ]/ && !/^ *#/' "$tree/etc/cloud/cloud.cfg" >"$tree/etc/cloud/cloud.cfg.d/11_gantry_modules.cfg"
rm -rf "$tree"/etc/ssh/ssh_host_* "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb \
    "$tree"/var/log/* "$tree"/var/cache/debconf/*-old "$tree"/var/lib/dpkg/*-old "$tree"/var/lib/cloud/*
mkdir -p "$tree/boot/efi" "$tree/var/log/journal"
: >"$tree/etc/machine-id"
rm -f "$tree/var/lib/dbus/machine-id" "$tree/etc/resolv.conf"
ln -s ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
echo LANG=C.UTF-8 >"$tree/etc/default/locale"
echo localhost >"$tree/etc/hostname"
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$tree/etc/hosts"
chroot "$tree" dpkg-query -W -f '${Package} ${Version}\n' >@OUT@/package_list
touch "$tree/etc/.updated" "$tree/var/.updated"
"""
# GRUB reads neither of the two features left out; the journal is made on the machine, in the size of its disk. The
# reserve lets the mounted file system grow to 8 TiB.
FORMAT = ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal,^orphan_file,^metadata_csum_seed", "-L", "root", "-m", "1",
          "-b", "4096", "-I", "256", "-E", "resize=2147483647,lazy_itable_init=1"]


def versions(kernel):
    return packages.chosen(kernel, INCLUDE)


def sizes(tree):
    """(bytes, files) of the tree, as the file system will take them."""
    blocks = files = 0
    for path in [tree, *tree.rglob("*")]:
        status = path.lstat()
        files += 1
        blocks += math.ceil(status.st_size / 4096) if not path.is_dir() else 1
    return blocks * 4096, files


def build(kernel, out, say):
    """Fill the folder out: root.ext4.zst, root.squashfs, package_list."""
    (out / "sources.list").write_text("\n".join(packages.sources()) + "\n", encoding="utf-8")
    tree, raw = out / "tree", out / RAW
    hook = out / "hook_clean"
    hook.write_text("#!/bin/sh" + CLEAN_HOOK.replace("@OUT@", str(out)).replace("@USELESS@", "|".join(USELESS)), encoding="utf-8")
    hook.chmod(0o755)
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet", "--architectures=amd64",
            '--aptopt=APT::Install-Recommends "false"', f"--include={','.join(versions(kernel))}", f"--customize-hook={hook}",
            f"--essential-hook=install -D -m 755 {HERE / 'local_root'} \"$1/etc/initramfs-tools/hooks/local_root\"",
            *[f"--dpkgopt=path-exclude=/{path}/*" for path in WITHOUT], packages.suite(), str(tree), str(out / "sources.list")]
    say("target: installing %d packages and what they need (%s)" % (len(INCLUDE) + 1, packages.suite()))
    packages.logged(argv, out / "build.log")
    used, files = sizes(tree)
    size = math.ceil((used * 1.01 + (24 << 20)) / (4 << 20)) * (4 << 20)  # every byte of it is written to the disk; then it grows
    packages.logged([*FORMAT, "-N", str(files + 20000), "-d", str(tree), str(raw), f"{size >> 10}k"], out / "build.log")
    say(f"target: {size >> 20} MiB file system is made")
    packages.logged(["mksquashfs", str(tree), str(out / SQUASHFS), "-quiet", "-no-progress", "-comp", "zstd",
                     "-Xcompression-level", "6", "-b", "256K", "-e", "boot", "usr/lib/grub", "usr/lib/shim"], out / "build.log")
    shutil.rmtree(tree)
    say("target: squashfs is made")
    packages.logged(["zstd", "-q", "-T0", "-9", "--rm", "-f", str(raw), "-o", f"{raw}.zst"], out / "build.log")
    return size

"""A Debian without kernel, boot loader and LVM, as the squashfs of MAAS's public stream is for Ubuntu: whoever installs it has to
install those as packages. With --minimal; its packages are in the repository then.
"""
import shutil

from imagekit import packages, target

FILE = "minimal.squashfs"
# What the agent installs of it (src/agent/install_packages.c), beside the kernel.
PACKAGES = ["grub2-common", "grub-pc-bin", "grub-efi-amd64-signed", "shim-signed", "lvm2"]
INCLUDE = [name for name in target.INCLUDE if not name.startswith(("grub", "shim", "lvm2"))]


def versions():
    first, *others = INCLUDE
    return packages.chosen(first, others)


def build(out, say):
    """Fill the folder out: minimal.squashfs, package_list."""
    (out / "sources.list").write_text("\n".join(packages.sources()) + "\n", encoding="utf-8")
    tree, hook = out / "tree", out / "hook_clean"
    hook.write_text("#!/bin/sh" + target.CLEAN_HOOK.replace("@OUT@", str(out)), encoding="utf-8")
    hook.chmod(0o755)
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet", "--architectures=amd64",
            '--aptopt=APT::Install-Recommends "false"', f"--include={','.join(versions())}", f"--customize-hook={hook}",
            *[f"--dpkgopt=path-exclude=/{path}/*" for path in target.WITHOUT], packages.suite(), str(tree), str(out / "sources.list")]
    say("minimal: installing %d packages and what they need (%s)" % (len(INCLUDE), packages.suite()))
    packages.logged(argv, out / "build.log")
    packages.logged(["mksquashfs", str(tree), str(out / FILE), "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", "6",
                     "-b", "256K"], out / "build.log")
    shutil.rmtree(tree)
    say("minimal: squashfs is made")

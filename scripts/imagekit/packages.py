"""What Debian packages go into the ephemeral system, where they come from, and which versions.

Read from the host's own apt, so that the images are of the host's release and the agent that was linked
here runs there. Needs apt's package lists (scripts/setup makes them), not root.
"""
import functools
import subprocess

KERNEL = "linux-image-cloud-amd64"
# Per release: the first name that exists is taken.
TOOLS = ["e2fsprogs", "gdisk", "dosfstools", "xfsprogs", "lvm2", "zstd", "bzip2", "xz-utils", "squashfs-tools", "hdparm", "nvme-cli", "smartmontools",
         "dropbear-bin", "kmod", "dmidecode", "lshw", "util-linux", "ipmitool", "pci.ids", "libjansson4",
         "libcurl4t64|libcurl4"]
# Taken from the host: they were installed by scripts/setup and are copied, not run.
LOADERS = ["pxelinux", "syslinux-common", "ipxe", "shim-signed", "grub-efi-amd64-signed", "grub-efi-amd64-bin",
           "busybox-static"]


class PackagesError(Exception):
    """Cannot go on; the text says what to do."""


def run(argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackagesError(f"{' '.join(argv[:2])} failed: {done.stderr.strip()}")
    return done.stdout


def logged(argv, log_path):
    """Run a program of a build; PackagesError with the end of the log when it fails."""
    with open(log_path, "ab") as log:
        failed = subprocess.run(argv, stdout=log, stderr=log, check=False).returncode
    if failed:
        tail = log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise PackagesError(f"{argv[0]} failed:\n  " + "\n  ".join(tail))


@functools.cache
def sources():
    """apt's lines for Debian itself, as this host uses them: 'deb URI SUITE COMPONENT'."""
    text = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                "Identifier: Packages", "Origin: Debian"])
    lines = sorted({line for line in text.splitlines() if line.split()[-1] == "main"})
    # Backports and other suites would change what the names mean.
    lines = [line for line in lines if "backports" not in line and "proposed" not in line]
    if not lines:
        raise PackagesError("apt knows no Debian packages: run scripts/setup (or apt-get update) first")
    return ["deb " + line for line in lines]


def suite():
    names = [line.split()[2] for line in sources()]
    return min(names, key=len)


def candidates(names):
    """{name: newest version apt knows}; names it does not know are left out."""
    found, name = {}, None
    for line in run(["apt-cache", "policy", *names]).splitlines():
        if not line.startswith(" "):
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:") and "(none)" not in line:
            found[name] = line.split()[1]
    return found


def chosen(kernel, tools=TOOLS):
    """{name: version} of a kernel and of what the ephemeral root installs, or another list of that form."""
    wanted = (kernel, *tools)
    known = candidates([name for entry in wanted for name in entry.split("|")])
    result = {}
    for entry in wanted:
        for name in entry.split("|"):
            if name in known:
                result[name] = known[name]
                break
        else:
            raise PackagesError(f"apt knows no package {entry}: run scripts/setup (or apt-get update) first")
    # The meta package's version changes with each kernel, so the kernel is part of the list.
    return result


def installed(names):
    """{name: version} of host packages; PackagesError when one is missing."""
    text = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Version}\n", *names],
                          capture_output=True, text=True, check=False).stdout
    have = {line.split("|")[1]: line.split("|")[2] for line in text.splitlines() if line.startswith("ii")}
    missing = [name for name in names if name not in have]
    if missing:
        raise PackagesError(f"not installed: {' '.join(missing)}; run scripts/setup")
    return have

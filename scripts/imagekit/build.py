"""build-images: fills a folder with everything a rack hands to machines, and a manifest.json.

The parts are cached under ${XDG_CACHE_HOME:-~/.cache}/gantry/images by a key of their content: the versions
of the Debian packages and the scripts for the root, plus the agent's bytes for the initrd.
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

from imagekit import initrd, minimal, packages, repository, rootfs, stream, target

HERE = pathlib.Path(__file__).resolve().parent
MANIFEST_VERSION = 1
KEEP = 3  # builds of each part
TARGET = target.RAW + ".zst"
SYSTEMS = {"root": "root.squashfs", "target": target.SQUASHFS, "minimal": minimal.FILE}  # that packages are installed in
# File in the output -> where Debian has it. Served under the same names at the root of TFTP and HTTP.
LOADERS = {
    "lpxelinux.0": "/usr/lib/PXELINUX/lpxelinux.0",
    "pxelinux.0": "/usr/lib/PXELINUX/pxelinux.0",
    **{name: "/usr/lib/syslinux/modules/bios/" + name for name in (
        "ldlinux.c32", "libcom32.c32", "libutil.c32", "chain.c32", "ifcpu64.c32", "reboot.c32", "poweroff.c32")},
    "undionly.kpxe": "/usr/lib/ipxe/undionly.kpxe",
    "ipxe.efi": "/usr/lib/ipxe/ipxe.efi",
    "snponly.efi": "/usr/lib/ipxe/snponly.efi",
    "bootx64.efi": "/usr/lib/shim/shimx64.efi.signed",
    "grubx64.efi": "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",
}
GRUB_MODULES = pathlib.Path("/usr/lib/grub/x86_64-efi")


def digest(*parts):
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, bytes) else part.encode())
        sha.update(b"\0")
    return sha.hexdigest()


class Progress:
    def __init__(self, quiet):
        self.quiet, self.start = quiet, time.monotonic()

    def __call__(self, text):
        if not self.quiet:
            print(f"build-images: {time.monotonic() - self.start:6.1f} s  {text}", file=sys.stderr, flush=True)


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(base) / "gantry" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def script_bytes(*names):
    return b"".join((HERE / name).read_bytes() for name in names)


def cached(cache, part, key, make, say):
    """The cache folder of one part of today's package versions; make(folder) fills it when there is none."""
    folder = cache / f"{part}-{key[:24]}"
    if (folder / "done").exists():
        say(f"{part}: cached ({folder.name})")
        os.utime(folder)
        return folder
    with tempfile.TemporaryDirectory(prefix="new-", dir=cache) as scratch:
        out = pathlib.Path(scratch) / part
        out.mkdir(mode=0o755)
        make(out, say)
        (out / "done").touch()
        shutil.rmtree(folder, ignore_errors=True)
        out.rename(folder)
    for old in sorted(cache.glob(f"{part}-*"), key=lambda path: -path.stat().st_mtime)[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def cached_parts(cache, options, say):
    """{part: folder} of the file systems, made side by side, and their {package: version}."""
    sources, kernel = packages.sources(), options.kernel
    wanted = {"root": packages.chosen(kernel), "target": target.versions(kernel)}
    scripts = {"root": ("rootfs.py", "removed.py", "packages.py"), "target": ("target.py", "packages.py", "local_root")}
    make = {"root": functools.partial(rootfs.build, kernel), "target": functools.partial(target.build, kernel)}
    if options.minimal:
        wanted["minimal"], make["minimal"] = minimal.versions(), minimal.build
        scripts["minimal"] = ("minimal.py", *scripts["target"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {part: pool.submit(cached, cache, part, digest(json.dumps([wanted[part], sources]), script_bytes(*scripts[part])),
                                  make[part], say) for part in make}
        folders = {part: job.result() for part, job in jobs.items()}
    say("root: %.0f MiB squashfs; target: %.0f MiB, %.0f MiB squashfs" % tuple(
        (folders[part] / name).stat().st_size / 2**20 for part, name in (
            ("root", "root.squashfs"), ("target", TARGET), ("target", target.SQUASHFS))))
    return folders, {**wanted["target"], **wanted["root"]}


def cached_repository(cache, folders, more, say):
    """The folder of the packages that scripts need and the systems of these folders lack."""
    wanted = sorted({*repository.named(), *more})
    key = digest(json.dumps([packages.chosen(wanted[0], wanted), packages.sources(), [folder.name for folder in folders.values()]]),
                 script_bytes("repository.py", "packages.py"))
    systems = [folders[part] / name for part, name in SYSTEMS.items() if part in folders]
    return cached(cache, "packages", key, functools.partial(repository.build, systems, wanted), say) / "repository"


def install_repository(out, folder, home, entries):
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            install(out, f"{repository.FOLDER}/{path.relative_to(folder)}", "package", path, entries)
    name, body, properties = repository.sign(folder, home)
    install(out, f"{repository.FOLDER}/{name}", "package-list", body, entries)
    entries[-1].update(properties)


def make_initrd(root, agent, say):
    present = {line.rsplit("/", 1)[-1] for line in (root / "library_list").read_text(encoding="utf-8").splitlines()}
    body = initrd.system_part(root / "modules") + initrd.agent_part(agent, present)
    say("initrd: %.1f MiB with %s" % (len(body) / 2**20, agent))
    return body


def install(out, name, kind, source, entries):
    """Copy source (path or bytes) to out/name and note it in entries."""
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
    path.write_bytes(body)
    entries.append({"file": name, "kind": kind, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()})


def loaders(out, entries):
    for name, source in LOADERS.items():
        if not pathlib.Path(source).exists():
            raise packages.PackagesError(f"{source} is missing: run scripts/setup")
        install(out, name, "loader", source, entries)
    for path in sorted([*GRUB_MODULES.glob("*.mod"), *GRUB_MODULES.glob("*.lst")]):
        install(out, f"grub/x86_64-efi/{path.name}", "loader", path, entries)


def build(options, say):
    cache = cache_folder()
    host = packages.installed(packages.LOADERS)
    folders, versions = cached_parts(cache, options, say)
    root = folders["root"]
    more = [*options.package, *([options.kernel, *minimal.PACKAGES] if options.minimal else [])]
    folder = cached_repository(cache, folders, more, say)
    agent = pathlib.Path(options.agent)
    if not agent.is_file():
        raise packages.PackagesError(f"no agent at {agent}: build it (ninja gantry-agent) or name it with --agent")
    out = pathlib.Path(options.out).resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    entries = []
    with tempfile.TemporaryDirectory(prefix=out.name + ".", dir=out.parent) as scratch:
        new = pathlib.Path(scratch) / "new"
        new.mkdir(mode=0o755)
        install(new, "vmlinuz", "kernel", root / "vmlinuz", entries)
        install(new, "initrd.gz", "initrd", make_initrd(root, agent, say), entries)
        install(new, "root.squashfs", "squashfs", root / "root.squashfs", entries)
        install(new, "agent.tar.gz", "agent", initrd.agent_archive(agent), entries)
        system = {"os": "debian", "release": packages.suite(), "architecture": "amd64"}
        install(new, "debian.ext4.zst", "root-image", folders["target"] / TARGET, entries)
        entries[-1].update(system, form="raw.zst")
        install(new, "debian.squashfs", "stock-squashfs", folders["target"] / target.SQUASHFS, entries)
        entries[-1].update(system)
        if options.minimal:
            install(new, "debian-minimal.squashfs", "root-image", folders["minimal"] / minimal.FILE, entries)
            entries[-1].update(system, release=packages.suite() + "-minimal", form="squashfs", kernel_package=options.kernel)
        install_repository(new, folder, options.gnupg_home, entries)
        loaders(new, entries)
        manifest = {"manifest_version": MANIFEST_VERSION, "suite": packages.suite(), "architecture": "amd64",
                    "kernel_release": (root / "kernel_release").read_text(encoding="ascii").strip(),
                    "packages": {**versions, **host}, "files": entries}
        text = json.dumps(manifest, indent=1) + "\n"
        (new / "manifest.json").write_text(text, encoding="utf-8")
        if out.exists():
            if any(out.iterdir()) and not (out / "manifest.json").exists():
                raise packages.PackagesError(f"{out} is not empty and holds no manifest.json: not replaced")
            shutil.rmtree(out)
        new.rename(out)
    return manifest


def main(argv):
    parser = argparse.ArgumentParser(prog="build-images", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", nargs="?", default="build/images", help="folder to fill (default: build/images); replaced as a whole")
    parser.add_argument("--agent", default="build/release/gantry-agent", help="the agent's program (default: %(default)s)")
    parser.add_argument("--kernel", default=packages.KERNEL, help="Debian's package of the kernel (default: %(default)s, for virtual machines;\n"
                        "linux-image-amd64 has the drivers of real ones)")
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="also this package in the repository that scripts\n"
                        "install from, with all that it needs; several times")
    parser.add_argument("--minimal", action="store_true", help="also a Debian without a kernel, and its packages: what is installed like\n"
                        "Ubuntu's images")
    parser.add_argument("--mirror", type=pathlib.Path, help="also fill this folder with a signed mirror to import from")
    parser.add_argument("--gnupg-home", type=pathlib.Path, help="folder of the key of mirror and repository (default: gnupg in the cache)")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON on stdout")
    parser.add_argument("--quiet", action="store_true", help="no progress lines on stderr")
    options = parser.parse_args(argv)
    options.gnupg_home = options.gnupg_home or cache_folder() / "gnupg"
    say = Progress(options.quiet)
    if os.geteuid() != 0:
        print("build-images: error: must run as root (mmdebstrap installs packages into a folder)", file=sys.stderr)
        return 1
    os.umask(0o022)
    try:
        manifest = build(options, say)
        if options.mirror:
            names = stream.publish(options.out, options.mirror, options.gnupg_home)
            say(f"mirror: {len(names)} products in {options.mirror}")
    except (packages.PackagesError, OSError) as error:
        print(f"build-images: error: {error}", file=sys.stderr)
        return 1
    total = sum(entry["size"] for entry in manifest["files"])
    say(f"done: {len(manifest['files'])} files, {total / 2**20:.0f} MiB in {options.out}")
    if options.json:
        print(json.dumps(manifest))
    return 0

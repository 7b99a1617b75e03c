"""A signed mirror (simplestreams) of what build-images made: the ephemeral system, the systems to deploy, boot loaders in
MAAS's form. A region imports from it over HTTP; any web server serves the folder.

The key is made at first use in GNUPGHOME (an ed25519 key without a passphrase: keep the folder). Its public half is the file
keyring.gpg of the mirror, for `gantry boot-source create keyring_data@=keyring.gpg`.
"""
import contextlib
import email.utils
import fcntl
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import time

from imagekit import packages

NAMESPACE = "com.gantry.stable"
CONTENT = {"images": f"{NAMESPACE}:v1:download", "loaders": f"{NAMESPACE}:1:bootloader-download"}
ROOTS = {"raw.zst": "root-raw.zst", "tgz": "root-tgz", "tar.xz": "root-txz", "squashfs": "squashfs"}
# What a stock system needs behind our initrd: src/region/boot_system.c, which says why.
STOCK_OPTIONS = "net.ifnames=0 systemd.mask=systemd-network-generator.service"
# MAAS's archives of boot loaders: key of the item -> (files, package that they come from).
ARCHIVES = {
    ("grub-efi-signed", "uefi"): {"grub2-signed": (["grubx64.efi"], "grub-efi-amd64-signed"),
                                  "shim-signed": (["bootx64.efi"], "shim-signed")},
    ("pxelinux", "pxe"): {"syslinux": (["lpxelinux.0", "chain.c32", "ifcpu64.c32", "ldlinux.c32", "libcom32.c32", "libutil.c32"],
                                       "syslinux-common")},
}


def gpg(home, *argv, stdin=None):
    done = subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *argv],
                          input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise packages.PackagesError(f"gpg {argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def signing_key(home):
    """Make the key if there is none; its public half."""
    if not gpg(home, "--list-secret-keys", "--with-colons"):
        gpg(home, "--quick-generate-key", "gantry images", "ed25519", "sign", "never")
    return gpg(home, "--export")


@contextlib.contextmanager
def key_of(home):
    """The key's public half as text, made if there is none; no agent of gpg stays behind that keeps the other. One at a time."""
    home = pathlib.Path(home)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(home / "gantry.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            signing_key(home)
            yield gpg(home, "--armor", "--export").decode("ascii")
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


class Mirror:
    def __init__(self, images, folder):
        self.images, self.folder = images, folder
        self.version = time.strftime("%Y%m%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))

    def _item(self, ftype, path, body_of, **more):
        """The file at path, linked or written; its entry."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(body_of, bytes):
            target.write_bytes(body_of)
        else:
            target.unlink(missing_ok=True)
            try:
                os.link(body_of, target)
            except OSError:
                shutil.copyfile(body_of, target)
        with open(target, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {"ftype": ftype, "path": path, "size": target.stat().st_size, "sha256": sha256, **more}

    def _files(self, prefix, files):
        return {ftype: self._item(ftype, f"{prefix}/{self.version}/{ftype}", self.images / name) for ftype, name in files.items()}

    def _product(self, system, items, **more):
        release = {"arch": "amd64", "subarch": "generic", "subarches": "generic", "kflavor": "generic", "label": "stable",
                   "os": system, **more}
        return {**release, "versions": {self.version: {"items": items}}}

    def products(self, manifest):
        by_kind = {entry["kind"]: entry["file"] for entry in manifest["files"] if entry["kind"] in ("kernel", "initrd", "squashfs")}
        kernel = {"boot-kernel": by_kind["kernel"], "boot-initrd": by_kind["initrd"]}
        boot = {**kernel, "squashfs": by_kind["squashfs"]}
        made = {f"{NAMESPACE}:v1:boot:gantry:ephemeral:amd64": self._product(
            "gantry", self._files("gantry/ephemeral/amd64", boot), os_title="Gantry", release="ephemeral", release_codename="ephemeral",
            release_title="Ephemeral system", version="1", krel=manifest["kernel_release"], gantry_agent=True)}
        systems = {}
        for entry in manifest["files"]:
            if entry["kind"] in ("root-image", "stock-squashfs"):
                ftype = "squashfs" if entry["kind"] == "stock-squashfs" else ROOTS[entry["form"]]
                systems.setdefault((entry["os"], entry["release"], entry["architecture"]), {})[ftype] = entry["file"]
        for (system, release, arch), files in systems.items():
            stock = "squashfs" in files  # boots as well: as a system that machines are commissioned under
            items = self._files(f"{system}/{release}/{arch}", {**(kernel if stock else {}), **files})
            if stock:
                items["boot-kernel"]["kparams"] = STOCK_OPTIONS
            made[f"{NAMESPACE}:v1:{system}:{release}:{arch}"] = self._product(
                system, items, os_title=system.title(), release=release, release_codename=release,
                release_title=f"{system.title()} {release}", version=release, krel=manifest["kernel_release"])
        return made

    def loaders(self, manifest):
        made = {}
        for (name, kind), archives in ARCHIVES.items():
            items = {}
            for key, (files, package) in archives.items():
                body = io.BytesIO()
                with tarfile.open(fileobj=body, mode="w:xz") as archive:
                    for file in files:
                        archive.add(self.images / file, file, filter=plain)
                items[key] = self._item("archive.tar.xz", f"bootloaders/{kind}/amd64/{self.version}/{key}.tar.xz", body.getvalue(),
                                        src_package=package, src_release=manifest["suite"],
                                        src_version=manifest["packages"].get(package, ""))
            made[f"{NAMESPACE}:1:{name}:{kind}:amd64"] = {
                "os": name, "arch": "amd64", "arches": "amd64", "bootloader-type": kind, "label": "stable",
                "versions": {self.version: {"items": items}}}
        return made


def plain(entry):
    """The same archive whoever makes it and whenever."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o644
    return entry


def publish(images, folder, home):
    """Fill folder (replaced as a whole) with a mirror of the images; signed with the key in home. The names of the products."""
    images, folder, home = pathlib.Path(images), pathlib.Path(folder), pathlib.Path(home)
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "streams").is_dir():
            raise packages.PackagesError(f"{folder} is not empty and holds no streams: not replaced")
        shutil.rmtree(folder)
    manifest = json.loads((images / "manifest.json").read_text(encoding="utf-8"))
    streams = folder / "streams" / "v1"
    streams.mkdir(parents=True)
    with key_of(home):
        return _write(images, folder, home, manifest)


def _write(images, folder, home, manifest):
    (folder / "keyring.gpg").write_bytes(signing_key(home))
    mirror, updated = Mirror(images, folder), email.utils.format_datetime(email.utils.localtime(), usegmt=False)
    lists, index = {"images": mirror.products(manifest), "loaders": mirror.loaders(manifest)}, {}
    documents = {}
    for name, products in lists.items():
        common = {"content_id": CONTENT[name], "datatype": "image-downloads", "format": "products:1.0", "updated": updated}
        path = f"streams/v1/{CONTENT[name]}.sjson"
        documents[path] = {**common, "products": products}
        index[CONTENT[name]] = {**common, "path": path, "products": sorted(products)}
    documents["streams/v1/index.sjson"] = {"format": "index:1.0", "updated": updated, "index": index}
    for path, document in documents.items():
        text = json.dumps(document, indent=1).encode()
        (folder / path).write_bytes(gpg(home, "--clearsign", "--digest-algo", "SHA512", stdin=text))
        (folder / path.replace(".sjson", ".json")).write_bytes(text)
    return sorted(name for products in lists.values() for name in products)

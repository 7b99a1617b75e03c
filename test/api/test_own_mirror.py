"""The mirror that build-images makes: a region imports from it, and deploys what came."""
import hashlib
import json
import os
import pathlib
import sys
import tarfile

import pytest

from mirror import Mirror
from test_machines import make

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from imagekit import stream  # noqa: E402

BODIES = {name: os.urandom(5000) for name in ("vmlinuz", "initrd.gz", "root.squashfs", "debian.ext4.zst", "debian.squashfs", *{
    file for archives in stream.ARCHIVES.values() for files, _ in archives.values() for file in files})}


@pytest.fixture(scope="module", name="folder")
def make_folder(tmp_path_factory):
    images, folder = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("mirror")
    kinds = {"vmlinuz": "kernel", "initrd.gz": "initrd", "root.squashfs": "squashfs", "debian.ext4.zst": "root-image",
             "debian.squashfs": "stock-squashfs"}
    files = []
    for name, body in BODIES.items():
        (images / name).write_bytes(body)
        files.append({"file": name, "kind": kinds.get(name, "loader"), "size": len(body), "sha256": hashlib.sha256(body).hexdigest()})
        if name.startswith("debian."):
            files[-1].update(os="debian", release="bookworm", architecture="amd64", form="raw.zst")
    (images / "manifest.json").write_text(json.dumps({"manifest_version": 1, "suite": "bookworm", "kernel_release": "6.1.0",
                                                      "packages": {"shim-signed": "1.4"}, "files": files}))
    names = stream.publish(images, folder, tmp_path_factory.mktemp("gpg") / "home")
    assert len(names) == 4
    assert stream.publish(images, folder, tmp_path_factory.mktemp("gpg2") / "home") == names  # again, in its place
    return folder


def boot(api, series, root):
    """The kernel's options of a machine that is commissioned under that series, its files checked."""
    assert api.admin.post("maas/?op=set_config", name="commissioning_distro_series", value=series).status == 200
    booted = make(api.admin, power_type="manual")
    api.sql(f"UPDATE node SET status = 1 WHERE system_id = '{booted['system_id']}'")
    told = api.rack("boot_config", mac=booted["boot_interface"]["mac_address"], address="10.76.0.9", firmware="bios")
    assert [told["kernel"], told["initrd"], told["root"]] == [
        "blobs/" + hashlib.sha256(BODIES[name]).hexdigest() for name in ("vmlinuz", "initrd.gz", root)]
    return told["options"]


def test_import_and_deploy(api, folder):
    mirror = Mirror(folder, None)
    source = api.admin.cli("boot-sources/", ("url", mirror.url), ("keyring_data", (folder / "keyring.gpg").read_bytes())).json()
    for system, release in (("debian", "bookworm"), ("gantry", "ephemeral")):
        reply = api.admin.post(f"boot-sources/{source['id']}/selections/", os=system, release=release)
        assert reply.status == 200, reply.text
    api.order("import")
    assert api.sql("SELECT problem FROM image_import") == ""
    mirror.close()
    found = {row["name"]: api.admin.get(row["resource_uri"]).json() for row in api.admin.get("boot-resources/").json()}
    assert sorted(found) == ["debian/bookworm", "gantry/ephemeral"]
    files = {name: next(iter(row["sets"].values()))["files"] for name, row in found.items()}
    assert {name: sorted(row) for name, row in files.items()} == {
        "debian/bookworm": ["boot-initrd", "boot-kernel", "root-raw.zst", "squashfs"], "gantry/ephemeral": ["boot-initrd", "boot-kernel", "squashfs"]}
    assert (api.blobs / hashlib.sha256(BODIES["debian.ext4.zst"]).hexdigest()).read_bytes() == BODIES["debian.ext4.zst"]
    assert api.sql("SELECT agent FROM boot_resource WHERE os = 'gantry'") == "t"
    agent = boot(api, "ephemeral", "root.squashfs")
    assert "init=/sbin/gantry-agent" in agent and "cc:" not in agent
    stock = boot(api, "bookworm", "debian.squashfs")  # another cluster's stock system: what its kernel needs came along
    assert "cc:{datasource_list: [MAAS]}end_cc" in stock and "init=" not in stock and stream.STOCK_OPTIONS in stock
    machine = make(api.admin, power_type="manual")
    api.sql(f"UPDATE node SET status = 4 WHERE system_id = '{machine['system_id']}'")
    for series, status in (("warty", 400), ("bookworm", 200)):  # a bare series finds its system
        deploying = api.admin.post(f"machines/{machine['system_id']}/?op=deploy", distro_series=series)
        assert deploying.status == status, deploying.text
    assert (deploying.json()["osystem"], deploying.json()["distro_series"]) == ("debian", "bookworm")
    assert api.admin.get(found["debian/bookworm"]["resource_uri"]).json()["last_deployed"]


def test_loaders_are_as_maas_has_them(folder):
    with tarfile.open(next(folder.glob("bootloaders/uefi/amd64/*/shim-signed.tar.xz"))) as archive:
        assert archive.extractfile("bootx64.efi").read() == BODIES["bootx64.efi"]


def test_nothing_else_is_replaced(folder, tmp_path):
    (tmp_path / "precious").touch()
    with pytest.raises(stream.packages.PackagesError):
        stream.publish(folder, tmp_path, tmp_path / "home")

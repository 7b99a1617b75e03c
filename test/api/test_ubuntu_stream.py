"""A stream in the form of MAAS's public one: several lists, products by kernel with the squashfs in common, manifests, boot loaders, a system that
is only installed. What is imported of it, and what a machine then boots with and is installed from."""
import hashlib
import json
import os

import pytest

from mirror import Key, Mirror
from test_machines import make, new_mac
from test_metadata import Machine, report_of

VERSION = "20260110"
KERNELS = {"ga-24.04": "generic", "hwe-24.04": "generic", "hwe-24.04-edge": "generic", "ga-24.04-lowlatency": "lowlatency"}
SUBARCHES = "generic,hwe-p,hwe-q,hwe-t,hwe-u,hwe-v,hwe-w,ga-16.04,ga-18.04,ga-20.04,ga-22.04,ga-24.04"


class Stream(Mirror):
    """Files are made up as they are named."""

    def file(self, path, ftype, **more):
        body = os.urandom(3000) + path.encode()
        where = self.folder / path
        if not where.exists():
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(body)
        body = where.read_bytes()
        return {"ftype": ftype, "path": path, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), **more}

    def kernel(self, kernel, flavor):
        base = f"noble/amd64/{VERSION}"
        subarch = kernel.removesuffix("-lowlatency")
        return {"arch": "amd64", "kflavor": flavor, "krel": "noble", "label": "stable", "os": "ubuntu", "os_title": "Ubuntu", "release": "noble",
                "release_codename": "Noble Numbat", "release_title": "24.04 LTS", "subarch": subarch, "subarches": f"{SUBARCHES},{subarch}",
                "support_eol": "2029-05-31", "support_esm_eol": "2034-04-25", "version": "24.04", "versions": {VERSION: {"items": {
                    "boot-initrd": self.file(f"{base}/{subarch}/{flavor}/boot-initrd", "boot-initrd"),
                    "boot-kernel": self.file(f"{base}/{subarch}/{flavor}/boot-kernel", "boot-kernel", kpackage=f"linux-{flavor}"),
                    "manifest": self.file(f"{base}/squashfs.manifest", "manifest"), "squashfs": self.file(f"{base}/squashfs", "squashfs")}}}}

    def loader(self, name, kind, items):
        return {"arch": "amd64", "arches": "amd64", "bootloader-type": kind, "label": "stable", "os": name, "versions": {VERSION: {"items": {
            item: self.file(f"bootloaders/{kind}/amd64/{VERSION}/{item}.tar.xz", "archive.tar.xz", src_package=item, src_release="noble",
                            src_version="1") for item in items}}}}

    def publish_all(self):
        centos = {"arch": "amd64", "label": "stable", "os": "centos", "os_title": "CentOS", "release": "centos70", "release_title": "CentOS 7",
                  "subarch": "generic", "subarches": "generic", "version": "7.0", "versions": {VERSION: {"items": {
                      "manifest": self.file("centos/manifest", "manifest"), "root-tgz": self.file("centos/root-tgz", "root-tgz")}}}}
        lists = {
            "com.ubuntu.maas:stable:v3:download": {f"com.ubuntu.maas.stable:v3:boot:24.04:amd64:{kernel}": self.kernel(kernel, flavor)
                                                   for kernel, flavor in KERNELS.items()},
            "com.ubuntu.maas:stable:centos-bases-download": {"com.ubuntu.maas.stable:centos-bases:7.0:amd64": centos},
            "com.ubuntu.maas:stable:1:bootloader-download": {
                "com.ubuntu.maas.stable:1:grub-efi-signed:uefi:amd64": self.loader("grub-efi-signed", "uefi", ["grub2-signed", "shim-signed"]),
                "com.ubuntu.maas.stable:1:pxelinux:pxe:amd64": self.loader("pxelinux", "pxe", ["syslinux"])}}
        common = {"datatype": "image-downloads", "format": "products:1.0", "updated": "Sat, 10 Jan 2026 00:00:00 +0000"}
        documents = {f"streams/v1/{name}.sjson": {**common, "content_id": name, "products": products} for name, products in lists.items()}
        documents["streams/v1/index.sjson"] = {"format": "index:1.0", "updated": common["updated"], "index": {
            name: {**common, "path": f"streams/v1/{name}.sjson", "products": sorted(products)} for name, products in lists.items()}}
        for path, document in documents.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(self.key.sign(json.dumps(document, indent=1).encode()))


@pytest.fixture(scope="module", name="stream")
def make_stream(api, tmp_path_factory):
    key = Key(tmp_path_factory.mktemp("gpg") / "home")
    stream = Stream(tmp_path_factory.mktemp("mirror"), key)
    stream.publish_all()
    source = api.admin.cli("boot-sources/", ("url", stream.url), ("keyring_data", key.keyring)).json()
    for system, release in (("ubuntu", "noble"), ("centos", "centos70")):
        reply = api.admin.post(f"boot-sources/{source['id']}/selections/", os=system, release=release, arches="amd64", subarches="*", labels="*")
        assert reply.status == 200, reply.text
    api.order("import")
    assert api.sql("SELECT problem FROM image_import") == ""
    yield stream
    stream.close()
    key.close()


def digest(stream, path):
    return hashlib.sha256((stream.folder / path).read_bytes()).hexdigest()


def test_what_is_imported(api, stream):
    rows = {row["architecture"]: api.admin.get(row["resource_uri"]).json() for row in api.admin.get("boot-resources/").json()
            if row["name"] == "ubuntu/noble"}
    assert sorted(rows) == ["amd64/ga-24.04", "amd64/ga-24.04-lowlatency", "amd64/hwe-24.04", "amd64/hwe-24.04-edge"]
    for row in rows.values():
        version = row["sets"][VERSION]
        assert (row["title"], version["complete"], sorted(version["files"])) == ("24.04 LTS", True, ["boot-initrd", "boot-kernel", "squashfs"])
    fetched = stream.fetched()
    assert fetched.count(f"noble/amd64/{VERSION}/squashfs") == 1, "what the kernels have in common comes once"
    assert not [path for path in fetched if "manifest" in path or "bootloaders" in path]
    assert [row["name"] for row in api.admin.get("boot-resources/").json()].count("centos/centos70") == 1


def test_commissioned_under_it(api, stream):
    """The plain kernel of the release; the command line as Ubuntu's initrd reads it: where the root is, over which interface, in memory."""
    assert api.admin.post("maas/?op=set_config", name="commissioning_distro_series", value="noble").status == 200
    machine = make(api.admin, power_type="manual")
    api.sql(f"UPDATE node SET status = 1 WHERE system_id = '{machine['system_id']}'")
    for firmware in ("bios", "uefi"):
        told = api.rack("boot_config", mac=machine["boot_interface"]["mac_address"], address="10.76.0.9", firmware=firmware)
        assert (told["purpose"], told["hostname"]) == ("commissioning", machine["hostname"])
        base = f"noble/amd64/{VERSION}"
        assert [told[name] for name in ("kernel", "initrd", "root")] == ["blobs/" + digest(stream, path) for path in (
            f"{base}/ga-24.04/generic/boot-kernel", f"{base}/ga-24.04/generic/boot-initrd", f"{base}/squashfs")]
        assert told["preseed"] == f"/MAAS/metadata/latest/by-id/{machine['system_id']}/?op=get_preseed"
        words = told["options"].partition(" gantry.limit_s=")[0]
        assert words == (f"console=ttyS0 ip=::::{machine['hostname']}:BOOTIF ip6=off cc:{{datasource_list: [MAAS]}}end_cc ro overlayroot=tmpfs "
                         "overlayroot_cfgdisk=disabled")


@pytest.fixture(scope="module", name="machine")
def make_machine(api):
    """One with a disk, in a network with a rack."""
    api.sql("""INSERT INTO subnet (name, vlan_id, cidr) VALUES ('prov', 5001, '10.76.0.0/24');
        INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) VALUES ('rck009', 'rack9', 2, 0, 1);
        INSERT INTO interface (node_id, name, mac) SELECT id, 'eth0', '52:54:00:99:00:01' FROM node WHERE system_id = 'rck009';
        INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT '10.76.0.2', 1, s.id, i.id FROM subnet s, interface i
            WHERE s.cidr = '10.76.0.0/24' AND i.mac = '52:54:00:99:00:01';
        UPDATE vlan SET primary_rack_id = (SELECT id FROM node WHERE system_id = 'rck009') WHERE id = 5001""")
    machine = Machine(api, "10.76.0.10", new_mac(), new_mac())
    machine.enlist()
    machine.take_key()
    assert machine.report(report_of(*machine.macs)).status == 200
    return machine


@pytest.mark.parametrize("system,series,form,path", [("ubuntu", "noble", "squashfs", f"noble/amd64/{VERSION}/squashfs"),
                                                     ("centos", "centos70", "tgz", "centos/root-tgz")])
def test_installed_from_it(api, stream, machine, system, series, form, path):
    """In curtin's words: where the rack has the root, and of which form it is."""
    yaml = pytest.importorskip("yaml")
    api.sql(f"UPDATE node SET status = 4, power_type = 'manual', boot_address = '10.76.0.10' WHERE system_id = '{machine.system_id}'")
    deployed = api.admin.post(f"machines/{machine.system_id}/?op=deploy", distro_series=series)
    assert deployed.status == 200, deployed.text
    assert (deployed.json()["osystem"], deployed.json()["distro_series"]) == (system, series)
    told = api.admin.get(f"machines/{machine.system_id}/?op=get_curtin_config")
    assert told.status == 200, told.text
    config = yaml.safe_load(told.text)
    assert config["sources"] == {"00_root": {"type": form, "uri": f"http://10.76.0.2:5248/blobs/{digest(stream, path)}"}}
    assert config["storage"]["version"] == config["network"]["version"] == 1
    assert config.get("kernel") == ({"package": "linux-generic", "mapping": {}} if system == "ubuntu" else None)


def ask(api, machine):
    """The task of the machine, which has booted."""
    api.rack("boot_config", mac=machine.macs[0], address=machine.address, firmware="bios")
    machine.take_key()
    return machine.request("GET", "/MAAS/metadata/2012-03-01/gantry/task", key=machine.key).json()


def deploy(api, machine, minimum="", default="", **more):
    api.sql(f"UPDATE node SET status = 4, power_type = 'manual', boot_address = '10.76.0.10', min_hwe_kernel = '{minimum}' "
            f"WHERE system_id = '{machine.system_id}'")
    assert api.admin.post("maas/?op=set_config", name="default_min_hwe_kernel", value=default).status == 200
    return api.admin.post(f"machines/{machine.system_id}/?op=deploy", distro_series="noble", **more)


@pytest.mark.parametrize("asked,minimum,default,kernel,package", [
    (None, "", "", "ga-24.04", "linux-generic"), ("hwe-24.04", "", "", "hwe-24.04", "linux-generic-hwe-24.04"),
    (None, "hwe-24.04", "", "hwe-24.04", "linux-generic-hwe-24.04"), (None, "", "hwe-24.04-edge", "hwe-24.04-edge", "linux-generic-hwe-24.04-edge"),
    (None, "ga-22.04", "hwe-24.04", "ga-24.04", "linux-generic"), ("ga-24.04-lowlatency", "", "", "ga-24.04-lowlatency", "linux-lowlatency")])
def test_which_kernel(api, machine, asked, minimum, default, kernel, package):
    """The squashfs has none: the agent installs the package of the one that was asked for, or of the oldest that will do."""
    deployed = deploy(api, machine, minimum, default, **({"hwe_kernel": asked} if asked else {}))
    assert deployed.status == 200, deployed.text
    assert deployed.json()["hwe_kernel"] == kernel
    task = ask(api, machine)
    assert (task["image"]["form"], task["kernel_package"]) == ("squashfs", package)


def test_no_such_kernel(api, machine):
    for asked, minimum, why in (("hwe-22.04", "", "hwe-22.04 is not available"), ("ga-24.04", "hwe-24.04", "does not meet the minimum"),
                                (None, "ga-26.04", "No kernel is available that meets the minimum of the machine (ga-26.04)")):
        refused = deploy(api, machine, minimum, **({"hwe_kernel": asked} if asked else {}))
        assert refused.status == 400 and why in refused.json()["hwe_kernel"][0], refused.text
        assert api.admin.get(f"machines/{machine.system_id}/").json()["status_name"] == "Ready"


def test_the_mirror_of_people(api, machine):
    """Where kernel and boot loader come from at the installation, and what the installed system's apt reads from then on."""
    yaml = pytest.importorskip("yaml")
    assert api.admin.post("maas/?op=set_config", name="main_archive", value="http://mirror/ubuntu").status == 200
    assert deploy(api, machine).status == 200
    task = ask(api, machine)
    assert task["packages"]["mirror"] == "http://mirror/ubuntu"
    mirror = [{"arches": ["default"], "uri": "http://mirror/ubuntu"}]
    apt = next(file["content"] for file in task["files"] if file["path"] == "/etc/cloud/cloud.cfg.d/90_maas_apt.cfg")
    assert yaml.safe_load(apt) == {"apt": {"preserve_sources_list": False, "primary": mirror, "security": mirror}}
    config = yaml.safe_load(api.admin.get(f"machines/{machine.system_id}/?op=get_curtin_config").text)
    assert config["apt"] == yaml.safe_load(apt)["apt"]
    changed = api.admin.put("package-repositories/1/", disabled_pockets=["backports", "security"], disabled_components="universe,multiverse,restricted")
    assert changed.status == 200, changed.text
    task = ask(api, machine)
    assert task["packages"]["archive"] == {"url": "http://mirror/ubuntu", "suites": ["$RELEASE", "$RELEASE-updates"], "components": ["main"]}
    apt = yaml.safe_load(next(file["content"] for file in task["files"] if file["path"] == "/etc/cloud/cloud.cfg.d/90_maas_apt.cfg"))["apt"]
    assert apt["primary"] == mirror and apt["sources_list"] == "".join(
        f"{kind} http://mirror/ubuntu $RELEASE{pocket} main\n" for pocket in ("", "-updates") for kind in ("deb", "# deb-src"))
    assert yaml.safe_load(api.admin.get(f"machines/{machine.system_id}/?op=get_curtin_config").text)["apt"] == apt
    api.sql("UPDATE package_repository SET disabled_pockets = '{}', disabled_components = '{}'")
    api.sql("DELETE FROM setting WHERE name = 'main_archive'")

"""What the agent is told to do, by the machine's status; what racks answer then; what an installed system is told of itself."""
import base64
import hashlib
import json

import pytest

from conftest import IMAGE_SHA256, ROOT, Api, make_images
from test_machines import make, new_mac
from test_metadata import Machine, report_of

ARMOURED = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDM\n-----END PGP PUBLIC KEY BLOCK-----\n"
KEY = (ROOT / "test/fuzz/corpus/openpgp_armor/key").read_text()
TASK = "/MAAS/metadata/2012-03-01/gantry/task"


@pytest.fixture(scope="module", name="api")
def make_api(tmp_path_factory):
    bookworm = {"os": "debian", "release": "bookworm", "architecture": "amd64"}
    program = Api(GANTRY_IMAGES=make_images(
        tmp_path_factory.mktemp("images"), {"file": "root.squashfs", "kind": "squashfs", "size": 1},
        {"file": "minimal.squashfs", "kind": "root-image", **bookworm, "release": "minimal", "form": "squashfs",
         "kernel_package": "linux-image-cloud-amd64", "size": 6},
        {"file": "debian.squashfs", "kind": "stock-squashfs", "size": 8, **bookworm},
        {"file": "apt/dists/bookworm/InRelease", "kind": "package-list", "components": ["main"], "key": ARMOURED, "size": 9, **bookworm}))
    program.sql("INSERT INTO subnet (name, vlan_id, cidr) VALUES ('prov', 5001, '10.76.0.0/24')")
    yield program
    program.close()


@pytest.fixture(name="machine")
def make_machine(api):
    made = Machine(api, f"10.76.0.{int(api.sql('SELECT count(*) FROM node')) + 10}", new_mac(), new_mac())
    made.enlist()
    made.take_key()
    assert made.report(report_of(*made.macs)).status == 200
    return made


def set_status(api, machine, status, **columns):
    more = "".join(f", {name} = {value}" for name, value in columns.items())
    api.sql(f"UPDATE node SET status = {status}{more} WHERE system_id = '{machine.system_id}'")


def ask(machine, status=200, **headers):
    reply = machine.request("GET", TASK, key=machine.key, headers=headers)
    assert reply.status == status, reply.text
    return reply.json() if status == 200 else reply.text


def boot(api, machine):
    return api.rack("boot_config", mac=machine.macs[0], address=machine.address, firmware="bios", hardware_uuid=None)


@pytest.mark.parametrize("status,task,purpose,end", [
    (0, "enlist", "commissioning", "poweroff"), (1, "commission", "commissioning", "poweroff"), (4, "none", "poweroff", "poweroff"),
    (6, "none", "local", "poweroff"), (9, "deploy", "deploy", "reboot"), (14, "erase", "erase", "poweroff"),
    (16, "rescue", "rescue", "poweroff"), (17, "rescue", "rescue", "poweroff"), (21, "test", "testing", "poweroff")])
def test_by_status(api, machine, status, task, purpose, end):
    set_status(api, machine, status)
    answer = ask(machine)
    assert (answer["task"], answer["end"], answer["system_id"]) == (task, end, machine.system_id)
    told = boot(api, machine)
    assert told["purpose"] == purpose
    assert ("gantry.limit_s=" in told.get("options", "")) == (purpose not in ("local", "poweroff"))


def test_where_packages_of_scripts_come_from(api, machine):
    """The repository among the images, if it is for such machines; the mirror and the proxy that people set."""
    set_status(api, machine, 1)
    ours = {"path": "/images/apt", "os": "debian", "release": "bookworm", "components": ["main"], "key": ARMOURED}
    assert ask(machine)["packages"] == {"repository": ours, "mirror": None, "proxy": None}
    for name, value in (("main_archive", "http://mirror.example.com/debian"), ("http_proxy", "http://proxy:3128/")):
        assert api.admin.post("maas/?op=set_config", name=name, value=value).status == 200
    set_status(api, machine, 21, architecture="'arm64/generic'")
    assert ask(machine)["packages"] == {"mirror": "http://mirror.example.com/debian", "proxy": "http://proxy:3128/"}
    assert api.admin.post("maas/?op=set_config", name="enable_http_proxy", value="false").status == 200
    set_status(api, machine, 12)
    assert ask(machine)["packages"] == {"mirror": "http://mirror.example.com/debian", "proxy": None}
    for status in (4, 14, 16):
        set_status(api, machine, status, architecture="'amd64/generic'")
        assert "packages" not in ask(machine)
    set_status(api, machine, 9)  # an image may lack a kernel
    archive = {"url": "http://mirror.example.com/debian", "suites": ["$RELEASE"] + [f"$RELEASE-{p}" for p in ("updates", "security", "backports")],
               "components": ["main", "restricted", "universe", "multiverse"]}
    assert ask(machine)["packages"] == {"repository": ours, "mirror": "http://mirror.example.com/debian", "proxy": None, "archive": archive}
    api.sql("DELETE FROM setting WHERE name IN ('main_archive', 'http_proxy', 'enable_http_proxy')")


def test_only_for_the_machine_itself(api, machine):
    assert machine.request("GET", TASK).status == 404
    assert api.admin.request("GET", TASK).status == 403


def test_a_deployment(api, machine):
    api.sql("INSERT INTO tag (name, kernel_opts) VALUES ('quiet', 'quiet splash')")
    api.sql(f"INSERT INTO node_tag SELECT n.id, t.id FROM node n, tag t WHERE system_id = '{machine.system_id}' AND name = 'quiet'")
    set_status(api, machine, 9, osystem="'debian'", distro_series="'bookworm'", bios_boot_method="'pxe'")
    task = ask(machine)
    assert task == ask(machine)
    assert task["image"] == {"form": "raw.zst", "path": "/images/debian.ext4.zst", "sha256": IMAGE_SHA256, "size": 7}
    assert task["kernel_options"] == "console=tty0 console=ttyS0 quiet splash"
    disk, grub, root, form, mount = task["storage"]["config"]
    assert (disk["serial"], disk["path"], disk["grub_device"]) == ("disk0", "/dev/disk/by-id/virtio-disk0", True)
    assert grub["flag"] == "bios_grub" and root["size"] == (4096 - 3) << 20 and form["fstype"] == "ext4" and mount["path"] == "/"
    files = {file["path"].rsplit("/", 1)[-1]: file for file in task["files"]}
    secret = machine.key.split(":")[2]
    source = files["90_maas_datasource.cfg"]
    assert source["mode"] == 0o600 and secret in source["content"] and "http://10.77.0.21:5240/MAAS/metadata/" in source["content"]
    assert f"status/{machine.system_id}', timeout: 10, retries: 20, " in files["90_maas_reporting.cfg"]["content"]
    network = json.loads(files["50-curtin-networking.cfg"]["content"].removeprefix("network: "))
    first, second = network["config"]
    assert (first["mac_address"], first["subnets"]) == (machine.macs[0], [{"type": "dhcp4"}])
    assert (second["mac_address"], second["subnets"]) == (machine.macs[1], [{"type": "manual"}])


def test_a_system_without_a_kernel(api, machine):
    """Which package is its kernel, and what its own apt is told once it runs: the proxy; the mirror is one of Ubuntu."""
    set_status(api, machine, 9, osystem="'debian'", distro_series="'bookworm'")
    assert "kernel_package" not in ask(machine)
    for name, value in (("main_archive", "http://mirror/ubuntu"), ("http_proxy", "http://me:key@proxy:3128/")):
        assert api.admin.post("maas/?op=set_config", name=name, value=value).status == 200
    set_status(api, machine, 9, osystem="'debian'", distro_series="'minimal'")
    task = ask(machine)
    assert (task["image"]["form"], task["kernel_package"]) == ("squashfs", "linux-image-cloud-amd64")
    apt = next(file for file in task["files"] if file["path"].endswith("/90_maas_apt.cfg"))
    assert apt["mode"] == 0o600 and json.loads(apt["content"].removeprefix("apt: ")) == {
        "preserve_sources_list": False, "http_proxy": "http://me:key@proxy:3128/", "https_proxy": "http://me:key@proxy:3128/"}
    api.sql("DELETE FROM setting WHERE name IN ('main_archive', 'http_proxy')")
    assert not [file for file in ask(machine)["files"] if "apt" in file["path"]]


@pytest.fixture(name="named")
def make_named(api):
    """Three archives that people named; one of them is for other machines, one is switched off."""
    for name, more in (("My repo", {"distributions": ["bookworm", "stable/"], "components": "a", "key": KEY}), ("other", {"arches": "s390x"}),
                       ("off", {"enabled": "false"}), ("lp", {"url": "ppa:a/b"})):
        made = api.admin.post("package-repositories/", **{"name": name, "url": "http://mine.example.com/x", **more})
        assert made.status == 200, made.text
    yield {"url": "http://mine.example.com/x", "suites": ["bookworm", "stable/"], "components": ["a"], "key": KEY}
    api.sql("DELETE FROM package_repository WHERE url IS NOT NULL; DELETE FROM setting WHERE name LIKE '%\\_archive';"
            "UPDATE package_repository SET disabled_pockets = '{}', disabled_components = '{}'")


MINE = {"source": "deb http://mine.example.com/x bookworm a\ndeb http://mine.example.com/x stable/\n", "key": KEY}


def test_named_archives(api, machine, named):
    """Of their architecture and enabled: for the agent, for the system that was installed, and in curtin's words."""
    set_status(api, machine, 9, osystem="'debian'", distro_series="'bookworm'", architecture="'amd64/generic'")
    task = ask(machine)
    assert task["packages"]["sources"] == [named] and "archive" not in task["packages"]
    apt = next(file for file in task["files"] if file["path"].endswith("/90_maas_apt.cfg"))
    assert apt["mode"] == 0o600 and json.loads(apt["content"].removeprefix("apt: ")) == {"preserve_sources_list": False, "sources": {"my_repo": MINE}}
    set_status(api, machine, 1)
    assert ask(machine)["packages"]["sources"] == [named]
    set_status(api, machine, 21, architecture="'s390x/generic'")
    assert [source["suites"] for source in ask(machine)["packages"]["sources"]] == [["$RELEASE"]]


def test_a_stock_system_is_told(api, machine, named):
    """Commissioned under a stock Debian, whose cloud-init reads the preseed: with the one module that this takes."""
    yaml = pytest.importorskip("yaml")
    set_status(api, machine, 1, architecture="'amd64/generic'")
    boot(api, machine)
    assert "apt" not in yaml.safe_load(machine.preseed().text)  # the agent's own system
    assert api.admin.post("maas/?op=set_config", name="commissioning_distro_series", value="bookworm").status == 200
    preseed = yaml.safe_load(machine.preseed().text)
    assert preseed["apt"] == {"preserve_sources_list": False, "sources": {"my_repo": MINE}}
    assert preseed["cloud_config_modules"] == ["apt-configure"]
    assert machine.preseed().text.count("KEY BLOCK") == 2
    set_status(api, machine, 1, script_options="'{\"enable_ssh\": true}'")
    preseed = yaml.safe_load(machine.preseed().text)
    assert "my_repo" in preseed["apt"]["sources"] and "cloud_config_modules" not in preseed
    assert api.admin.put("package-repositories/My%20repo/", enabled="0").status == 200
    set_status(api, machine, 1, script_options="'{}'")
    preseed = yaml.safe_load(machine.preseed().text)
    assert "apt" not in preseed and preseed["cloud_config_modules"] == []
    api.sql("DELETE FROM setting WHERE name = 'commissioning_distro_series'")


def test_a_setting_of_old(api, machine):
    """One that no check has seen: nobody's apt reads it."""
    api.sql("INSERT INTO setting (name, value) VALUES ('main_archive', '\"http://a/[trusted=yes]\"')")
    set_status(api, machine, 1, architecture="'amd64/generic'")
    assert "The URL of the package repository main_archive is none." in ask(machine, 409)
    api.sql("DELETE FROM setting WHERE name = 'main_archive'")


def test_uefi_and_lvm(api, machine):
    set_status(api, machine, 9, bios_boot_method="'uefi'", deploy_options="'{\"storage_layout\": \"lvm\"}'")
    config = ask(machine)["storage"]["config"]
    assert [item["type"] for item in config] == ["disk", "partition", "format", "mount", "partition", "lvm_volgroup", "lvm_partition",
                                                 "format", "mount"]
    assert config[1]["flag"] == "boot" and config[2]["fstype"] == "fat32" and config[3]["path"] == "/boot/efi"


def test_a_static_link(api, machine):
    set_status(api, machine, 9)
    api.sql("UPDATE subnet SET gateway_ip = '10.76.0.1', dns_servers = '{10.76.0.2,10.76.0.3}' WHERE cidr = '10.76.0.0/24'")
    api.sql("INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT '10.76.0.200', 1, s.id, i.id FROM subnet s, interface i "
            f"WHERE s.cidr = '10.76.0.0/24' AND i.mac = '{machine.macs[0]}'")
    files = {file["path"].rsplit("/", 1)[-1]: file for file in ask(machine)["files"]}
    network = json.loads(files["50-curtin-networking.cfg"]["content"].removeprefix("network: "))
    assert network["config"][0]["subnets"] == [{"type": "static", "address": "10.76.0.200/24", "gateway": "10.76.0.1",
                                                "dns_nameservers": ["10.76.0.2", "10.76.0.3"]}]
    api.sql("DELETE FROM ip_address")


def test_an_uploaded_image(api, machine):
    for filetype, form, body in (("tgz", "tgz", b"tree"), ("tbz", "tar.bz2", b"bz"), ("squashfs", "squashfs", b"squash"), ("ddgz", "dd.gz", b"disk"),
                                 ("ddraw", "dd", b"raw"), ("ddtgz", "dd.tgz", b"dt"), ("ddtxz", "dd.tar.xz", b"dx"), ("ddtbz", "dd.tar.bz2", b"db"),
                                 ("ddtar", "dd.tar", b"da"), ("ddbz2", "dd.bz2", b"d2"), ("ddxz", "dd.xz", b"d3")):
        made = api.admin.cli("boot-resources/", ("name", f"mine-{filetype}"), ("architecture", "amd64/generic"), ("filetype", filetype),
                             ("content", body))
        assert made.status == 201, made.text
        set_status(api, machine, 9, osystem="'custom'", distro_series=f"'mine-{filetype}'")
        sha256 = hashlib.sha256(body).hexdigest()
        assert ask(machine)["image"] == {"form": form, "path": f"/blobs/{sha256}", "sha256": sha256, "size": len(body)}
    set_status(api, machine, 4)
    refused = api.admin.post(f"machines/{machine.system_id}/?op=deploy", distro_series="custom/mine-ddgz", ephemeral_deploy="true")
    assert "ephemeral_deploy" in refused.json()


def test_what_was_set_beforehand(api, machine):
    set_status(api, machine, 4, commissioned="now()")
    uri = f"machines/{machine.system_id}/"
    assert api.admin.post(uri + "?op=set_storage_layout", storage_layout="lvm", vg_name="data", root_size="3G", lv_size="2G").status == 200
    api.admin.post(uri + "?op=mount_special", fstype="tmpfs", mount_point="/scratch", mount_options="size=1G")
    set_status(api, machine, 9, osystem="'debian'", distro_series="'bookworm'")
    config = {item["id"]: item for item in ask(machine)["storage"]["config"]}
    assert config["data"]["type"] == "lvm_volgroup" and config["data-lvroot"]["size"] == 2000000000 >> 20 << 20
    assert [item for item in config.values() if item.get("spec")] == [
        {"id": next(key for key in config if key.startswith("special")), "type": "mount", "spec": "tmpfs", "fstype": "tmpfs", "path": "/scratch",
         "options": "size=1G"}]
    set_status(api, machine, 9, deploy_options="'{\"storage_layout\": \"flat\"}'")  # the request to deploy says more
    config = ask(machine)["storage"]["config"]
    assert not [item for item in config if item["type"] == "lvm_volgroup"] and any(item.get("spec") for item in config)
    api.sql(f"UPDATE node SET deploy_options = '{{}}', storage_layout = NULL WHERE system_id = '{machine.system_id}'")


def test_kexec_is_an_option(api, machine):
    set_status(api, machine, 9, osystem="'debian'", distro_series="'bookworm'")
    assert ask(machine)["kexec"] is False
    assert api.admin.post("maas/?op=set_config", name="enable_kexec", value="perhaps").status == 400
    assert api.admin.post("maas/?op=set_config", name="enable_kexec", value="true").status == 200
    assert ask(machine)["kexec"] is True
    assert api.admin.post("maas/?op=set_config", name="enable_kexec", value="false").status == 200


def test_what_cannot_be_deployed(api, machine):
    set_status(api, machine, 9, osystem="'ubuntu'", distro_series="'noble'")
    assert "no image of ubuntu noble" in ask(machine, 404)
    set_status(api, machine, 9, osystem="''", distro_series="''", deploy_options="'{\"storage_layout\": \"vmfs6\"}'")
    assert "vmfs6" in ask(machine, 400)
    api.sql(f"DELETE FROM block_device WHERE node_id = (SELECT id FROM node WHERE system_id = '{machine.system_id}')")
    assert "no disk" in ask(machine, 409)


def test_installed_it_boots_its_disk(api, machine):
    set_status(api, machine, 9)
    assert machine.signal(("op", "netboot_off")).text == "OK"
    assert boot(api, machine)["purpose"] == "local"
    assert ask(machine)["task"] == "none"
    assert machine.preseed().status == 403


def test_in_memory(api, machine):
    """Each boot of it gets the system anew; nothing of the disks is in the task."""
    api.sql(f"DELETE FROM block_device WHERE node_id = (SELECT id FROM node WHERE system_id = '{machine.system_id}')")
    for status, purpose in ((9, "deploy"), (6, "ephemeral")):
        set_status(api, machine, status, ephemeral_deploy="true", bios_boot_method="NULL")
        task = ask(machine)
        assert task["task"] == "deploy" and task["in_memory"] and "storage" not in task and task["image"]
        assert boot(api, machine)["purpose"] == purpose
        assert machine.preseed().status == 200 and "power_state" not in machine.preseed().text
    set_status(api, machine, 6, ephemeral_deploy="false")
    assert ask(machine)["task"] == "none" and machine.preseed().status == 403


def test_user_data(api, machine):
    path = "/MAAS/metadata/2012-03-01/user-data"
    set_status(api, machine, 9)
    assert machine.request("GET", path, key=machine.key).status == 404
    content = b"#!/bin/sh\n\x00\xff end"
    set_status(api, machine, 9, user_data=f"decode('{base64.b64encode(content).decode()}', 'base64')")
    assert machine.request("GET", path, key=machine.key).body == content


def test_stock_system(api, machine):
    def choose(series):
        assert api.admin.post("maas/?op=set_config", name="commissioning_distro_series", value=series).status == 200
        told = boot(api, machine)
        assert (told["kernel"], told["initrd"]) == ("vmlinuz", "initrd.gz")
        return told["root"], told["options"].split(" gantry.")[0]
    ours = ("root.squashfs", "console=ttyS0 init=/sbin/gantry-agent")
    hostname = api.sql(f"SELECT hostname FROM node WHERE system_id = '{machine.system_id}'")
    stock = ("debian.squashfs", f"console=ttyS0 ip=::::{hostname}:BOOTIF ip6=off cc:{{datasource_list: [MAAS]}}end_cc ro overlayroot=tmpfs "
             "overlayroot_cfgdisk=disabled net.ifnames=0 systemd.mask=systemd-network-generator.service systemd.mask=ssh.service")
    for status in (1, 21):
        set_status(api, machine, status, user_data="'mine'")
        assert [choose(series) for series in ("", "noble", "bookworm")] == [ours, ours, stock]
        preseed, user_data = machine.preseed().text, machine.request("GET", "/MAAS/metadata/2012-03-01/user-data", key=machine.key)
        assert "cloud_final_modules: [scripts-user, power-state-change]\n" in preseed and "mode: poweroff" in preseed
        assert user_data.status == 200 and user_data.text.startswith("#!/usr/bin/python3\n")
        assert machine.key.split(":")[2] not in user_data.text
    set_status(api, machine, 1, script_options="'{\"enable_ssh\": true}'")
    assert "modules" not in machine.preseed().text and "power_state" not in machine.preseed().text
    assert "ssh.service" not in choose("bookworm")[1]
    keys = "/MAAS/metadata/2012-03-01/meta-data/public-keys"
    assert machine.request("GET", keys, key=machine.key).status == 404
    api.sql("INSERT INTO account (username, password) VALUES ('looker', '')")
    api.sql("INSERT INTO ssh_key (account_id, key) SELECT id, 'ssh-ed25519 AAAA looker' FROM account WHERE username = 'looker'")
    api.sql(f"INSERT INTO operation (node_id, kind, step, username) SELECT id, 'commission', 'on', 'looker' FROM node WHERE system_id = "
            f"'{machine.system_id}'")
    assert machine.request("GET", keys, key=machine.key).text == "ssh-ed25519 AAAA looker\n"
    for status in (0, 9, 14, 16):  # these take the agent
        set_status(api, machine, status, script_options="'{}'")
        assert choose("bookworm") == ours and machine.request("GET", keys, key=machine.key).status == 404
    assert machine.request("GET", "/MAAS/metadata/2012-03-01/user-data", key=machine.key).text == "mine"
    api.sql("DELETE FROM setting")


def test_rescue_and_erase(api, machine):
    api.sql("INSERT INTO account (username, password) VALUES ('helper', '')")
    api.sql("INSERT INTO ssh_key (account_id, key) SELECT id, 'ssh-ed25519 AAAA helper' FROM account WHERE username = 'helper'")
    api.sql(f"INSERT INTO operation (node_id, kind, step, username) SELECT id, 'rescue', 'on', 'helper' FROM node WHERE system_id = "
            f"'{machine.system_id}'")
    set_status(api, machine, 17)
    assert ask(machine)["ssh_keys"] == "ssh-ed25519 AAAA helper\n"
    set_status(api, machine, 14, erase_options="'{\"quick_erase\": true}'")
    task = ask(machine)
    assert (task["quick"], task["secure"]) == (True, False)


def test_racks_take_each_others_place(api, machine):
    api.sql("INSERT INTO node (system_id, node_type, hostname, domain_id, zone_id) SELECT x, 2, x, 0, 1 FROM unnest('{rcka,rckb}'::text[]) x")
    api.sql("INSERT INTO interface (node_id, name, mac) SELECT id, 'eth0', ('52:54:00:99:00:0' || id % 10)::macaddr FROM node "
            "WHERE system_id IN ('rcka', 'rckb')")
    api.sql("INSERT INTO ip_address (ip, alloc_type, interface_id) SELECT CASE n.system_id WHEN 'rcka' THEN '10.76.0.5' ELSE '10.76.0.4' END"
            "::inet, 1, i.id FROM interface i JOIN node n ON n.id = i.node_id WHERE n.system_id IN ('rcka', 'rckb')")
    api.sql("UPDATE vlan SET primary_rack_id = (SELECT id FROM node WHERE system_id = 'rcka'), secondary_rack_id = (SELECT id FROM node "
            "WHERE system_id = 'rckb') WHERE id = 5001")
    set_status(api, machine, 9)
    assert "gantry.racks=10.76.0.5,10.76.0.4" in boot(api, machine)["options"]
    for reached, order in (("10.76.0.5", "54"), ("10.76.0.4", "45"), ("10.76.0.41", "54")):  # the one that answers is asked first
        task = ask(machine, Host=f"{reached}:5240")
        files = {file["path"].rsplit("/", 1)[-1]: file["content"] for file in task["files"]}
        assert "".join(f"10.76.0.{last}\tracks.gantry.internal\n" for last in order) in files["hosts"]
    assert "http://racks.gantry.internal:5240/MAAS/metadata/" in files["90_maas_datasource.cfg"]


def test_in_the_words_of_curtin(api, machine):
    yaml = pytest.importorskip("yaml")
    uri = f"machines/{machine.system_id}/?op=get_curtin_config"
    set_status(api, machine, 4, boot_address="NULL")
    refused = api.admin.get(uri)
    assert (refused.status, "is not in a deployment state" in refused.text) == (400, True)
    set_status(api, machine, 9, osystem="'custom'", distro_series="'curtin'")
    assert "has not booted" in api.admin.get(uri).text
    api.admin.cli("boot-resources/", ("name", "curtin"), ("architecture", "amd64/generic"), ("filetype", "tgz"), ("content", b"a tree"))
    api.sql(f"""UPDATE node SET boot_address = '{machine.address}' WHERE system_id = '{machine.system_id}';
        INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) VALUES ('rck009', 'rack9', 2, 0, 1);
        INSERT INTO interface (node_id, name, mac) SELECT id, 'eth0', '52:54:00:99:00:01' FROM node WHERE system_id = 'rck009';
        INSERT INTO ip_address (ip, alloc_type, subnet_id, interface_id) SELECT '10.76.0.2', 1, s.id, i.id FROM subnet s, interface i
            WHERE s.cidr = '10.76.0.0/24' AND i.mac = '52:54:00:99:00:01';
        UPDATE vlan SET primary_rack_id = (SELECT id FROM node WHERE system_id = 'rck009') WHERE id = 5001""")
    reply = api.admin.get(uri)
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("text/plain"), reply.text
    config = yaml.safe_load(reply.text)
    sha256 = hashlib.sha256(b"a tree").hexdigest()
    assert config["sources"] == {"00_root": {"type": "tgz", "uri": f"http://10.76.0.2:5248/blobs/{sha256}"}}
    assert config["storage"]["version"] == config["network"]["version"] == 1
    assert config["reporting"]["maas"]["endpoint"] == f"http://10.76.0.2:5240/MAAS/metadata/status/{machine.system_id}"
    assert machine.key.split(":")[2] not in reply.text
    for over in (6, 11):  # Deployed, Failed deployment: how it was done
        set_status(api, machine, over)
        assert yaml.safe_load(api.admin.get(uri).text)["sources"] == config["sources"]
    assert api.user("curtin-plain").get(uri).status == 403
    set_status(api, machine, 9, osystem="'debian'", distro_series="'bookworm'")
    assert "raw.zst" in api.admin.get(uri).text  # a form of ours
    api.sql("UPDATE vlan SET primary_rack_id = NULL; DELETE FROM node WHERE system_id = 'rck009'")


def test_a_region_without_images_of_its_own(tmp_path):
    program = Api(GANTRY_IMAGES=str(tmp_path))
    made = make(program.admin, power_type="manual")
    program.sql(f"UPDATE node SET status = 4 WHERE system_id = '{made['system_id']}'")
    refused = program.admin.post(f"machines/{made['system_id']}/?op=deploy", distro_series="noble")
    assert refused.status == 400 and "No image is imported yet" in refused.json()["distro_series"][0], refused.text
    program.close()

"""Images in a cluster of three: every region gets the bytes, whoever is killed; what one has others take from it, not from the
mirror; the import of a dead leader is gone on with."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "api"), str(ROOT / "scripts")]
from lab import lab as make_lab, wait_for  # noqa: E402
from labkit.members import inside  # noqa: E402
from mirror import Key, Mirror  # noqa: E402

NAMES = ["region1", "region2", "region3"]
FILES = {"boot-kernel": os.urandom(1 << 20), "boot-initrd": os.urandom(2 << 20), "squashfs": os.urandom(24 << 20)}
CLIENT = "10.89.0.5"


@pytest.fixture(name="three", scope="module")
def make_three():
    with make_lab("gti", "--regions", "3", "--racks", "1", "--machines", "0", "--no-images") as lab:
        yield lab


@pytest.fixture(name="mirror", scope="module")
def make_mirror(three, tmp_path_factory):
    key = Key(tmp_path_factory.mktemp("gpg") / "home")
    folder = tmp_path_factory.mktemp("mirror")
    mirror = inside(three.facts["client_netns"], lambda: Mirror(folder, key, CLIENT))
    for release in ("noble", "jammy"):
        files = {name: release.encode() + body for name, body in FILES.items()}
        mirror.add(f"com.example:{release}", "1", files, os="ubuntu", release=release, arch="amd64", subarch="ga-1", label="stable")
    mirror.publish()
    (folder / "keys").write_bytes(key.keyring)
    yield mirror
    mirror.close()
    key.close()


def api(lab, *argv):
    return json.loads(lab.gantry("--json", *argv, host="client").stdout)


@pytest.fixture(name="source", scope="module")
def make_source(three, mirror):
    return api(three, "boot-source", "create", f"url={mirror.url}", f"keyring_data@={mirror.folder / 'keys'}")["id"]


def blobs(lab, region):
    host = next(host for host in lab.facts["hosts"] if host["name"] == region)
    return pathlib.Path(host["data_dir"]) / "blobs"


def has_all(lab, region, release):
    for body in FILES.values():
        path = blobs(lab, region) / hashlib.sha256(release.encode() + body).hexdigest()
        if not path.exists():
            return False
        assert path.read_bytes() == release.encode() + body
    return True


def leader(lab):
    def look():
        for name in NAMES:
            status = lab.status(name)
            if status and status["verdict"] != "no-quorum":
                found = [member["name"] for member in status["members"] if member["raft_role"] == "leader" and member["reachable"]]
                if found:
                    return found[0]
        return None
    return wait_for("a leader", look, 30)


def select(lab, source, release):
    api(lab, "boot-source-selection", "create", str(source), "os=ubuntu", f"release={release}")
    lab.gantry("boot-resource", "import", host="client")


def is_whole(lab, release):
    rows = [row for row in api(lab, "boot-resource", "list") if row["name"] == f"ubuntu/{release}"]
    if not rows:
        return False
    detail = api(lab, "boot-resource", "read", str(rows[0]["id"]))
    return all(version["complete"] for version in detail["sets"].values())


def test_the_leader_dies_in_the_middle(three, mirror, source):
    wait_for("a healthy cluster", lambda: (three.status() or {}).get("verdict") == "healthy", 60)
    mirror.hold = "squashfs"
    select(three, source, "noble")
    wait_for("half of the root", lambda: any("squashfs" in path for path in mirror.fetched()), 30)
    dead = leader(three)
    wait_for("the small files elsewhere", lambda: all(
        (blobs(three, name) / hashlib.sha256(b"noble" + FILES["boot-kernel"]).hexdigest()).exists() for name in NAMES), 30)
    three.run("kill", dead)
    mirror.requests.clear()
    mirror.hold = None
    mirror.gate.set()
    alive = [name for name in NAMES if name != dead]
    for name in alive:
        wait_for(f"all files at {name}", lambda n=name: has_all(three, n, "noble"), 90)
    assert [path for path in mirror.fetched() if "squashfs" not in path] == []  # these came from regions
    wait_for("a whole image", lambda: is_whole(three, "noble"), 30)
    assert three.gantry("--json", "boot-resource", "is-importing", host="client").stdout.strip() == "false"
    three.run("start", dead)
    wait_for(f"all files at {dead}", lambda: has_all(three, dead, "noble"), 90)
    assert len([path for path in mirror.fetched() if "squashfs" in path]) == 1


def test_a_region_that_lost_its_disk_gets_them_again(three, mirror):
    wait_for("a healthy cluster", lambda: (three.status() or {}).get("verdict") == "healthy", 60)
    mirror.requests.clear()
    for path in blobs(three, "region2").iterdir():
        path.unlink()
    wait_for("all files again", lambda: has_all(three, "region2", "noble"), 40)
    assert mirror.fetched() == []


@pytest.fixture(name="machine")
def make_machine(three):
    """A namespace on the provisioning bridge, as a machine would be."""
    provision, netns = three.facts["provision"], "gti-machine"
    subprocess.run(["ip", "netns", "add", netns], check=True)
    for argv in (["-n", provision["netns"], "link", "add", "imagec0", "type", "veth", "peer", "name", "client0", "netns", netns],
                 ["-n", provision["netns"], "link", "set", "imagec0", "master", provision["bridge"], "up"],
                 ["-n", netns, "addr", "add", "10.77.0.77/24", "dev", "client0"], ["-n", netns, "link", "set", "client0", "up"]):
        subprocess.run(["ip", *argv], check=True)
    yield netns
    subprocess.run(["ip", "netns", "del", netns], check=False)


def test_a_rack_serves_what_a_region_has(machine):
    body = b"noble" + FILES["squashfs"]
    url = f"http://10.77.0.1:5248/blobs/{hashlib.sha256(body).hexdigest()}"
    for argv, want in (((), body), (("-r", "1000-1999"), body[1000:2000])):
        got = subprocess.run(["nsenter", f"--net=/run/netns/{machine}", "curl", "-sf", "-m", "60", *argv, url], capture_output=True,
                             check=False)
        assert got.returncode == 0 and got.stdout == want
    kernel = hashlib.sha256(b"noble" + FILES["boot-kernel"]).hexdigest()
    got = subprocess.run(["nsenter", f"--net=/run/netns/{machine}", "curl", "-sf", "-m", "60", f"tftp://10.77.0.1/blobs/{kernel}"],
                         capture_output=True, check=False)
    assert got.stdout == b"noble" + FILES["boot-kernel"]


def test_what_nothing_needs_goes(three, mirror, source):
    mirror.requests.clear()
    for row in api(three, "boot-source-selection", "list", str(source)):
        three.gantry("boot-source-selection", "delete", str(source), str(row["id"]), host="client")
    three.gantry("boot-resource", "import", host="client")
    wait_for("no images", lambda: api(three, "boot-resource", "list") == [], 30)
    assert mirror.fetched() == []

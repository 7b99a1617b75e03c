"""gantry cluster init: refused with one clear line when something is missing, and safe to run again."""
import json
import subprocess

import pytest

from conftest import ADDRESS, VIP
from lab import wait_for


def refused(region, *words, **options):
    result = region.init(**options)
    assert result.returncode != 0, result.stdout
    error = result.stderr.strip().splitlines()[-1]
    for word in words:
        assert str(word) in error, error
    return error


@pytest.mark.parametrize("section, key, value, words", [
    ("postgres", "bin_dir", "/nowhere", ["/nowhere/postgres is missing", "[postgres] bin_dir"]),
    ("balancer", "program", "/nowhere/haproxy", ["/nowhere/haproxy is missing", "install HAProxy"]),
    ("vip", "interface", "eth7", ["there is no interface eth7", "[vip] interface"]),
])
def test_what_is_missing_is_named(region, section, key, value, words):
    region.settings.setdefault(section, {})[key] = value
    region.start()
    refused(region, *words)
    assert region.files() == []
    assert region.status()["verdict"] == "no-cluster"


def test_without_a_virtual_ip(region):
    del region.settings["vip"]
    region.start()
    refused(region, "set [vip] address")
    assert region.files() == []


def test_a_virtual_ip_that_somebody_has(region):
    region.sh("ip", "-n", f"{region.name}-far", "addr", "add", f"{VIP}/24", "dev", "eth0")
    region.start()
    refused(region, f"{VIP}/24 is in use on eth0 by")
    assert region.files() == []
    assert VIP not in region.sh("ip", "-n", region.name, "-4", "addr").stdout


@pytest.mark.parametrize("port, key", [(5250, "raft"), (5253, "postgres"), (5252, "hop")])
def test_a_port_in_use(region, port, key):
    code = f"import socket,time; s=socket.socket(); s.bind(('{ADDRESS}',{port})); s.listen(); print(1,flush=True); time.sleep(60)"
    other = subprocess.Popen(["nsenter", f"--net=/run/netns/{region.name}", "--", "python3", "-c", code], stdout=subprocess.PIPE)
    other.stdout.readline()
    region.start()
    refused(region, f"port {port} on {ADDRESS} is in use", f"[ports] {key}")
    assert region.files() == []
    other.kill()
    other.wait()


def test_a_disk_without_room(region):
    region.sh("mount", "-t", "tmpfs", "-o", "size=64m,uid=gantry,gid=gantry,mode=0750", "none", region.data)
    region.start()
    refused(region, "64 MiB of room", "free some")
    assert region.files() == []


@pytest.mark.parametrize("options, words", [
    ({"name": "two words"}, ["name: expected"]),
    ({"name": "x" * 41}, ["name: expected"]),
    ({"admin_user": "a b"}, ["admin_user: expected"]),
    ({"admin_password": ""}, ["admin_password"]),
])
def test_wrong_parameters(region, options, words):
    region.start()
    refused(region, *words, **options)
    assert region.files() == []


def test_it_makes_a_cluster_once(region):
    region.start()
    result = region.init(admin_user="boss")
    assert result.returncode == 0, result.stderr + region.log()
    answer = json.loads(result.stdout)
    assert answer["cluster"] == "site" and answer["admin_user"] == "boss" and len(answer["admin_password"]) >= 12
    assert len(answer["api_key"].split(":")) == 3 and answer["ca_file"].endswith("/ca.pem")
    assert region.status()["verdict"] == "healthy"
    refused(region, "member of cluster site already")
    secrets = [path for path in region.data.rglob("*") if path.suffix == ".key" or path.name in ("seal.keys", "ca.key")]
    assert len(secrets) == 4 and all(path.stat().st_mode & 0o077 == 0 for path in secrets), secrets
    assert answer["admin_password"] not in region.log() and answer["api_key"] not in region.log()


@pytest.mark.parametrize("moment", ["certificate authority", "consensus log", "proposes FENCE", "PostgreSQL starts", "schema: 0001",
                                    "administrator"])
def test_a_crash_in_the_middle(region, moment):
    region.start()
    init = subprocess.Popen(["nsenter", f"--net=/run/netns/{region.name}", "--", *region_gantry(region), "--name", "site"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(moment, lambda: moment in region.log(), 30, 0.002)
    pid = region.sh("pgrep", "-f", f"gantry-regiond --config {region.folder}/").stdout.split()[0]
    region.sh("kill", "-9", pid)
    init.communicate(timeout=30)
    wait_for("regiond", lambda: region.status()["verdict"] in ("no-cluster", "degraded", "healthy"), 30)
    if init.returncode:  # else the crash came after the end
        refused(region, "an init of cluster site has begun", name="other")
        again = region.init()
        assert again.returncode == 0, again.stderr + region.log()
        assert json.loads(again.stdout)["api_key"]
    wait_for("health", lambda: region.status()["verdict"] == "healthy", 20)
    refused(region, "member of cluster site already")


def region_gantry(region):
    from conftest import BUILD
    return [BUILD / "gantry", "--socket", region.run / "regiond.sock", "--json", "cluster", "init"]


def test_a_lost_floor_and_a_foreign_name(region):
    region.start()
    assert region.init().returncode == 0
    region.stop()
    floor = region.data / "floor"
    kept = floor.read_bytes()
    floor.unlink()
    region.launch()
    region.said("floor is missing: this member counts as wiped")
    region.stop()
    floor.write_bytes(kept[:-5] + b"xxxx\n")
    region.sh("chown", "gantry:gantry", floor)
    region.launch()
    region.said("floor is damaged")
    region.stop()
    floor.write_bytes(kept)
    region.settings["region"]["name"] = "region2"
    region.configure()
    region.launch()
    region.said("belongs to region region1, but [region] name is region2")


def test_a_database_of_another_version(region):
    region.start()
    assert region.init().returncode == 0
    region.stop()
    (region.data / "pg" / "PG_VERSION").write_text("9\n")
    region.launch()
    wait_for("the verdict", lambda: "PostgreSQL 9" in region.status().get("advice", ""), 20)


def test_a_database_that_is_gone(region):
    region.start()
    assert region.init().returncode == 0
    region.stop()
    (region.data / "pg").rename(region.data / "pg.away")
    region.launch()
    wait_for("the verdict", lambda: "put the folder back" in region.status().get("advice", ""), 20)
    assert not (region.data / "pg").exists()  # nothing new and empty in its place
    region.stop()
    (region.data / "pg.away").rename(region.data / "pg")
    region.launch()
    wait_for("health", lambda: region.status()["verdict"] == "healthy", 20)


def test_a_database_that_cannot_start(region):
    region.start()
    assert region.init().returncode == 0
    region.stop()
    (region.data / "pg" / "global" / "pg_control").write_bytes(b"x" * 8192)
    region.launch()
    wait_for("the verdict", lambda: "pg_control is damaged" in region.status().get("advice", ""), 20)


def test_a_damaged_consensus_log(region):
    region.start()
    assert region.init().returncode == 0
    region.stop()
    for segment in (region.data / "raft").glob("0000*-*"):
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 0xFF
        segment.write_bytes(content)
    region.launch()
    region.said("consensus log in")
    region.said("must not vote any more")

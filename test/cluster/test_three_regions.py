"""Three regions: they join by token, know of each other, survive the loss of one, and one leaves and comes back."""
import json
import os
import pwd
import shutil
import time

import pytest

from lab import lab as make_lab, wait_for

NAMES = ["region1", "region2", "region3"]


@pytest.fixture(name="three", scope="module")
def make_three():
    with make_lab("gt3", "--regions", "3", "--racks", "1", "--machines", "0", "--no-images") as lab:
        yield lab


def healthy(lab, host="region1", timeout_s=60):
    def look():
        status = lab.status(host)
        return status if status and status["verdict"] == "healthy" else None
    return wait_for("a healthy cluster", look, timeout_s)


def by_name(status):
    return {member["name"]: member for member in status["members"]}


def leader_of(status):
    leaders = [member["name"] for member in status["members"] if member["raft_role"] == "leader"]
    assert len(leaders) == 1, leaders
    return leaders[0]


def a_follower(status):
    """One that is neither raft's leader nor the primary, if there is such a one."""
    rest = [name for name in NAMES if name not in (leader_of(status), status["primary"]["name"])]
    return rest[0]


def all_answer(lab):
    return all(lab.http(f"http://{vip}:5240/MAAS/api/2.0/version/")[0] == 200 for vip in lab.facts["vips"])


def new_token(lab, role, host="region1"):
    return json.loads(lab.gantry("--json", "cluster", "token", "create", "--role", role, host=host).stdout)["token"]


def test_every_region_tells_the_same(three):
    healthy(three)
    ids = {"region1": 1, "region2": 2, "region3": 3}
    for host in NAMES:
        status = healthy(three, host)
        members = by_name(status)
        assert {name: member["id"] for name, member in members.items()} == ids
        assert all(m["reachable"] and m["raft_voter"] and m["data_voter"] and m["last_seen_ms"] < 2000 for m in members.values())
        assert sorted(member["pg_role"] for member in members.values()) == ["primary", "standby", "standby"]
        assert members[status["primary"]["name"]]["pg_role"] == "primary"
        assert all(vip["held"] and vip["guard"] and vip["holder"] in NAMES for vip in status["vips"])
        leader_of(status)


def test_every_virtual_ip_answers(three):
    assert len(three.facts["vips"]) == 3
    wait_for("the API on every virtual IP", lambda: all_answer(three), 10)
    for vip in three.facts["vips"]:  # any region's certificate is good for all of them
        status, _ = three.http(f"https://{vip}:5443/MAAS/api/2.0/version/", "--cacert", three.facts["ca_file"])
        assert status == 200, vip


def test_a_rack_is_linked_to_every_region(three):
    def linked():
        status, text = three.http("http://10.89.0.21:5239/metrics")
        return status == 200 and all(f'gantry_region_linked{{region="{name}"}} 1' in text for name in NAMES)
    wait_for("three links", linked, 30)
    for host in NAMES:
        rack = three.status(host)["racks"][0]
        assert rack["region"] == host and rack["last_seen_ms"] < 5000


def test_tokens_are_made_on_any_region_and_names_are_single(three, tmp_path):
    follower = a_follower(healthy(three))
    (tmp_path / "token").write_text(new_token(three, "region", follower))
    (tmp_path / "regiond.conf").write_text(f"[region]\nname = region2\naddress = 10.89.0.99\ndata_dir = {tmp_path}/data\n")
    result = three.gantry("cluster", "join", f"@{tmp_path}/token", "--config", tmp_path / "regiond.conf", host="client", check=False)
    assert result.returncode == 5 and "has a region region2 already" in result.stderr
    (tmp_path / "regiond.conf").write_text(f"[region]\nname = other\naddress = 10.89.0.12\ndata_dir = {tmp_path}/data\n")
    result = three.gantry("cluster", "join", f"@{tmp_path}/token", "--config", tmp_path / "regiond.conf", host="client", check=False)
    assert result.returncode == 5 and "region2 has the address 10.89.0.12" in result.stderr
    assert not (tmp_path / "data").exists()
    assert len(three.status()["members"]) == 3


@pytest.mark.parametrize("role", ["follower", "leader"])
def test_a_killed_regiond_is_a_member_again(three, role):
    status = healthy(three)
    name = a_follower(status) if role == "follower" else leader_of(status)
    before = set(three.pids("regiond", name))
    three.run("kill", name, "--process", "regiond")
    wait_for("another process", lambda: (now := set(three.pids("regiond", name))) and not now & before)
    status = healthy(three, name)
    assert by_name(status)[name]["raft_voter"]
    wait_for("the API on every virtual IP", lambda: all_answer(three), 10)


def test_status_without_quorum(three):
    healthy(three)
    for name in ("region2", "region3"):
        three.run("kill", name)

    def lost():
        begin = time.monotonic()
        status = three.status("region1")
        took_s = time.monotonic() - begin
        seen = [member["name"] for member in status["members"] if member["reachable"]]
        return status["verdict"] == "no-quorum" and seen == ["region1"] and (status, took_s)  # first the leader is missed, then who

    status, took_s = wait_for("the loss to be seen", lost, 20)
    assert took_s < 1.5  # with the start of two programs
    assert "region2, region3" in status["advice"] and not status["cluster"]["quorum"]
    members = by_name(status)
    assert members["region1"]["reachable"] and not members["region2"]["reachable"]
    assert members["region3"]["last_seen_ms"] > 0
    refused = three.gantry("cluster", "remove", "region3", check=False)
    assert refused.returncode == 6 and "no quorum" in refused.stderr
    for name in ("region2", "region3"):
        three.run("start", name)
    healthy(three)
    wait_for("the API on every virtual IP", lambda: all_answer(three), 20)


def test_what_cannot_be_spared_stays(three):
    status = healthy(three)
    refused = three.gantry("cluster", "remove", status["primary"]["name"], check=False)
    assert refused.returncode == 5 and "switchover" in refused.stderr
    gone, other = [name for name in NAMES if name != status["primary"]["name"]]
    three.run("kill", gone)
    try:
        wait_for("it to be missed", lambda: not by_name(three.status(other))[gone]["reachable"], 20)
        refused = three.gantry("cluster", "remove", other, host=other, check=False)
        assert refused.returncode == 5 and "is no quorum" in refused.stderr
    finally:
        three.run("start", gone)
    healthy(three)


def test_a_region_leaves_and_comes_back_wiped(three):
    status = healthy(three)
    name = a_follower(status)
    asked = next(other for other in NAMES if other != name)
    three.gantry("cluster", "remove", name, host=asked)
    assert len(healthy(three, asked)["members"]) == 2
    wait_for("it to know", lambda: (three.status(name) or {}).get("verdict") == "removed", 20)
    regions = three.folder / "rack1" / "data" / "regions.json"
    wait_for("the rack to forget it", lambda: name not in regions.read_text(), 20)

    host = next(host for host in three.facts["hosts"] if host["name"] == name)
    three.run("kill", name)
    shutil.rmtree(host["data_dir"])
    os.mkdir(host["data_dir"], 0o750)
    owner = pwd.getpwnam("gantry")
    os.chown(host["data_dir"], owner.pw_uid, owner.pw_gid)
    three.run("start", name)
    wait_for("a region without a cluster", lambda: (three.status(name) or {}).get("verdict") == "no-cluster", 20)
    token = three.folder / name / "token"
    token.write_text(new_token(three, "region", asked))
    three.gantry("cluster", "join", f"@{token}", "--config", three.folder / name / "regiond.conf", host=name)
    token.unlink()
    wait_for("its copy of the data", lambda: (m := by_name(three.status(asked)).get(name)) and m["data_voter"] and m["raft_voter"], 60)
    assert by_name(healthy(three, name))[name]["id"] == 4
    wait_for("the rack to link it", lambda: name in regions.read_text(), 20)

"""Virtual IPs and the primary by hand: listed, added, moved, removed, switched; a door that dies or freezes."""
import json
import os
import signal
import statistics
import time

import pytest

from conftest import Writer
from lab import lab as make_lab, wait_for
from labkit import members

REGIONS = ("region1", "region2", "region3")


@pytest.fixture(name="lab", scope="module")
def make_three():
    with make_lab("gtv", "--regions", "3", "--racks", "0", "--machines", "0", "--no-images") as lab:
        members.wait_whole(lab.plan)
        yield lab


def status(lab):
    return members.wait_whole(lab.plan)


def holder_of(lab, address):
    told = members.newest_status(lab.plan)
    return next((vip["holder"] for vip in told["vips"] if vip["address"] == address and vip["held"]), None) if told else None


def vips(lab, host="region1"):
    return json.loads(lab.gantry("--json", "vip", "list", host=host).stdout)["vips"]


def url_of(lab, address):
    port = lab.facts["api_url"].split(":")[2].split("/")[0]
    return f"http://{address.split('/')[0]}:{port}/MAAS/api/2.0/"


def test_moved_by_hand(lab):
    """The writer's connection is reset once for each move at most, and it goes on at once."""
    address = status(lab)["vips"][0]["address"]
    writer = Writer(lab, "--url", url_of(lab, address))
    moves = []
    try:
        for _ in range(4):
            writer.goes_on(20)
            holder = holder_of(lab, address)
            to = REGIONS[(REGIONS.index(holder) + 1) % 3]
            start = writer.acknowledged[-1][1]
            lab.gantry("vip", "move", address, "--to", to, host=to)
            wait_for("it to be there", lambda t=to: holder_of(lab, address) == t, 10)
            writer.goes_on(20)
            moves.append(writer.longest_gap_s(start))
        writer.check_nothing_lost()
    finally:
        writer.stop()
    print(f"\nvip move: median {statistics.median(moves) * 1000:.0f} ms, most {max(moves) * 1000:.0f} ms", end="")
    assert max(moves) < 1.5
    refused = lab.gantry("vip", "move", address, "--to", to, check=False)
    assert refused.returncode == 5 and "holds it already" in refused.stderr
    refused = lab.gantry("vip", "move", address, "--to", "nobody", check=False)
    assert refused.returncode == 4


def test_added_and_removed(lab):
    before = {vip["address"] for vip in vips(lab)}
    lab.gantry("vip", "add", "10.89.0.109/24")
    wait_for("the API at the new one", lambda: lab.http("http://10.89.0.109:5240/MAAS/api/2.0/version/")[0] == 200, 20)
    assert {vip["address"] for vip in vips(lab, "region2")} == before | {"10.89.0.109/24"}
    refused = lab.gantry("vip", "add", "10.89.0.109/24", check=False)
    assert refused.returncode == 5
    lab.gantry("vip", "remove", "10.89.0.109", host="region3")
    wait_for("it to be gone", lambda: lab.http("http://10.89.0.109:5240/MAAS/api/2.0/version/")[0] == 0, 20)
    assert {vip["address"] for vip in vips(lab)} == before
    assert lab.gantry("vip", "remove", "10.89.0.109", check=False).returncode == 4


def test_primary_is_shown_and_switched(lab):
    before = status(lab)["primary"]
    shown = json.loads(lab.gantry("--json", "primary", "show", host="region2").stdout)
    assert (shown["name"], shown["epoch"], shown["phase"]) == (before["name"], before["epoch"], "serving")
    assert sorted(shown["data_voters"]) == list(REGIONS)
    to = next(name for name in REGIONS if name != before["name"])
    told = json.loads(lab.gantry("--json", "primary", "switchover", "--to", to, host=before["name"]).stdout)
    assert told["name"] == to and told["epoch"] == before["epoch"] + 1
    status(lab)
    refused = lab.gantry("primary", "switchover", "--to", to, check=False)
    assert refused.returncode == 5 and "is the primary already" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_door_that_dies_is_opened_again_and_one_that_freezes_is_left(lab, number):
    told = status(lab)
    address, holder = next((vip["address"], vip["holder"]) for vip in told["vips"])
    time.sleep(5.5)  # it has run well
    writer = Writer(lab, "--url", url_of(lab, address))
    doors = lab.pids("haproxy", holder)
    try:
        writer.goes_on(20)
        start = writer.acknowledged[-1][1]
        for pid in doors:
            os.kill(pid, number)
        writer.goes_on(50)
        gap = writer.longest_gap_s(start)
    finally:
        if number == signal.SIGSTOP:
            for pid in doors:
                os.kill(pid, signal.SIGCONT)
        writer.stop()
    print(f"\n{signal.Signals(number).name} of HAProxy: {gap * 1000:.0f} ms", end="")
    if number == signal.SIGKILL:
        assert gap < 1 and holder_of(lab, address) == holder
    else:
        assert gap < 4 and holder_of(lab, address) != holder

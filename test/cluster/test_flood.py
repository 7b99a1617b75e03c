"""Floods of connections to the ports that regions open: no lease is lost, clients are answered, files and memory have an end."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import Writer
from lab import lab as make_lab
from labkit import members
from labkit.system import in_netns

FLOOD = pathlib.Path(__file__).resolve().parents[1] / "flood.py"
RAFT, RACKS, HOP, POSTGRES, HEALTH = 5250, 5251, 5252, 5253, 5239
REGIONS = [f"10.89.0.{number}" for number in (11, 12, 13)]
STRANGERS = [f"10.89.0.{number}" for number in range(150, 170)]


@pytest.fixture(name="lab", scope="module")
def make_three():
    with make_lab("gtfl", "--regions", "3", "--racks", "0", "--machines", "0", "--no-images") as lab:
        for address in STRANGERS:
            subprocess.run(in_netns(lab.plan.client.netns, "ip", "address", "add", f"{address}/24", "dev", interface(lab)), check=True)
        yield lab


def interface(lab):
    route = subprocess.run(in_netns(lab.plan.client.netns, "ip", "-j", "route", "get", "10.89.0.11"), check=True, capture_output=True)
    return json.loads(route.stdout)[0]["dev"]


def held(lab):
    """Who leads, who is primary, who has which address: each for the how manyth time."""
    told = members.wait_whole(lab.plan)
    return told["cluster"]["term"], told["primary"]["epoch"], [(vip["holder"], vip["epoch"]) for vip in told["vips"]]


def most_files(lab):
    return max(len(os.listdir(f"/proc/{pid}/fd")) for region in ("region1", "region2", "region3") for pid in lab.pids("regiond", region))


@pytest.mark.parametrize("kind, hosts, ports, most", [("hello", REGIONS, (RAFT, RACKS), 300),
                                                      ("silent", REGIONS, (POSTGRES, HEALTH, HOP), 300),
                                                      ("silent", ["10.89.0.100"], (5240,), 4000)])
def test_a_flood(lab, kind, hosts, ports, most):
    """Of twenty addresses; of one at the virtual IP."""
    before, writer = held(lab), Writer(lab)
    targets = [f"{host}:{port}" for host in hosts for port in ports]
    sources = [word for address in STRANGERS[:1 if most > 300 else 20] for word in ("--from", address)]
    try:
        writer.goes_on(10)
        start = writer.acknowledged[-1][1]
        command = in_netns(lab.plan.client.netns, sys.executable, FLOOD, kind, "6", str(most), str(2 * most), *sources, *targets)
        flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        files = 0
        while flood.poll() is None:
            files = max(files, most_files(lab))
            writer.check()
        told = json.loads(flood.stdout.read())
        writer.goes_on(10)
        gap = writer.longest_gap_s(start)
    finally:
        writer.stop()
    print(f"\n{kind} {ports}: {told}, {files} files, longest gap {gap * 1000:.0f} ms", end="")
    assert told["begun"] > 1000 and files < 500
    assert held(lab) == before
    assert gap < 3

"""Three regions lose the primary in every way: another takes over, nothing acknowledged is lost, never two write.

GANTRY_ROUNDS repeats each fault; the gaps in the writes are shown at the end.
"""
import collections
import contextlib
import json
import os
import pathlib
import signal
import statistics
import threading
import time
import urllib.parse

import pytest

from conftest import Writer
from lab import lab as make_lab, wait_for
from labkit import hosts, members

ROUNDS = int(os.environ.get("GANTRY_ROUNDS", "1"))
REGIONS = ("region1", "region2", "region3")
gaps = collections.defaultdict(list)


def status_of(lab, *without):
    return members.newest_status(lab.plan, *without)


def wait_whole(lab, timeout_s=60):
    return members.wait_whole(lab.plan, timeout_s)


class Sampler(threading.Thread):
    """Who says that it is primary: on which timeline, when. A lower timeline after a higher one is a second primary."""

    def __init__(self, lab):
        super().__init__()
        self.lab, self.done, self.seen = lab, threading.Event(), []
        self.start()

    def run(self):
        what = "SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END"
        while not self.done.wait(0.25):
            for region in self.lab.plan.regions:
                answer = members.sql(region, what, 1)
                if answer and int(answer):
                    self.seen.append((int(answer), region.name))

    def check(self):
        self.done.set()
        self.join()
        timelines = [timeline for timeline, _ in self.seen]
        assert timelines == sorted(timelines), f"two primaries: {self.seen}"
        assert len(set(self.seen)) == len(set(timelines)), f"one timeline of two: {set(self.seen)}"


def check_all(lab, writer, sampler):
    """Each acknowledged write is on each region; there was one primary at a time; there is one leader."""
    status = wait_whole(lab)
    assert writer.compare() == ([], [])
    writer.check_nothing_lost()
    sampler.check()
    assert [member["raft_role"] for member in status["members"]].count("leader") == 1


@pytest.fixture(name="lab", scope="module")
def make_three():
    with make_lab("gtf", "--regions", "3", "--racks", "0", "--machines", "0", "--no-images") as lab:
        wait_whole(lab)
        yield lab
        for name, values in sorted(gaps.items()):
            print(f"\ngap {name}: median {statistics.median(values) * 1000:.0f} ms, most {max(values) * 1000:.0f} ms, "
                  f"{len(values)} times", end="")


@pytest.fixture(name="sampler")
def make_sampler(lab):
    wait_whole(lab)
    sampler = Sampler(lab)
    yield sampler
    sampler.done.set()
    sampler.join()


@pytest.fixture(name="writer")
def make_writer(lab):
    """Through a virtual IP of the primary's region, so that a loss of it is a loss of both; less than the writer's patience of 5 s
    is a gap in which nobody waited for a host that is gone."""
    status = wait_whole(lab)
    primary = status["primary"]["name"]
    vip = next((vip for vip in status["vips"] if vip["holder"] == primary), None)
    if not vip:
        vip = status["vips"][0]
        lab.gantry("vip", "move", vip["address"], "--to", primary)
        wait_for("it to hold it", lambda: (now := status_of(lab)) and any(
            v["address"] == vip["address"] and v["holder"] == primary and v["held"] for v in now["vips"]), 10)
    default = urllib.parse.urlsplit(lab.facts["api_url"])
    writer = Writer(lab, "--url", default._replace(netloc=f"{vip['address'].split('/')[0]}:{default.port}").geturl())
    try:
        writer.goes_on(20)
        yield writer
    finally:
        writer.stop()


def run_fault(lab, writer, sampler, name, fault, heal, most_s):
    """A fault of the primary; resumed or healed after its successor has acknowledged writes."""
    before = wait_whole(lab)
    victim, epoch = before["primary"]["name"], before["primary"]["epoch"]
    writer.goes_on(10)
    start = writer.acknowledged[-1][1]
    fault(victim)
    try:
        writer.goes_on(30, 60)
        wait_for("a later epoch", lambda: (now := status_of(lab, victim)) and now["primary"]["epoch"] > epoch and
                 now["primary"]["phase"] == "serving", 30)
        writer.goes_on(10)
    finally:
        heal(victim)
    gap = writer.longest_gap_s(start)
    gaps[name].append(gap)
    print(f"\n{name}: {gap * 1000:.0f} ms", end="")
    check_all(lab, writer, sampler)
    assert gap < most_s, f"{gap:.2f} s without a write"


def nothing(_):
    pass


def signal_postgres(lab, region, number):
    """To the postmaster and all its children: one alone would leave backends that go on writing."""
    hosts = json.loads(lab.run("status").stdout)["hosts"]
    masters = next(host for host in hosts if host["name"] == region)["pids"].get("postgres", [])
    for master in masters:
        children = pathlib.Path(f"/proc/{master}/task/{master}/children")
        for pid in [master, *map(int, children.read_text().split() if children.exists() else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("process, most_s", [("postgres", 4), ("regiond", 4), ("fenced", 4), ("all", 4)])
def test_killed(lab, writer, sampler, process, most_s, turn):
    started = process in ("fenced", "all")
    run_fault(lab, writer, sampler, f"kill {process}", lambda victim: lab.run("kill", victim, "--process", process),
              (lambda victim: lab.run("start", victim)) if started else nothing, most_s)
    assert len(writer.failed) <= 2  # what was under way is lost with its connection; nobody is refused until the address moves


@pytest.mark.level("full")
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_frozen_postgres(lab, writer, sampler, turn):
    run_fault(lab, writer, sampler, "freeze postgres", lambda victim: signal_postgres(lab, victim, signal.SIGSTOP),
              lambda victim: signal_postgres(lab, victim, signal.SIGCONT), 4)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_frozen_postmaster(lab, writer, sampler, turn):
    """Its backends go on, and so do those who are connected; nobody else gets in any more."""
    def signal_it(number):
        return lambda victim: [os.kill(pid, number) for pid in lab.pids("postgres", victim)]
    run_fault(lab, writer, sampler, "freeze postmaster", signal_it(signal.SIGSTOP), signal_it(signal.SIGCONT), 4)


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("process, most_s", [("regiond", 4), ("all", 4)])
def test_frozen_and_resumed(lab, writer, sampler, process, most_s, turn):
    run_fault(lab, writer, sampler, f"freeze {process}", lambda victim: lab.run("stop", victim, "--process", process),
              lambda victim: lab.run("cont", victim, "--process", process), most_s)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_what_a_frozen_region_was_asked_is_asked_elsewhere(lab, writer, turn):
    """The writer goes through the primary's region; some of its requests are passed on to the others. None is refused."""
    primary = wait_whole(lab)["primary"]["name"]
    victim = REGIONS[(REGIONS.index(primary) + 1 + turn) % 3]
    victim = victim if victim != primary else REGIONS[(REGIONS.index(primary) + 1) % 3]
    writer.goes_on(10)
    start = writer.acknowledged[-1][1]
    lab.run("stop", victim, "--process", "regiond")
    try:
        writer.goes_on(100)
    finally:
        lab.run("cont", victim, "--process", "regiond")
    gap = writer.longest_gap_s(start)
    gaps["freeze another regiond"].append(gap)
    print(f"\nfreeze another regiond: {gap * 1000:.0f} ms", end="")
    assert gap < 1.5 and not writer.failed, f"{gap:.2f} s, {writer.failed}"


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("direction, most_s", [("both", 4), ("in", 4), ("out", 4)])
def test_cut_off(lab, writer, sampler, direction, most_s, turn):
    run_fault(lab, writer, sampler, f"cut off {direction}", lambda victim: lab.run("isolate", victim, "--direction", direction),
              lambda victim: lab.run("heal", victim), most_s)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_switchover(lab, writer, sampler, turn):
    def fault(victim):
        to = REGIONS[(REGIONS.index(victim) + 1) % 3]
        lab.gantry("primary", "switchover", "--to", to, host=REGIONS[(REGIONS.index(victim) + 2) % 3])
        assert status_of(lab)["primary"]["name"] == to
    run_fault(lab, writer, sampler, "switchover", fault, nothing, 3)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_orderly_stop(lab, writer, sampler, turn):
    """It hands over what it holds first: clients see a switchover, and who asks while an address moves is answered first."""
    def stop(victim):
        console = lab.plan.host(victim).folder / "log" / "console.log"
        before = len(console.read_bytes())
        hosts.stop_orderly(lab.plan.host(victim))
        assert b"without having handed over" not in console.read_bytes()[before:]
    run_fault(lab, writer, sampler, "orderly stop", stop, lambda victim: lab.run("start", victim), 3)
    assert len(writer.failed) <= 1


def test_stop_without_the_others(lab, writer):
    """Nobody is there to take anything over: it ends all the same, and soon."""
    last = wait_whole(lab)["primary"]["name"]
    for region in REGIONS:
        if region != last:
            lab.run("kill", region)
    start = time.monotonic()
    hosts.stop_orderly(lab.plan.host(last))
    assert time.monotonic() - start < 10
    for region in REGIONS:
        lab.run("start", region)
    writer.goes_on(20, 60)


def test_all_stop_and_start(lab, writer, sampler):
    before = wait_whole(lab)["primary"]["epoch"]
    for region in REGIONS:
        lab.run("kill", region)
    time.sleep(1)
    for region in REGIONS:
        lab.run("start", region)
    writer.goes_on(20, 60)
    assert wait_whole(lab)["primary"]["epoch"] > before
    check_all(lab, writer, sampler)

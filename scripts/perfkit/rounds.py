"""A fault of the primary in a whole cluster, and for how long a writing client got no answer through the virtual IP.

The client's address is one that the victim holds, if it holds any: that is the worst. The victim is resumed or healed after
its successor has acknowledged writes, and the round ends when the cluster is whole again: the longest gap of all that counts.
"""
import contextlib
import dataclasses
import os
import pathlib
import signal
import time
from typing import Callable

from labkit import hosts, network
from labkit.members import leader_of, newest_status, wait_whole
from labkit.probers import Writer
from labkit.system import LabError, command_of, netns_pids, wait_for

CLIENTS = {"new": (), "kept": ("--keep-alive",)}  # a connection for each request, or one for all
WHOLE_S, MOVE_S = 90, 30


def nothing(*_):
    pass


def signal_postgres(region, number):
    """To the postmaster and all its children: one alone would leave backends that go on writing."""
    for pid in netns_pids(region.netns):
        command = command_of(pid)
        if command and command[0] == "postgres":
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def switch_over(plan, victim):
    others = [region for region in plan.regions if region is not victim]
    hosts.gantry(plan, others[1], "primary", "switchover", "--to", others[0].name)


@dataclasses.dataclass
class Fault:
    """What is done to a region, and what mends it."""
    do: Callable
    mend: Callable = nothing
    moves: bool = True  # another epoch has to follow


def killed(process):
    started = process in ("fenced", "all")
    return Fault(lambda plan, victim: hosts.kill(plan, victim, process),
                 hosts.start if started else nothing)


def resume(region, process):
    with contextlib.suppress(LabError):  # it was ended meanwhile
        hosts.resume(region, process)


def frozen(process, moves=True):
    return Fault(lambda _, victim: hosts.pause(victim, process), lambda _, victim: resume(victim, process), moves)


def cut_off(direction):
    return Fault(lambda plan, victim: network.isolate(plan, victim, direction, []), network.heal)


FAULTS = {
    "kill-postgres": killed("postgres"), "kill-regiond": killed("regiond"), "kill-fenced": killed("fenced"),
    "host-gone": killed("all"), "cut-both": cut_off("both"), "cut-in": cut_off("in"), "cut-out": cut_off("out"),
    "freeze-postgres": Fault(lambda _, victim: signal_postgres(victim, signal.SIGSTOP),
                             lambda _, victim: signal_postgres(victim, signal.SIGCONT)),
    "freeze-regiond": frozen("regiond"), "freeze-fenced": frozen("fenced", moves=False), "freeze-host": frozen("all"),
    "switchover": Fault(switch_over), "restart": Fault(lambda _, victim: hosts.stop_orderly(victim), hosts.start),
}


def roles(status, name):
    """What a region is in a status."""
    held = [vip["address"].partition("/")[0] for vip in status["vips"] if vip["holder"] == name]
    return {"primary": status["primary"]["name"] == name, "leader": leader_of(status) == name, "vips": held}


def url_of(plan, address):
    return plan.api_url.replace(plan.vips[0], address)


def wait_moved(plan, victim, epoch):
    def moved():
        status = newest_status(plan, victim.name)
        return status and status["primary"]["epoch"] > epoch and status["primary"]["phase"] == "serving"
    wait_for("a later epoch", moved, MOVE_S, 0.1)


def break_and_mend(plan, fault, victim, epoch, writer):
    """Until the cluster is whole again; (when it broke, when it was mended)."""
    broken = time.monotonic()
    fault.do(plan, victim)
    try:
        if fault.moves:
            wait_moved(plan, victim, epoch)
        else:
            time.sleep(5)
        writer.goes_on(50)
    finally:
        fault.mend(plan, victim)
    mended = time.monotonic()
    wait_whole(plan, WHOLE_S)
    writer.goes_on(50)
    return broken, mended


def judge(writer, row):
    """Adds what became of the acknowledged writes. The writer has stopped."""
    lost, twice = writer.compare(20)
    row.update({"acknowledged": len(writer.acknowledged), "lost": len(lost), "twice": len(twice), "lost_names": lost[:20]})
    if writer.refused:
        raise LabError(f"an answer that may not be: {writer.refused[0]}")


def fault_round(plan, key, name, client):
    """One row of results: the longest gap in milliseconds."""
    status = wait_whole(plan, WHOLE_S)
    victim, epoch = plan.host(status["primary"]["name"]), status["primary"]["epoch"]
    was = roles(status, victim.name)
    url = url_of(plan, (was["vips"] or plan.vips)[0])
    writer = Writer(plan, key, "--kind", "key", "--every-ms", "10", "--url", url, *CLIENTS[client])
    row = {"unit": "ms", "victim": {"name": victim.name, **was}}
    try:
        writer.goes_on(100)
        broken, mended = break_and_mend(plan, FAULTS[name], victim, epoch, writer)
        begin, end = writer.longest_gap(broken)
        row.update({"value": round((end - begin) * 1000), "gap_from_s": round(begin - broken, 3), "mended_s": round(mended - broken, 2),
                    "whole_s": round(time.monotonic() - mended, 1),
                    "notes": {"failed requests": sum(1 for _, when in writer.failed if when >= broken)}})
    finally:
        writer.stop()
    judge(writer, row)
    return row


def log_marks(plan):
    """{region: size of its log}: what a failed round shows starts there."""
    return {region.name: (region.folder / "log" / "console.log").stat().st_size for region in plan.regions}


def log_since(plan, marks, folder: pathlib.Path):
    """Keeps what the regions wrote since then, for the reader of a failed round."""
    folder.mkdir(parents=True, exist_ok=True)
    for region in plan.regions:
        with open(region.folder / "log" / "console.log", "rb") as log:
            log.seek(marks.get(region.name, 0))
            (folder / f"{region.name}.log").write_bytes(log.read())

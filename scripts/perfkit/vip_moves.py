"""Moves of a virtual IP seen by packets: how long nobody answers, whether two do, and clients after a heal."""
import dataclasses
import json
import time

from labkit import hosts, network
from labkit.members import leader_of, newest_status, wait_whole
from labkit.plan import Host
from labkit.system import LabError, run, wait_for

from .packets import INTERFACE, Packets, gap_s, overlap_s
from .rounds import FAULTS, WHOLE_S

KINDS = ("arp", "icmp", "tcp")
HARD = ("host-gone", "cut-both", "freeze-host", "freeze-regiond", "kill-regiond", "kill-fenced")
TRIES = 3
CASES = {f"vip-{name}": name for name in HARD} | {"vip-orderly": None, "vip-heal": None}


class MovedAlready(LabError):
    """The cluster handed the address over by itself at that moment: another one is to be chosen."""


@dataclasses.dataclass
class Vip:
    """A virtual IP before it is moved."""
    address: str
    epoch: int
    old: Host

    @property
    def old_mac(self):
        links = json.loads(run("ip", "-j", "-n", self.old.netns, "link", "show", "dev", INTERFACE).stdout)
        return links[0]["address"]


def choose(plan, status):
    """One of a region that is neither primary nor leader if such a one holds any, so that nothing else moves."""
    busy = {status["primary"]["name"], leader_of(status)}
    held = sorted((vip for vip in status["vips"] if vip["held"]), key=lambda vip: vip["holder"] in busy)
    if not held:
        raise LabError("nobody holds a virtual IP")
    return Vip(held[0]["address"].partition("/")[0], held[0]["epoch"], plan.host(held[0]["holder"]))


def wait_again(plan, address, epoch, *without):
    """The name of the region that holds the address in a later epoch."""
    def again():
        status = newest_status(plan, *without)
        vips = status["vips"] if status else ()
        return next((vip["holder"] for vip in vips if vip["address"].startswith(f"{address}/") and vip["held"] and
                     vip["epoch"] > epoch), None)
    return wait_for(f"{address} to be held again", again, 20, 0.05)


def wait_answers(vip, packets):
    """Until another host than before answers."""
    wait_for("answers of the new holder", lambda: packets.holder() != vip.old_mac, 5, 0.02)


def orderly(plan, vip, packets):
    other = next(region for region in plan.regions if region is not vip.old)
    hosts.gantry(plan, other, "vip", "move", "--address", vip.address, "--to", other.name)
    wait_again(plan, vip.address, vip.epoch)
    wait_answers(vip, packets)


def hard(name):
    fault = FAULTS[name]

    def move(plan, vip, packets):
        fault.do(plan, vip.old)
        try:
            if packets.holder() != vip.old_mac:
                raise MovedAlready(f"{vip.address} was not at {vip.old.name}")
            if wait_again(plan, vip.address, vip.epoch, vip.old.name) != vip.old.name:
                wait_answers(vip, packets)
            time.sleep(0.5)
        finally:
            fault.mend(plan, vip.old)
    return move


def moved(plan, vip, packets, move):
    """The longest gap of TCP in ms, those of ARP and ICMP as notes, and for how long two answered."""
    time.sleep(0.5)
    begin = time.monotonic()
    move(plan, vip, packets)
    wait_whole(plan, WHOLE_S)
    time.sleep(0.5)
    end = time.monotonic()
    packets.stop()
    gaps = {kind: round(gap_s(packets.answers, kind, begin, end) * 1000) for kind in KINDS}
    return {"unit": "ms", "value": gaps["tcp"], "notes": {"arp": gaps["arp"], "icmp": gaps["icmp"],
                                                          "two answer": round(overlap_s(packets.answers) * 1000)}}


def healed(plan, vip, packets):
    """A client beside a holder that is cut off from the rest: how long after the heal it is still wrong, in ms."""
    others = [region for region in plan.regions if region is not vip.old]
    network.isolate(plan, vip.old, "both", others)
    network.isolate(plan, plan.client, "both", others)
    try:
        wait_again(plan, vip.address, vip.epoch, vip.old.name)
        time.sleep(0.5)
        stale = packets.holder()
    finally:
        network.heal(plan)
    heal = time.monotonic()

    def right(kind):
        return next((when for when, what, mac in list(packets.answers) if what == kind and when >= heal and mac != stale), None)
    for kind in KINDS:
        wait_for(f"an answer to {kind} of the new holder", lambda kind=kind: right(kind), 30, 0.05)
    wait_whole(plan, WHOLE_S)
    packets.stop()
    late = {kind: round((right(kind) - heal) * 1000) for kind in KINDS}
    return {"unit": "ms", "value": late["tcp"], "notes": {"arp": late["arp"], "icmp": late["icmp"],
                                                          "two answer": round(overlap_s(packets.answers) * 1000)}}


def one_move(plan, name):
    vip = choose(plan, wait_whole(plan, WHOLE_S))
    packets = Packets(plan, vip.address)
    try:
        wait_for("the holder's answers", packets.holder, 5)
        if name == "vip-heal":
            row = healed(plan, vip, packets)
        else:
            row = moved(plan, vip, packets, hard(CASES[name]) if CASES[name] else orderly)
    finally:
        packets.stop()
    return {**row, "address": vip.address, "old": vip.old.name}


def vip_round(plan, name):
    """One row of results."""
    for _ in range(TRIES - 1):
        try:
            return one_move(plan, name)
        except MovedAlready:
            wait_whole(plan, WHOLE_S)
    return one_move(plan, name)

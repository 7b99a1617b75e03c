"""The configuration changes while one of a network's two racks is away and goes on giving addresses by the old one: what it may
still give waits, the rest does not, and in the end all is as it was ordered. Terms of 60 s instead of a day."""
import json
import time

import pytest

from dhcp_clients import clients_of
from lab import lab as make_lab, wait_for

FIRST, SECOND = "10.77.0.1", "10.77.0.2"
TERM_S = 60
SETTLED_S = TERM_S * 1.01 + TERM_S / 24 + TERM_S / 4  # docs/ha.md, 44
PROBE = bytes([2, 0, 9, 0, 0, 1])
MINE, OTHER, NEW, LAST = (bytes([2, 0, 8, 0, 0, number]) for number in (1, 2, 3, 4))
WANTED = "10.77.0.195"  # of the second rack's blocks


@pytest.fixture(name="racks", scope="module")
def make_racks():
    with make_lab("gte", "--racks", "2", "--machines", "0", "--no-images", "--region-set", f"dhcp.term_s={TERM_S}") as lab:
        yield lab


@pytest.fixture(name="clients", scope="module")
def make_clients(racks):
    with clients_of(racks) as clients:
        yield clients


def api(racks, *argv):
    result = racks.gantry("--json", *argv, host="client")
    return json.loads(result.stdout) if result.stdout.strip() else None


def reserve(racks, mac, address):
    api(racks, "reserved-ip", "create", f"mac_address={mac.hex(':')}", f"ip={address}")


def end_range(racks, last):
    (dynamic,) = api(racks, "iprange", "list")
    api(racks, "iprange", "update", str(dynamic["id"]), f"end_ip={last}")


def served_vlan(racks):
    (vlan,) = [subnet["vlan"] for subnet in api(racks, "subnet", "list") if subnet["vlan"]["dhcp_on"]]
    return vlan


def pending(racks):
    vlan = api(racks, "vlan", "read", str(served_vlan(racks)["id"]))
    return {(row["address"], row["rack"]) for row in vlan.get("dhcp_pending", [])}


def healthy(racks, clients):
    wait_for("both racks to be linked", lambda: [rack.get("region") for rack in (racks.status() or {"racks": []})["racks"]]
             == ["region1", "region1"], 40)
    wait_for("the first rack to serve", lambda: clients.lease(PROBE)[1] == FIRST, 30)


class Watched:
    """What the rack that is away gives to new clients, and what the other gives the machine of the reservation."""

    def __init__(self, clients, start):
        self.clients, self.start = clients, start
        self.given, self.mine, self.silent = [], [], None

    def now(self):
        return time.monotonic() - self.start

    def look(self):
        lease = self.clients.take_from(self.clients.new_mac(), SECOND, WANTED)
        if lease:
            self.silent = None
            self.given.append((lease[0], self.now() + lease[1]))
        else:
            self.silent = self.silent or self.now()
        lease = self.clients.take_from(MINE, FIRST)
        if lease:
            self.mine.append((lease[0], self.now()))
        self.clients.check()


def test_changed_while_one_is_away(racks, clients):
    healthy(racks, clients)
    away = served_vlan(racks)["secondary_rack"]
    wait_for("the second rack's lease", lambda: clients.take_from(OTHER, SECOND, WANTED), 20)
    racks.run("isolate", "rack2", "--from", "region1")
    watched = Watched(clients, time.monotonic())
    # .190 to .199 are not given by DHCP any more, but for .195 to one machine; .50 never was.
    end_range(racks, "10.77.0.189")
    reserve(racks, MINE, WANTED)
    reserve(racks, NEW, "10.77.0.50")
    wait_for("the new reservation", lambda: clients.lease(NEW)[0] == "10.77.0.50", 10)
    assert pending(racks) == {(WANTED, away)}
    while watched.now() < TERM_S + 10:
        watched.look()
        time.sleep(0.5)
    last_end = max((end for _, end in watched.given), default=0)
    print(f"the rack that is away gave {len(watched.given)} leases, the last until {last_end:.0f} s, silent from {watched.silent} s on")
    assert watched.given, "the rack that is away gave nothing at all"
    assert watched.silent and watched.silent <= TERM_S + 3 and last_end <= TERM_S + 3, "it goes on beyond its term"
    # Its term is over for certain: the reservation holds.
    wait_for("the reserved address", lambda: (clients.take_from(MINE, FIRST) or [""])[0] == WANTED, SETTLED_S + 30, 1)
    print(f"the reserved address was given at {watched.now():.0f} s")
    assert all(address != WANTED for address, _ in watched.mine)
    assert not pending(racks)
    # It comes back, and gives by the new one.
    racks.run("heal")
    healthy(racks, clients)
    assert wait_for("the second rack", lambda: clients.take_from(MINE, SECOND), 40)[0] == WANTED
    clients.check()


def test_changed_while_both_are_there(racks, clients):
    """It takes as long as two racks take to say that they have it."""
    healthy(racks, clients)
    end_range(racks, "10.77.0.179")
    reserve(racks, LAST, "10.77.0.185")
    start = time.monotonic()
    wait_for("the reserved address", lambda: clients.lease(LAST)[0] == "10.77.0.185", 20)
    print(f"the reserved address was given after {time.monotonic() - start:.1f} s")
    # the rack that gave it knows first; the other holds it back until it has its next document
    wait_for("nothing to wait", lambda: not pending(racks), 10)
    clients.check()

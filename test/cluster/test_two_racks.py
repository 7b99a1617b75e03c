"""Two racks on one wire of a real cluster, and clients that never stop: whatever is killed, stopped or cut off, no address is
two clients' at one time, and a new client waits no longer than until its first retry."""
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "rack"))
from dhcp_wire import ACK, DISCOVER, NAK, OFFER, REQUEST, Client, Wire, message, parse  # noqa: E402
from lab import lab as make_lab, wait_for  # noqa: E402

RETRY_S = 4.0  # RFC 2131, 4.1: the first one, give or take a second
GOAL_S = 4.5


class Segment(Wire):
    """A namespace with client0 on the lab's provisioning bridge."""

    def __init__(self, lab):  # pylint: disable=super-init-not-called
        provision = lab.facts["provision"]
        self.rack, self.client = provision["netns"], "gtd-dhcp"
        subprocess.run(["ip", "netns", "add", self.client], check=True)
        for argv in (["-n", self.rack, "link", "add", "dhcpc0", "type", "veth", "peer", "name", "client0", "netns", self.client],
                     ["-n", self.rack, "link", "set", "dhcpc0", "master", provision["bridge"], "up"],
                     ["-n", self.client, "link", "set", "client0", "up"]):
            subprocess.run(["ip", *argv], check=True)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.client], check=False)


class Clients:
    """Each MAC asks as clients do, and the book says who had which address until when."""

    def __init__(self, segment):
        self.client = Client(segment)
        self.book, self.lock, self.next, self.twice = {}, threading.Lock(), 1, []

    def new_mac(self):
        self.next += 1
        return bytes([2, 0, 7]) + struct.pack("!I", self.next)[1:]

    def note(self, mac, address, lease_s):
        now = time.monotonic()
        with self.lock:
            holder, until = self.book.get(address, (mac, 0))
            if holder != mac and until > now:
                self.twice.append((address, holder.hex(), mac.hex(), until - now))
            self.book[address] = (mac, now + lease_s)

    def exchange(self, kind, mac, xid, secs, wait_s, **options):
        """One message and its answer, or None."""
        datagram = bytearray(message(kind, mac, xid, **options))
        datagram[8:10] = struct.pack("!H", secs)
        self.client.send(bytes(datagram))
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            self.client.socket.settimeout(left)
            try:
                bytes_in = self.client.socket.recv(1500)
            except TimeoutError:
                return None
            reply = parse(bytes_in)
            if reply[3] == xid and reply[4] == mac:
                return reply, lease_of(bytes_in)
        return None

    def lease(self, mac=None, patience_s=20):
        """(address, server, seconds until the ACK) with retries at 4 s as the RFC has them."""
        mac = mac or self.new_mac()
        self.client.xid += 1
        xid, start = self.client.xid, time.monotonic()
        while time.monotonic() - start < patience_s:
            offered = self.exchange(DISCOVER, mac, xid, int(time.monotonic() - start), RETRY_S)
            if not offered or offered[0][0] != OFFER:
                continue
            (_, address, server, _, _), _ = offered
            acked = self.exchange(REQUEST, mac, xid, int(time.monotonic() - start), 1, o50=socket.inet_aton(address), o54=server)
            if acked and acked[0][0] == ACK:
                self.note(mac, address, acked[1])
                return address, socket.inet_ntoa(server), time.monotonic() - start
        raise AssertionError(f"no address within {patience_s} s")

    def again(self, mac, address):
        """A client that starts anew wants its address (INIT-REBOOT, for a renewal is answered to the address itself): the
        type of the answer and the lease's time, or None."""
        self.client.xid += 1
        answer = self.exchange(REQUEST, mac, self.client.xid, 0, 1, o50=socket.inet_aton(address))
        if not answer:
            return None
        if answer[0][0] == ACK:
            self.note(mac, address, answer[1])
        return answer[0][0], answer[1]

    def check(self):
        assert not self.twice, self.twice


def lease_of(datagram):
    at = 240
    while datagram[at] != 255:
        if datagram[at] == 51:
            return struct.unpack_from("!I", datagram, at + 2)[0]
        at += 2 + datagram[at + 1] if datagram[at] else 1
    return 0


@pytest.fixture(name="racks", scope="module")
def make_racks():
    with make_lab("gtd", "--racks", "2", "--machines", "0", "--no-images") as lab:
        yield lab


@pytest.fixture(name="clients", scope="module")
def make_clients(racks):
    segment = Segment(racks)
    clients = Clients(segment)
    yield clients
    clients.client.close()
    segment.close()


FIRST, SECOND = "10.77.0.1", "10.77.0.2"
PROBE = bytes([2, 0, 9, 0, 0, 1])


def healthy(racks, clients):
    """Both are linked and have blocks."""
    def linked():
        status = racks.status()
        return status and [rack["region"] for rack in status["racks"]] == ["region1", "region1"]
    wait_for("both racks to be linked", linked, 40)
    wait_for("the first rack to serve", lambda: clients.lease(PROBE)[1] == FIRST, 30)


def console(racks, name):
    return (racks.folder / name / "log" / "console.log").read_text(errors="replace")


def test_each_has_blocks(racks, clients):
    healthy(racks, clients)
    for name in ("rack1", "rack2"):
        wait_for(f"{name}'s blocks", lambda name=name: "blocks of addresses to give from" in console(racks, name), 20)
    address, server, seconds = clients.lease()
    assert server == FIRST and seconds < 1
    assert address.startswith("10.77.0.1")
    clients.check()


def held_by(clients, count):
    """Clients with leases of the first rack: {mac: address}."""
    held = {}
    for _ in range(count):
        mac = clients.new_mac()
        address, server, _ = clients.lease(mac)
        assert server == FIRST
        held[mac] = address
    return held


def faulted(racks, clients, fault, mend):
    """A new client right after the fault, its time; more; then what it was mended to."""
    held = held_by(clients, 3)
    time.sleep(5)  # the other rack hears of them
    fault()
    address, server, seconds = clients.lease()
    assert server == SECOND and address not in held.values()
    assert seconds <= GOAL_S, seconds
    for mac, lent in held.items():
        kind, lease_s = wait_for("the other rack to renew", lambda mac=mac, lent=lent: clients.again(mac, lent), 10)
        assert kind == ACK and 600 <= lease_s <= 750 and kind != NAK
    for _ in range(4):
        clients.lease()
    mend()
    healthy(racks, clients)
    for mac, address in held.items():
        assert clients.again(mac, address)[0] == ACK
    for _ in range(3):
        clients.lease()
    clients.check()
    return seconds


def test_first_rack_killed(racks, clients, record_property):
    healthy(racks, clients)
    seconds = faulted(racks, clients, lambda: racks.run("kill", "rack1"), lambda: racks.run("start", "rack1"))
    record_property("new_lease_s", seconds)
    print(f"killed: a new lease after {seconds:.2f} s")


def test_first_rack_stopped(racks, clients, record_property):
    healthy(racks, clients)
    seconds = faulted(racks, clients, lambda: racks.run("stop", "rack1"), lambda: racks.run("cont", "rack1"))
    record_property("new_lease_s", seconds)
    print(f"stopped: a new lease after {seconds:.2f} s")


def test_first_rack_cut_off_from_all(racks, clients, record_property):
    healthy(racks, clients)
    hub = racks.facts["provision"]["netns"]
    pairs = '{ "dhcpc0" . "p-rack1", "p-rack1" . "dhcpc0" }'

    def cut():  # the lab knows nothing of our clients
        subprocess.run(["ip", "netns", "exec", hub, "nft", "add", "element", "bridge", "lab_isolate", "pairs", pairs], check=True)
        racks.run("isolate", "rack1")
    seconds = faulted(racks, clients, cut, lambda: racks.run("heal"))
    record_property("new_lease_s", seconds)
    print(f"isolated: a new lease after {seconds:.2f} s")


def test_regions_cut_off_from_one(racks, clients):
    """25 s in which the first rack hears no region, and both answer the same clients."""
    healthy(racks, clients)
    racks.run("isolate", "rack1", "--from", "region1")
    end = time.monotonic() + 25
    servers = set()
    macs = [clients.new_mac() for _ in range(6)]
    while time.monotonic() < end:
        servers.add(clients.lease(macs[0])[1])
        macs.append(macs.pop(0))
        time.sleep(0.4)
    racks.run("heal")
    healthy(racks, clients)
    assert FIRST in servers  # it goes on
    clients.check()


def test_no_region_at_all(racks, clients):
    """Both go on from what they have; a rack that starts then as well."""
    healthy(racks, clients)
    held = held_by(clients, 3)
    time.sleep(2)
    racks.run("kill", "region1")
    for _ in range(3):
        assert clients.lease()[1] == FIRST
    racks.run("kill", "rack1", "--process", "rackd")
    wait_for("the first rack to serve again", lambda: clients.lease(PROBE)[1] == FIRST, 30)
    for mac, address in held.items():
        assert clients.again(mac, address)[0] == ACK
    racks.run("start", "region1")
    wait_for("the region", lambda: (racks.status() or {}).get("verdict") == "healthy", 60)
    healthy(racks, clients)
    clients.check()
